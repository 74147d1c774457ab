"""PayPal's dashboard on the page: rows and buttons for the local PayPal's subscriptions."""

from __future__ import annotations

from decimal import Decimal

from sandbox.page.desk.base import Button, Desk, Row
from sandbox.stage import Stage
from standins.paypal import PayPalRefusal, Subscription, formatting
from standins.paypal.billing import OVER
from standins.paypal.money import spoken as money
from standins.paypal.payments import Sale
from standins.paypal.state import Obj
from standins.paypal.subscription_terms import cycles_of
from standins.paypal.times import spoken

AFTER_END = 60


class PayPalDesk(Desk[Subscription]):
    """PayPal's dashboard. A subscription that no buyer has approved is not listed."""

    title = "PayPal"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.world, self.dashboard = stage.paypal.world, stage.paypal.dashboard

    def _buttons(self) -> dict[str, Button[Subscription]]:
        return {
            "fail": Button(_runs, lambda s, price: self._fail()),
            "dispute": Button(self._is_paid, lambda s, price: self.dashboard.dispute(self._last(s).id)),
            "win": Button(self._dispute, lambda s, price: self.dashboard.win(self._disputed(s))),
            "lose": Button(self._dispute, lambda s, price: self.dashboard.lose(self._disputed(s))),
            "refund": Button(self._is_paid, lambda s, price: self.dashboard.refund(self._last(s).id)),
            "reverse": Button(self._is_paid, lambda s, price: self.dashboard.reverse(self._last(s).id)),
            "cancel": Button(_is_alive, lambda s, price: self.dashboard.cancel(s.id)),
            "suspend": Button(_runs, lambda s, price: self.dashboard.suspend(s.id)),
            "activate": Button(
                lambda s: s.status == "SUSPENDED", lambda s, price: self.dashboard.activate(s.id)
            ),
        }

    def _all(self) -> list[Subscription]:
        return [one for one in self.world.all("subscription") if one.buyer is not None]

    def _id(self, subscription: Subscription) -> str:
        return subscription.id

    def _holder(self, subscription: Subscription) -> int | None:
        return self.stage.peek.member_of(subscription.custom_id or "")

    def _facts(self, subscription: Subscription) -> Row:
        alive, paid = _is_alive(subscription), self._paid_through(subscription)
        line = (
            formatting.badge(subscription),
            formatting.cost(self.world, subscription),
            formatting.sentence(subscription),
        )
        said = f"{formatting.badge(subscription)} · paid until {spoken(paid)}" if paid else "Ended"
        return {
            "created": subscription.created,
            "product": formatting.plan_name(self.world, subscription),
            "status": formatting.badge(subscription).lower(),
            "alive": alive,
            "line": " · ".join(line) if alive else said,
            "next_at": self._next_charge(subscription) or (paid and paid + AFTER_END),
            "fails_next": self.world.settings.decline_next > 0,
            "others": [],
        }

    def _next_charge(self, subscription: Subscription) -> int | None:
        at = self.dashboard.next_charge(subscription.id) if _runs(subscription) else None
        return None if at is None else at + AFTER_END

    def _paid_through(self, subscription: Subscription) -> int | None:
        """Return until when the subscription gives its roles without another payment.

        The time is the ledger's, in unix seconds; None once it is over.
        """
        until = self.stage.peek.paid_through(subscription.id)
        return until if until and until > self.stage.clock.now() else None

    def _fail(self) -> None:
        self.dashboard.fail_next_payment(0 if self.world.settings.decline_next else 1)

    def _last(self, subscription: Subscription) -> Sale:
        return self.dashboard.last_sale(subscription.id)

    def _is_paid(self, subscription: Subscription) -> bool:
        try:
            sale = self._last(subscription)
        except PayPalRefusal:
            return False
        return sale.status == "COMPLETED" and not self._disputes(sale)

    def _dispute(self, subscription: Subscription) -> Obj | None:
        try:
            found = self._disputes(self._last(subscription))
        except PayPalRefusal:
            return None
        return next((one for one in found if one["status"] != "RESOLVED"), None)

    def _disputes(self, sale: Sale) -> list[Obj]:
        return [
            one
            for one in self.world.all("dispute")
            if one["disputed_transactions"][0]["seller_transaction_id"] == sale.id
        ]

    def _disputed(self, subscription: Subscription) -> str:
        return str((self._dispute(subscription) or {}).get("dispute_id"))


def plan_words(plan: Obj) -> str:
    """Return plan, amount and interval, such as "Gold at PayPal, €5.00 every month"."""
    cycle = cycles_of(plan)[-1]
    price = cycle["pricing_scheme"]["fixed_price"]
    amount = money(Decimal(price["value"]), price["currency_code"])
    return f"{plan['name']} at PayPal, {amount} {formatting.every(cycle)}"


def _is_alive(subscription: Subscription) -> bool:
    return subscription.status not in OVER


def _runs(subscription: Subscription) -> bool:
    return subscription.status == "ACTIVE"
