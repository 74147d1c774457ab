"""Formats prices and charges as text: regular prices, the next charges, and the cost of a purchase today."""

from __future__ import annotations

from collections.abc import Sequence

from billing.model import Money, NextCharge, Price, Status, Step, Subscription, Unsure
from billing.provider_names import display_name
from billing.rules.upcoming_charges import decide_charges, decide_prices
from cogs.views.text import day, listed
from i18n import tr
from i18n.money import format_money

_EVERY = {
    "day": "sum.every_days",
    "week": "sum.every_weeks",
    "month": "sum.every_months",
    "year": "sum.every_years",
}
_FOR = {"day": "sum.for_days", "week": "sum.for_weeks", "month": "sum.for_months", "year": "sum.for_years"}
_FOR_MORE = {
    "day": "sum.for_more_days",
    "week": "sum.for_more_weeks",
    "month": "sum.for_more_months",
    "year": "sum.for_more_years",
}
_DOUBTS = {Unsure.USAGE: "sum.by_use", Unsure.BALANCE: "sum.balance", Unsure.CHANGE: "sum.change"}


def recurring_price(amount: str, interval: str, count: int) -> str:
    """Return a text such as '€5.00 a month' or '€5.00 every 3 months', for a formatted amount."""
    return tr(_EVERY[interval], amount=amount, n=count)


def price_words(price: Price, locale: str = "en-US") -> str:
    """Return the price of one period, such as '€5.00 a month'."""
    if price.amount is None:
        return _provider_decides(price.provider)
    amount = format_money(Money(price.amount, price.currency), locale)
    return recurring_price(amount, price.interval, price.interval_count)


def sale_words(price: Price, locale: str = "en-US") -> str:
    """Return all charges of a price on sale, such as '$12.00 a month, and $24.00 once at the start'."""
    fee = Money(price.setup_fee, price.currency)
    regular = steps_words(price.steps, price, locale) if price.steps else price_words(price, locale)
    return tr("sum.with_fee", price=regular, fee=format_money(fee, locale)) if fee.amount else regular


def _provider_decides(provider: str) -> str:
    return tr("sum.provider_decides", provider=display_name(provider))


def steps_words(
    steps: Sequence[Step], unit: Price | NextCharge, locale: str, *, running: bool = False
) -> str:
    """Return charges in order, such as '€2.50 for 3 months, then €5.00 a month'.

    `unit` gives their currency and interval. `running` adds 'more', because some charges were already made.
    """
    said = ""
    for step in reversed(steps):
        amount = format_money(Money(step.amount, unit.currency), locale)
        own = step if step.interval else unit
        regular = recurring_price(amount, own.interval, own.interval_count)
        if step.times is None:
            words = regular
        elif not said:  # no charge follows the last of these
            words = _limited(amount, regular, step.times, running=running)
        else:
            codes = _FOR_MORE if running else _FOR
            words = tr(codes[own.interval], amount=amount, n=step.times * own.interval_count)
        said = tr("sum.then", first=words, rest=said) if said else words
    return said


def _limited(amount: str, regular: str, times: int, *, running: bool) -> str:
    if times == 1:
        return tr("sum.once_more" if running else "sum.once", amount=amount)
    return tr("sum.times_more" if running else "sum.times", price=regular, n=times)


def charge_words(charge: NextCharge, provider: str, locale: str = "en-US") -> str:
    """Return the charges of items that renew together, with the reason if the amount is not certain."""
    if not charge.unsure:
        return steps_words(charge.steps, charge, locale, running=True)
    price = _provider_decides(provider)
    if charge.listed is not None:
        listed_price = steps_words([Step(charge.listed)], charge, locale)
        price = tr(_DOUBTS.get(charge.unsure[0], "sum.may_differ"), price=listed_price)
    if not charge.steps:
        return price
    named = format_money(Money(charge.steps[0].amount, charge.currency), locale)
    return tr("sum.next_time", amount=named, price=price)


def is_paused(subscription: Subscription) -> bool:
    """Return True if the subscription exists but is not charged."""
    ended = subscription.status is Status.ENDED or subscription.ends_with_period
    return subscription.status is Status.PAUSED or (subscription.terms.paused and not ended)


def sums_words(
    subscription: Subscription,
    locale: str = "en-US",
    charges: Sequence[NextCharge] | None = None,
    *,
    dated: bool = True,
) -> str:
    """Return the charges of a subscription in words, one for each billing interval.

    If no more charges come, the former price is returned; while the subscription is paused, 'nothing'.
    `charges`: those named by the provider, which are more exact than the ledger's. `dated`: False for a menu,
    where Discord shows no dates.
    """
    found = decide_charges(subscription) if charges is None else charges
    if not found and is_paused(subscription):
        return tr("sum.paused")
    said = [
        (charge_words(charge, subscription.key.provider, locale), charge.at)
        for charge in found or decide_prices(subscription)
    ]
    if len(said) == 1:
        return said[0][0]
    return listed(
        [tr("sum.next_on", price=words, day=day(at)) if at and dated else words for words, at in said]
    )
