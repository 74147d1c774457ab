"""Manual actions of the merchant, the buyer's bank or PayPal.

Each takes effect before it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from standins.paypal import catalog, disputes, payments, subscriptions
from standins.paypal.errors import PayPalRefusal
from standins.paypal.payments import Sale
from standins.paypal.state import Obj, World


@dataclass
class Dashboard:
    world: World
    acted: Callable[[], None]  # makes the clockwork check again for due jobs

    def suspend(self, subscription_id: str, reason: str = "Suspended by the merchant") -> None:
        subscriptions.suspend(self.world, subscription_id, reason)
        self.acted()

    def activate(self, subscription_id: str, reason: str = "Activated by the merchant") -> None:
        subscriptions.activate(self.world, subscription_id, reason)
        self.acted()

    def cancel(self, subscription_id: str, reason: str = "Cancelled by the merchant") -> None:
        subscriptions.cancel(self.world, subscription_id, reason)
        self.acted()

    def change_price(self, plan_id: str, amount: str) -> None:
        """Change a plan's regular price, for existing subscriptions too."""
        catalog.change_price(self.world, plan_id, amount)

    def turn_plan(self, plan_id: str, action: str) -> None:
        """Activate or deactivate a plan; `action` is "activate" or "deactivate"."""
        catalog.turn_plan(self.world, plan_id, action)

    def last_sale(self, subscription_id: str) -> Sale:
        """Return the subscription's newest successful payment.

        Raises PayPalRefusal 404 if there is none.
        """
        made = [one for one in payments.sales_of(self.world, subscription_id) if one.status != "DECLINED"]
        if not made:
            raise PayPalRefusal(404, message=f"Nothing was paid for {subscription_id} yet.")
        return made[-1]

    def refund(self, sale_id: str, amount: str | None = None) -> Obj:
        """Refund `amount` ("2.50"), or all that is left of the sale.

        Raises ValueError if the amount exceeds what is left.
        """
        sale = self.world.get("sale", sale_id)
        refund = payments.give_back(self.world, sale, Decimal(amount) if amount else None)
        return payments.show_refund(self.world, refund)

    def reverse(self, sale_id: str) -> None:
        payments.reverse(self.world, self.world.get("sale", sale_id))

    def fail_next_payment(self, times: int = 1) -> None:
        """Decline the next `times` charges, of any buyer."""
        self.world.settings.decline_next = times

    def fund(self, email: str, *, good: bool) -> None:
        """Let charges to a buyer's account succeed if `good` is true, or else fail."""
        self.world.buyer(email).funded = good

    def next_charge(self, subscription_id: str) -> int | None:
        """Return when the next charge will really be made, in unix seconds, whatever the API shows."""
        found = self.world.subscription(subscription_id)
        times = [at for at in (found.retry_at, found.next_at) if at is not None]
        return min(times, default=None)

    def dispute(self, sale_id: str, reason: str = "MERCHANDISE_OR_SERVICE_NOT_RECEIVED") -> Obj:
        return disputes.open_dispute(self.world, self.world.get("sale", sale_id), reason)

    def escalate(self, dispute_id: str) -> None:
        disputes.update_dispute(self.world, self.world.get("dispute", dispute_id))

    def win(self, dispute_id: str) -> None:
        disputes.resolve(self.world, self.world.get("dispute", dispute_id), won=True)

    def lose(self, dispute_id: str) -> None:
        disputes.resolve(self.world, self.world.get("dispute", dispute_id), won=False)
