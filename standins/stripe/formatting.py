"""Formats amounts, periods and dates for the local Stripe's hosted pages."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision

from standins.stripe.billing import items_of, period_end
from standins.stripe.dates import spoken
from standins.stripe.state import Obj, World


def money(amount: int, currency: str) -> str:
    """Format an amount in minor units: 500 and usd become $5.00."""
    exact = Decimal(amount) / 10 ** get_currency_precision(currency.upper())
    return str(format_currency(exact, currency.upper(), locale="en_US"))


def spaced(number: str) -> str:
    """Group a card number in fours, such as 4242 4242 4242 4242."""
    return " ".join(number[n : n + 4] for n in range(0, len(number), 4))


def every(price: Obj) -> str:
    """Describe a price's interval, such as "per month" or "every 3 months"."""
    interval, count = price["recurring"]["interval"], price["recurring"]["interval_count"]
    return f"per {interval}" if count == 1 else f"every {count} {interval}s"


def cost(world: World, subscription: Obj) -> str:
    items = items_of(subscription)
    prices = [world.by_id[item["price"]] for item in items]
    total = sum(
        (price["unit_amount"] or 0) * item["quantity"] for price, item in zip(prices, items, strict=True)
    )
    return f"{money(total, subscription['currency'])} {every(prices[0])}"


def plan_name(world: World, subscription: Obj) -> str:
    prices = [world.by_id[item["price"]] for item in items_of(subscription)]
    return ", ".join(world.by_id[price["product"]]["name"] for price in prices)


STATES = {
    "past_due": "Payment failed",
    "unpaid": "Unpaid",
    "paused": "Paused",
    "incomplete": "Waiting for the first payment",
}


def state(subscription: Obj) -> tuple[str, str]:
    """Return (badge, sentence) for a subscription in the portal."""
    status, ends = subscription["status"], spoken(period_end(subscription))
    if subscription["cancel_at"]:
        return "Cancels", f"Your plan will be canceled on {spoken(subscription['cancel_at'])}."
    if status == "trialing":
        return "Trial", f"Your free trial ends on {ends}."
    if subscription["pause_collection"]:
        return "Payments paused", "No payments are taken for now."
    if status in STATES:
        return STATES[status], "Update your payment method to keep your plan." if status == "past_due" else ""
    return "Active", f"Your plan renews on {ends}."
