"""Maps Stripe's answers to the model, with tables and pure functions.

A missing field raises ProviderMisread.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from billing.errors import ProviderMisread, ProviderRefused
from billing.model import (
    DisputeState,
    Item,
    Payment,
    Price,
    Status,
    Subscription,
    SubscriptionKey,
    Terms,
    Unsure,
)
from billing.model.translatable_text import Text
from billing.ports import CheckoutFound
from providers.base import Answer, maybe, need
from providers.stripe.charge_terms import map_terms
from providers.stripe.metadata_claims import read_claim

NAME = "stripe"

# docs.stripe.com/api/subscriptions/object, `status`, API 2026-10-28. A status that is missing here maps to
# UNKNOWN.
STATUS: dict[str, Status] = {
    "incomplete": Status.PENDING,  # the first payment must arrive within 23 hours
    "incomplete_expired": Status.ENDED,
    "trialing": Status.TRIALING,
    "active": Status.ACTIVE,
    "past_due": Status.PAST_DUE,
    "unpaid": Status.UNPAID,
    "canceled": Status.ENDED,
    "paused": Status.PAUSED,  # paused by hand, or its trial ended without a payment method
}
# `pause_collection` does not end access: the customer keeps the service whatever happens to the invoices. To
# end it, the owner pauses or cancels the subscription (docs.stripe.com/billing/subscriptions/pause-payment,
# 2026-11).
_RUNNING = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)

# docs.stripe.com/api/disputes/object, `status`, API 2026-10-28. A warning is an inquiry that precedes a
# dispute.
DISPUTES: dict[str, DisputeState] = {
    "warning_needs_response": DisputeState.OPEN,
    "warning_under_review": DisputeState.OPEN,
    "warning_closed": DisputeState.NONE,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "appeal_needs_response": DisputeState.OPEN,
    "appeal_under_review": DisputeState.OPEN,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "prevented": DisputeState.NONE,
}


def id_of(data: Answer, path: str) -> str:
    """Return the id of the object at a path, expanded or not. Raises ProviderMisread if it is absent."""
    found = maybe_id(data, path)
    if found is None:
        return need(data, path, str)
    return found


def maybe_id(data: Answer, path: str) -> str | None:
    """Return the id of the object at a path, expanded or not; None if the path is null or absent."""
    found = maybe(data, path, object)
    return maybe(data, f"{path}.id", str) if isinstance(found, dict) else maybe(data, path, str)


def map_subscription(data: Answer, account: str, coupons: Mapping[str, Answer] | None = None) -> Subscription:
    """Map a subscription from the API.

    `data`: must have `latest_invoice` expanded if the subscription is past due. `coupons`: by id, as in
    `map_terms`.
    """
    raw = need(data, "status", str)
    status = STATUS.get(raw, Status.UNKNOWN)
    start, end = _period(data, status)
    return Subscription(
        key=SubscriptionKey(NAME, account, need(data, "id", str)),
        customer_id=id_of(data, "customer"),
        status=status,
        provider_status=raw,
        items=tuple(_map_item(item, maybe(data, "currency", str), end, account) for item in _items(data)),
        created_at=need(data, "created", int),
        period_start=start,
        period_end=end,
        ends_at=None if status is Status.ENDED else _ends_at(data, end),
        ended_at=maybe(data, "ended_at", int),
        trial_end=maybe(data, "trial_end", int),
        unpaid_since=_unpaid_since(data) if status is Status.PAST_DUE else None,
        checkout_id=maybe(data, "metadata.dues_checkout", str),
        terms=_terms(data, status, coupons or {}),
        claim=read_claim(maybe(data, "metadata", dict) or {}),
    )


def _terms(data: Answer, status: Status, coupons: Mapping[str, Answer]) -> Terms:
    """Return the subscription's terms.

    If they cannot be read, only the next charge is unknown; access can still be decided.
    """
    try:
        return map_terms(data, status, coupons)
    except ProviderMisread:
        return Terms(unsure=(Unsure.DISCOUNT, Unsure.TAX))


def _items(data: Answer) -> list[Any]:
    found: list[Any] = need(data, "items.data", list)
    if not found:
        raise ProviderMisread(detail="subscription.items.data is empty")
    return found


def _map_item(item: Answer, currency: str | None, period_end: int | None, account: str) -> Item:
    """Map one item of a subscription.

    `currency` and `period_end` (unix seconds) are those of the subscription.
    """
    # Metered prices have no quantity, because usage is charged afterwards.
    found = maybe(item, "quantity", int)
    quantity = 1 if found is None else found
    data = need(item, "price", dict)
    price = map_price(data, account, currency)
    amount = _line(data, price, quantity)
    plain = amount is None or price.amount is None or amount == price.amount * quantity
    own_end = maybe(item, "current_period_end", int)
    return Item(price, quantity, None if plain else amount, None if own_end == period_end else own_end)


def _line(data: Answer, price: Price, quantity: int) -> int | None:
    """Return the price of `quantity` units, in minor units; None if the price has no fixed amount.

    A price may be sold by the package and may have fractions of a minor unit.
    """
    unit = _unit(_in_currency(data, price.currency))
    if price.amount is None or unit is None:
        return None
    size = maybe(data, "transform_quantity.divide_by", int)
    if size:
        up = maybe(data, "transform_quantity.round", str) == "up"
        quantity = -(-quantity // size) if up else quantity // size
    return int((unit * quantity).quantize(Decimal(1), ROUND_HALF_UP))


def _period(data: Answer, status: Status) -> tuple[int | None, int | None]:
    """Return the start and end of the current period, in unix seconds.

    Since API 2025-03-31 ('Deprecates subscription current period') they are fields of the items, before that
    of the subscription. If items differ, the one whose period ends last counts.
    """
    items = [i for i in _items(data) if maybe(i, "current_period_end", int) is not None]
    longest = max(items, key=lambda i: need(i, "current_period_end", int), default=data)
    read = need if status in _RUNNING else maybe
    return read(longest, "current_period_start", int), read(longest, "current_period_end", int)


def _ends_at(data: Answer, period_end: int | None) -> int | None:
    """Return when the subscription is scheduled to end, in unix seconds.

    Under flexible billing the portal sets only `cancel_at`.
    """
    moments = [maybe(data, "cancel_at", int)]
    if maybe(data, "cancel_at_period_end", bool):
        moments.append(period_end)
    return min((m for m in moments if m is not None), default=None)


def _unpaid_since(data: Answer) -> int | None:
    invoice = maybe(data, "latest_invoice", object)
    if not isinstance(invoice, dict) or maybe(invoice, "status", str) != "open":
        return None
    return maybe(invoice, "due_date", int) or need(invoice, "created", int)


def map_price(data: Answer, account: str, currency: str | None = None) -> Price:
    """Map a recurring price, in its own currency or in `currency`, which must be one of its options.

    Raises ProviderRefused for a one-time price.
    """
    if maybe(data, "type", str) == "one_time":
        raise ProviderRefused(Text("error.stripe.one_time_price"), detail="price.type is one_time")
    charged = (currency or need(data, "currency", str)).lower()
    return Price(
        provider=NAME,
        account=account,
        id=need(data, "id", str),
        product_id=id_of(data, "product"),
        amount=_amount(data, charged),
        currency=charged,
        interval=need(data, "recurring.interval", str),
        interval_count=maybe(data, "recurring.interval_count", int) or 1,
        trial_days=maybe(data, "recurring.trial_period_days", int) or 0,
        active=need(data, "active", bool) and not _is_archived(data),
    )


def _is_archived(price: Answer) -> bool:
    """Return True if the price's product is expanded and archived."""
    product = maybe(price, "product", object)
    return isinstance(product, dict) and maybe(product, "active", bool) is False


def _in_currency(data: Answer, currency: str) -> Answer:
    """Return the amounts of a price in one of its currencies; empty if the answer does not show them."""
    if need(data, "currency", str).lower() == currency:
        return data
    return maybe(data, f"currency_options.{currency}", dict) or {}


def _amount(data: Answer, currency: str) -> int | None:
    """Return the amount in minor units; None for tiered, usage-based and customer-chosen prices."""
    if maybe(data, "recurring.usage_type", str) == "metered":
        return None
    unit = _unit(_in_currency(data, currency))
    return None if unit is None else int(unit.quantize(Decimal(1), ROUND_HALF_UP))


def _unit(amounts: Answer) -> Decimal | None:
    """Return the amount per unit in minor units; None if there is no fixed amount.

    For fractions of a minor unit Stripe sets only `unit_amount_decimal` (docs.stripe.com/api/prices/object,
    2026-11).
    """
    whole = maybe(amounts, "unit_amount", int)
    exact = maybe(amounts, "unit_amount_decimal", str)
    if whole is not None or exact is None:
        return None if whole is None else Decimal(whole)
    try:
        return Decimal(exact)
    except InvalidOperation:
        raise ProviderMisread(detail="price.unit_amount_decimal is no number") from None


def invoice_subscription(invoice: Answer) -> str | None:
    """Return the id of the subscription that an invoice is for; None if it is for none.

    Since API 2025-03-31 it is found under `parent`, before that on the invoice itself.
    """
    return maybe_id(invoice, "parent.subscription_details.subscription") or maybe_id(invoice, "subscription")


def map_dispute(data: Answer) -> DisputeState:
    """Return a dispute's state.

    An unknown status raises ProviderMisread, so that nobody loses access because of it.
    """
    raw = need(data, "status", str)
    if raw not in DISPUTES:
        raise ProviderMisread(detail=f"dispute.status is {raw}")
    return DISPUTES[raw]


def map_checkout(data: Answer) -> CheckoutFound:
    """Map a finished Checkout Session to its ids: session, checkout, subscription and customer."""
    return CheckoutFound(
        session_id=need(data, "id", str),
        checkout_id=maybe(data, "client_reference_id", str),
        subscription_id=maybe_id(data, "subscription"),
        customer_id=maybe_id(data, "customer"),
    )


def map_intent_payment(intent: Answer, charge: Answer | None, paid_at: int) -> Payment:
    """Map a payment from its PaymentIntent, with the refunded amount from the intent's charge.

    `paid_at`: unix seconds.
    """
    return Payment(
        id=need(intent, "id", str),
        amount=need(intent, "amount_received", int),
        refunded=0 if charge is None else need(charge, "amount_refunded", int),
        currency=need(intent, "currency", str).lower(),
        paid_at=paid_at,
    )


def map_charge_payment(charge: Answer, paid_at: int) -> Payment:
    """Map a payment made by a charge without a PaymentIntent. `paid_at`: unix seconds."""
    captured = maybe(charge, "amount_captured", int)
    return Payment(
        id=need(charge, "id", str),
        amount=need(charge, "amount", int) if captured is None else captured,
        refunded=need(charge, "amount_refunded", int),
        currency=need(charge, "currency", str).lower(),
        paid_at=paid_at,
    )
