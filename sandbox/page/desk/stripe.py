"""Stripe's dashboard on the page: rows and buttons for the local Stripe's subscriptions."""

from __future__ import annotations

from typing import Any

from sandbox.page.desk.base import Button, Desk, Row
from sandbox.stage import Stage
from standins.stripe import StripeRefusal, formatting
from standins.stripe.billing import period_end
from standins.stripe.cancel import OVER

Json = dict[str, Any]
# A renewal leaves its invoice a draft for an hour (docs.stripe.com/billing/invoices/subscription), so a
# jump to the end of a period continues until the payment was tried.
AFTER_RENEWAL = 3600 + 120
AFTER_END = 60


class StripeDesk(Desk[Json]):
    """Stripe's dashboard. Subscriptions are dicts, as the API shows them."""

    title = "Stripe"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.world, self.dashboard = stage.stripe.world, stage.stripe.dashboard

    def _buttons(self) -> dict[str, Button[Json]]:
        return {
            "fail": Button(_alive, lambda s, price: self._fail()),
            "dispute": Button(self._is_paid, lambda s, price: self.dashboard.dispute(self._last(s)["id"])),
            "win": Button(self._dispute, lambda s, price: self.dashboard.win(self._disputed(s))),
            "lose": Button(self._dispute, lambda s, price: self.dashboard.lose(self._disputed(s))),
            "refund": Button(self._is_paid, lambda s, price: self.dashboard.refund(self._last(s)["id"])),
            "cancel": Button(_alive, lambda s, price: self.dashboard.cancel_now(s["id"])),
            "pause": Button(
                lambda s: _alive(s) and not s["pause_collection"],
                lambda s, price: self.dashboard.pause(s["id"]),
            ),
            "unpause": Button(
                lambda s: _alive(s) and s["pause_collection"],
                lambda s, price: self.dashboard.unpause(s["id"]),
            ),
            "switch": Button(_alive, lambda s, price: self.dashboard.change_price(s["id"], price)),
        }

    def _all(self) -> list[Json]:
        return self.world.all("subscription")

    def _id(self, subscription: Json) -> str:
        return str(subscription["id"])

    def _holder(self, subscription: Json) -> int | None:
        return int(subscription["metadata"].get("discord_user_id", 0)) or None

    def _facts(self, subscription: Json) -> Row:
        badge, sentence = formatting.state(subscription)
        alive = _alive(subscription)
        line = " · ".join(filter(None, (badge, formatting.cost(self.world, subscription), sentence)))
        return {
            "created": subscription["created"],
            "product": formatting.plan_name(self.world, subscription),
            "status": subscription["status"].replace("_", " "),
            "alive": alive,
            "line": line if alive else "Ended",
            "next_at": _next_moment(subscription) if alive else None,
            "fails_next": self.world.settings.decline_next > 0,
            "others": self._others(subscription) if alive else [],
        }

    def _others(self, subscription: Json) -> list[Json]:
        """Return the prices to which the subscription can be switched."""
        now = subscription["items"]["data"][0]["price"]
        prices = [price for price in self.world.all("price", active=True) if price["recurring"]]
        return [
            {"id": price["id"], "label": price_words(self.stage, price)}
            for price in prices
            if price["id"] != now
        ]

    def _fail(self) -> None:
        self.dashboard.fail_next_payment(0 if self.world.settings.decline_next else 1)

    def _last(self, subscription: Json) -> Json:
        return self.dashboard.last_charge(subscription["id"])

    def _charge(self, subscription: Json) -> Json | None:
        try:
            return self._last(subscription)
        except StripeRefusal:
            return None

    def _is_paid(self, subscription: Json) -> bool:
        charge = self._charge(subscription)
        return charge is not None and not charge["disputed"] and not charge["refunded"]

    def _dispute(self, subscription: Json) -> Json | None:
        charge = self._charge(subscription)
        found = self.world.all("dispute", charge=charge["id"]) if charge else []
        return next((one for one in found if one["status"] not in ("won", "lost")), None)

    def _disputed(self, subscription: Json) -> str:
        return str((self._dispute(subscription) or {}).get("id"))


def price_words(stage: Stage, price: Json) -> str:
    """Return product, amount and interval, such as "Gold, €5.00 per month"."""
    product = stage.stripe.world.get("product", price["product"])["name"]
    return f"{product}, {formatting.money(price['unit_amount'], price['currency'])} {formatting.every(price)}"


def _next_moment(subscription: Json) -> int:
    if subscription["cancel_at"]:
        return int(subscription["cancel_at"]) + AFTER_END
    return period_end(subscription) + AFTER_RENEWAL


def _alive(subscription: Json) -> bool:
    return subscription["status"] not in OVER
