"""How people pay and what becomes of it, at either provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from standins.discord import Person, Reply
from tests.cogs.town import Town


class Till(Protocol):
    """`changes`: what a request that changes a subscription begins with, as the reaper notes it."""

    changes: str

    def price(self, town: Town) -> dict[str, str]:
        """The option of /plans add."""

    def pay(self, town: Town, who: Person, reply: Reply) -> None:
        """On the page that an answer links to."""

    def happened(self, town: Town, who: Person) -> list[str]:
        """All that ever became of a member's subscriptions: began, stopped (it runs out), resumed, ended,
        paid and refunded with the minor units."""


class StripeTill:
    """In euros."""

    changes = "Stripe hears POST /v1/subscriptions/"

    def price(self, town: Town) -> dict[str, str]:
        return {"stripe_price": town.price}

    def pay(self, town: Town, who: Person, reply: Reply) -> None:
        town.stripe.pay_checkout(_link(reply))

    def happened(self, town: Town, who: Person) -> list[str]:
        return [word for event in town.stripe.events for word in self._words(town, who, event)]

    def _words(self, town: Town, who: Person, event: dict[str, Any]) -> Iterator[str]:
        subject, before = event["data"]["object"], event["data"].get("previous_attributes", {})
        match event["type"]:
            case "invoice.paid":
                held = (subject["parent"] or {}).get("subscription_details", {}).get("subscription")
                if self._is_of(town, held, who):
                    yield f"paid {subject['amount_paid']}"
            case "charge.refunded":
                if subject["customer"] in self._customers(town, who):
                    yield f"refunded {subject['amount_refunded']}"
            case "customer.subscription.created" if self._is_of(town, subject["id"], who):
                yield "began"
            case "customer.subscription.deleted" if self._is_of(town, subject["id"], who):
                yield "ended"
            case "customer.subscription.updated" if self._is_of(town, subject["id"], who):
                if "cancel_at_period_end" in before:
                    yield "resumed" if before["cancel_at_period_end"] else "stopped"

    def _is_of(self, town: Town, subscription: str | None, who: Person) -> bool:
        found = town.stripe.world.all("subscription", id=subscription)
        return any(one["metadata"].get("discord_user_id") == str(who.id) for one in found)

    def _customers(self, town: Town, who: Person) -> set[str]:
        made = town.stripe.world.all("subscription")
        return {s["customer"] for s in made if s["metadata"].get("discord_user_id") == str(who.id)}


class PayPalTill:
    """In dollars. A subscription is begun by its payer's consent, and no end is ever scheduled."""

    changes = "PayPal hears POST /v1/billing/subscriptions/"

    def price(self, town: Town) -> dict[str, str]:
        assert town.paypal is not None
        return {"paypal_plan": town.paypal.add_plan(town.paypal.add_product("Gold"), "5.00")["id"]}

    def pay(self, town: Town, who: Person, reply: Reply) -> None:
        assert town.paypal is not None
        town.paypal.approve(_link(reply), email=f"{who.id}@example.com")

    def happened(self, town: Town, who: Person) -> list[str]:
        assert town.paypal is not None
        mine = f"{who.id}@example.com"
        made = [s for s in town.paypal.world.all("subscription") if s.buyer and s.buyer.email == mine]
        sales = [one for one in town.paypal.world.all("sale") if one.subscription in made]
        ids, sold = {one.id for one in made}, {one.id for one in sales}
        return [word for event in town.paypal.events for word in _paypal_words(event, ids, sold)]


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
