"""Actions of an owner in Stripe's dashboard, and of a bank, each of which takes effect before it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from standins.stripe import (
    catalog,
    checkout,
    customers,
    disputes,
    invoices,
    notices,
    portal,
    refunds,
    subscription_update,
)
from standins.stripe.cancel import cancel
from standins.stripe.errors import StripeRefusal
from standins.stripe.state import Obj, World


@dataclass
class Dashboard:
    world: World
    acted: Callable[[], None]  # makes the clockwork check again for due jobs

    def cancel_now(self, subscription_id: str, *, prorate: bool = False) -> Obj:
        found = cancel(self.world, {"prorate": prorate, "invoice_now": prorate}, subscription_id)
        return self._done(found)

    def cancel_at_period_end(self, subscription_id: str) -> Obj:
        return self.change(subscription_id, {"cancel_at_period_end": True})

    def change(self, subscription_id: str, given: Obj) -> Obj:
        """Update a subscription with any parameters of the API's update request, given as Python values."""
        return self._done(subscription_update.update(self.world, given, subscription_id))

    def change_price(self, subscription_id: str, price_id: str) -> Obj:
        item = self.world.get("subscription", subscription_id)["items"]["data"][0]["id"]
        return self.change(subscription_id, {"items": [{"id": item, "price": price_id}]})

    def pause(self, subscription_id: str, behavior: str = "void", resumes_at: int | None = None) -> Obj:
        pause: Obj = {"behavior": behavior}
        if resumes_at is not None:
            pause["resumes_at"] = resumes_at
        return self.change(subscription_id, {"pause_collection": pause})

    def unpause(self, subscription_id: str) -> Obj:
        return self.change(subscription_id, {"pause_collection": ""})

    def move_renewal(self, subscription_id: str, moment: int) -> Obj:
        """Move the next renewal to `moment` (unix seconds) with a free trial until then."""
        return self.change(subscription_id, {"trial_end": moment, "proration_behavior": "none"})

    def renew_from_now(self, subscription_id: str) -> Obj:
        return self.change(subscription_id, {"billing_cycle_anchor": "now"})

    def settle_debit(self, subscription_id: str, *, paid: bool = True) -> None:
        """Finish a first payment that `Settings.delay_next` has delayed; `paid`: the bank's decision."""
        checkout.settle_debit(self.world, self.world.get("subscription", subscription_id), paid=paid)
        self.acted()

    def refund(self, charge_or_intent: str, amount: int | None = None) -> Obj:
        key = "charge" if charge_or_intent.startswith("ch_") else "payment_intent"
        given: Obj = {key: charge_or_intent} | ({} if amount is None else {"amount": amount})
        return self._done(refunds.create_refund(self.world, given))

    def delete_customer(self, customer_id: str) -> Obj:
        return self._done(customers.delete_customer(self.world, {}, customer_id))

    def archive_price(self, price_id: str) -> Obj:
        return self._done(catalog.update_price(self.world, {"active": False}, price_id))

    def archive_product(self, product_id: str, *, active: bool = False) -> Obj:
        return self._done(catalog.update_product(self.world, {"active": active}, product_id))

    def fail_next_payment(self, times: int = 1) -> None:
        """Decline the next `times` charges, of any card."""
        self.world.settings.decline_next = times

    def dispute(self, charge_id: str, reason: str = "fraudulent") -> Obj:
        return self._done(disputes.open_dispute(self.world, self.world.get("charge", charge_id), reason))

    def win(self, dispute_id: str) -> Obj:
        return self._done(disputes.close_dispute(self.world, self.world.get("dispute", dispute_id), "won"))

    def lose(self, dispute_id: str) -> Obj:
        return self._done(disputes.close_dispute(self.world, self.world.get("dispute", dispute_id), "lost"))

    def last_charge(self, subscription_id: str) -> Obj:
        """Return the newest successful charge of the subscription.

        Raises StripeRefusal 404 if there is none.
        """
        for invoice in reversed(self.world.all("invoice", status="paid")):
            intent = invoices.intent_of(self.world, invoice)
            if intent and invoices.subscription_id(invoice) == subscription_id:
                return self.world.get("charge", intent["latest_charge"])
        raise StripeRefusal(404, f"Nothing was paid for {subscription_id} yet.")

    def save_portal_settings(self) -> Obj:
        """Create the account's default portal configuration, as the dashboard's Save button does."""
        features: Obj = {
            "customer_update": {"allowed_updates": ["email", "address"], "enabled": True},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_cancel": {"enabled": True},
        }
        made = portal.create_configuration(self.world, {"features": features})
        made["is_default"] = True
        return self._done(made)

    def rotate_secret(self, endpoint_id: str, *, keep_old: bool = True) -> str:
        """Replace the signing secret, and return the new one.

        With `keep_old`, deliveries carry signatures by both.
        """
        endpoint = self.world.get("webhook_endpoint", endpoint_id)
        return notices.rotate_secret(self.world, endpoint, keep_old=keep_old)

    def _done(self, found: Obj) -> Obj:
        self.acted()
        return found
