"""Maps the discounts, taxes and pauses that, along with the prices, decide a subscription's charges.

The functions are pure. If an answer shows too little, the terms name a reason to be unsure, so that nobody is
shown a wrong amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from billing.errors import ProviderMisread
from billing.model import Discount, Status, Tax, Terms, Unsure
from providers.base import Answer, maybe, need

EXEMPT = ("exempt", "reverse")  # docs.stripe.com/api/customers/object, `tax_exempt`, API 2026-10-28


def map_terms(data: Answer, status: Status, coupons: Mapping[str, Answer]) -> Terms:
    """Map the terms of a subscription whose discounts and customer are expanded.

    `coupons`: the fetched coupons by id, because discounts may show them only in part.
    """
    items: list[Answer] = need(data, "items.data", list)
    discounts = tuple(_discounts(data, items, coupons))
    pause = maybe(data, "pause_collection", dict)
    resumes_at = None if pause is None else maybe(pause, "resumes_at", int)
    counted = resumes_at is not None or any(d.ends_at is not None for d in discounts)
    return Terms(
        discounts=discounts,
        taxes=tuple(_taxes(data, items)),
        anchor=maybe(data, "billing_cycle_anchor", int) if counted else None,
        paused=pause is not None,
        resumes_at=resumes_at,
        by_invoice=maybe(data, "collection_method", str) == "send_invoice",
        unsure=tuple(_reasons_unsure(data, items, status)),
    )


def discounts_of(data: Answer) -> list[Answer | str]:
    """Return every discount that may reduce a charge: as an object, or as its id if it is not expanded."""
    items = need(data, "items.data", list)
    return [
        *(d for item in items for d in maybe(item, "discounts", list) or []),
        *_subscription_discounts(data),
    ]


def _subscription_discounts(data: Answer) -> list[Answer | str]:
    """Return the subscription's own discounts, or the customer's if it has none."""
    own: list[Answer | str] = maybe(data, "discounts", list) or []
    customer = maybe(data, "customer", object)
    whose = maybe(customer, "discount", dict) if isinstance(customer, dict) else None
    return own or ([] if whose is None else [whose])


def coupon_of(discount: Answer | str) -> str | Answer | None:
    """Return a discount's coupon or its id; None if unknown.

    Before API 2025-09-30 the field was called `coupon`.
    """
    if isinstance(discount, str):
        return None
    found = maybe(discount, "source.coupon", object) or maybe(discount, "coupon", object)
    return found if isinstance(found, str | dict) else None


def _discounts(data: Answer, items: Sequence[Answer], coupons: Mapping[str, Answer]) -> Iterable[Discount]:
    """Return the discounts in the order in which Stripe applies them: items' discounts first.

    Source: docs.stripe.com/api/subscriptions/object, `discounts`.
    """
    for position, item in enumerate(items):
        for one in maybe(item, "discounts", list) or []:
            yield from _discount(one, [position], items, coupons)
    for one in _subscription_discounts(data):
        yield from _discount(one, range(len(items)), items, coupons)


def _discount(
    one: Answer | str, places: Sequence[int], items: Sequence[Answer], coupons: Mapping[str, Answer]
) -> Iterable[Discount]:
    found = coupon_of(one)
    shown = found if isinstance(found, dict) else {}
    coupon = coupons.get(maybe(shown, "id", str) or "" if shown else str(found)) or shown
    if isinstance(one, str) or not coupon:
        yield Discount()
        return
    products = maybe(coupon, "applies_to.products", list)
    reduced = tuple(n for n in places if products is None or _product(items[n]) in products)
    everywhere = len(reduced) == len(items)
    currency = maybe(coupon, "currency", str)
    fits = currency is None or currency.lower() == need(items[0], "price.currency", str).lower()
    if reduced:
        yield Discount(
            percent=_decimal(coupon, "percent_off"),
            amount=maybe(coupon, "amount_off", int) if fits else None,
            ends_at=maybe(one, "end", int),
            once=maybe(coupon, "duration", str) == "once",
            items=() if everywhere else reduced,
        )


def _product(item: Answer) -> str | None:
    found = maybe(item, "price.product", object)
    return maybe(found, "id", str) if isinstance(found, dict) else maybe(item, "price.product", str)


def _decimal(data: Answer, field: str) -> str | None:
    """Return a decimal number as text, without trailing zeros; None if the field is absent."""
    found = maybe(data, field, object)
    if found is None:
        return None
    try:
        return f"{Decimal(str(found)).normalize():f}"
    except InvalidOperation:
        raise ProviderMisread(detail=f"{field} is no number") from None


def _rates(data: Answer, item: Answer) -> list[Answer]:
    return maybe(item, "tax_rates", list) or maybe(data, "default_tax_rates", list) or []


def _taxes(data: Answer, items: Sequence[Answer]) -> Iterable[Tax]:
    raised: dict[tuple[str, bool], list[int]] = {}
    for position, item in enumerate(items):
        for rate in _rates(data, item):
            percent = _decimal(rate, "percentage") or "0"
            raised.setdefault((percent, need(rate, "inclusive", bool)), []).append(position)
    for (percent, inclusive), places in raised.items():
        yield Tax(percent, inclusive, () if len(places) == len(items) else tuple(places))


def _reasons_unsure(data: Answer, items: Sequence[Answer], status: Status) -> Iterable[Unsure]:
    customer = maybe(data, "customer", object)
    known = customer if isinstance(customer, dict) else {}
    exempt = maybe(known, "tax_exempt", str) in EXEMPT
    if maybe(data, "discounts", list) and maybe(known, "discount", dict) is not None:
        # The customer's own discount may apply once the subscription's discounts are used up.
        yield Unsure.DISCOUNT
    if _tax_is_open(data, items, exempt=exempt):
        yield Unsure.TAX
    if maybe(known, "balance", int):
        yield Unsure.BALANCE
    if maybe(data, "billing_thresholds", dict) is not None:
        yield Unsure.USAGE
    scheduled = maybe(data, "schedule", object) is not None
    waits = maybe(data, "pending_update", dict) is not None
    if scheduled or waits or (status is not Status.TRIALING and _settles_difference(data, items)):
        yield Unsure.CHANGE


def _tax_is_open(data: Answer, items: Sequence[Answer], *, exempt: bool) -> bool:
    """Return True if Stripe may add a tax whose amount the answer does not show."""
    if maybe(data, "automatic_tax.enabled", bool):
        contained = all(maybe(item, "price.tax_behavior", str) == "inclusive" for item in items)
        return exempt or not contained
    rates = [rate for item in items for rate in _rates(data, item)]
    return bool(rates) and (exempt or any(maybe(r, "rate_type", str) == "flat_amount" for r in rates))


def _settles_difference(data: Answer, items: Sequence[Answer]) -> bool:
    """Return True if prices or quantities have changed since the current period was billed.

    The next invoice may then settle the difference.
    """
    invoice = maybe(data, "latest_invoice", object)
    lines = maybe(invoice, "lines.data", list) if isinstance(invoice, dict) else None
    for item in items:
        end = maybe(item, "current_period_end", int)
        billed = [
            (maybe(line, "pricing.price_details.price", str), maybe(line, "quantity", int))
            for line in lines or []
            if maybe(line, "parent.subscription_item_details.subscription_item", str)
            == maybe(item, "id", str)
            and maybe(line, "period.end", int) == end
        ]
        if billed and (maybe(item, "price.id", str), maybe(item, "quantity", int)) not in billed:
            return True
    return False
