"""How people pay and what becomes of it, at either provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from standins.discord import Person, Reply
from tests.app.harness import AppHarness


class PaymentDriver(Protocol):
    """`changes`: what a request that changes a subscription begins with, as the runner notes it."""

    changes: str

    def price(self, app: AppHarness) -> dict[str, str]:
        """The option of /plans add."""

    def pay(self, app: AppHarness, who: Person, reply: Reply) -> None:
        """On the page that an answer links to."""

    def happened(self, app: AppHarness, who: Person) -> list[str]:
        """All that ever became of a member's subscriptions: began, stopped (it runs out), resumed, ended,
        paid and refunded with the minor units."""


class StripeTill:
    """In euros."""

    changes = "Stripe hears POST /v1/subscriptions/"

    def price(self, app: AppHarness) -> dict[str, str]:
        return {"stripe_price": app.price}

    def pay(self, app: AppHarness, who: Person, reply: Reply) -> None:
        app.stripe.pay_checkout(_link(reply))

    def happened(self, app: AppHarness, who: Person) -> list[str]:
        return [word for event in app.stripe.events for word in self._words(app, who, event)]

    def _words(self, app: AppHarness, who: Person, event: dict[str, Any]) -> Iterator[str]:
        subject, before = event["data"]["object"], event["data"].get("previous_attributes", {})
        match event["type"]:
            case "invoice.paid":
                held = (subject["parent"] or {}).get("subscription_details", {}).get("subscription")
                if self._is_of(app, held, who):
                    yield f"paid {subject['amount_paid']}"
            case "charge.refunded":
                if subject["customer"] in self._customers(app, who):
                    yield f"refunded {subject['amount_refunded']}"
            case "customer.subscription.created" if self._is_of(app, subject["id"], who):
                yield "began"
            case "customer.subscription.deleted" if self._is_of(app, subject["id"], who):
                yield "ended"
            case "customer.subscription.updated" if self._is_of(app, subject["id"], who):
                if "cancel_at_period_end" in before:
                    yield "resumed" if before["cancel_at_period_end"] else "stopped"

    def _is_of(self, app: AppHarness, subscription: str | None, who: Person) -> bool:
        found = app.stripe.world.all("subscription", id=subscription)
        return any(one["metadata"].get("discord_user_id") == str(who.id) for one in found)

    def _customers(self, app: AppHarness, who: Person) -> set[str]:
        made = app.stripe.world.all("subscription")
        return {s["customer"] for s in made if s["metadata"].get("discord_user_id") == str(who.id)}


class PayPalTill:
    """In dollars. A subscription is begun by its payer's consent, and no end is ever scheduled."""

    changes = "PayPal hears POST /v1/billing/subscriptions/"

    def price(self, app: AppHarness) -> dict[str, str]:
        assert app.paypal is not None
        return {"paypal_plan": app.paypal.add_plan(app.paypal.add_product("Gold"), "5.00")["id"]}

    def pay(self, app: AppHarness, who: Person, reply: Reply) -> None:
        assert app.paypal is not None
        app.paypal.approve(_link(reply), email=f"{who.id}@example.com")

    def happened(self, app: AppHarness, who: Person) -> list[str]:
        assert app.paypal is not None
        mine = f"{who.id}@example.com"
        made = [s for s in app.paypal.world.all("subscription") if s.buyer and s.buyer.email == mine]
        sales = [one for one in app.paypal.world.all("sale") if one.subscription in made]
        ids, sold = {one.id for one in made}, {one.id for one in sales}
        return [word for event in app.paypal.events for word in _paypal_words(event, ids, sold)]


def _paypal_words(event: dict[str, Any], ids: set[str], sales: set[str]) -> Iterator[str]:
    subject = event["resource"]
    match event["event_type"]:
        case "BILLING.SUBSCRIPTION.ACTIVATED" if subject["id"] in ids:
            yield "began"
        case "BILLING.SUBSCRIPTION.CANCELLED" if subject["id"] in ids:
            yield "ended"
        case "PAYMENT.SALE.COMPLETED" if subject["id"] in sales:
            yield f"paid {subject['amount']['total'].replace('.', '')}"
        case "PAYMENT.SALE.REFUNDED" if subject["sale_id"] in sales:
            yield f"refunded {subject['amount']['total'].replace('.', '')}"


def _link(reply: Reply) -> str:
    (url,) = [button.url for button in reply.buttons if button.url]
    return url


STRIPE, PAYPAL = StripeTill(), PayPalTill()
