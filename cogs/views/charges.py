"""Sums in words: what is charged next and what follows, and what a purchase costs today. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from billing.model import Money, NextCharge, Price, Status, Step, Subscription, Unsure
from billing.provider_names import display_name
from billing.rules.charges import decide_charges, decide_prices
from cogs.views.text import day
from i18n.money import format_money


def counted(number: int, noun: str) -> str:
    """'1 day', '3 days'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def recurring_price(interval: str, count: int) -> str:
    """'a month', 'every 3 months'."""
    return f"a {interval}" if count == 1 else f"every {count} {interval}s"


def price_words(price: Price, locale: str = "en-US") -> str:
    """What one period of a price costs: '€5.00 a month'."""
    if price.amount is None:
        return works_out(price.provider)
    amount = format_money(Money(price.amount, price.currency), locale)
    return f"{amount} {recurring_price(price.interval, price.interval_count)}"


def sale_words(price: Price, locale: str = "en-US") -> str:
    """All that a price asks: '$12.00 a month, and $24.00 once at the start'."""
    fee = Money(price.setup_fee, price.currency)
    regular = steps_words(price.steps, price, locale, more="") if price.steps else price_words(price, locale)
    return f"{regular}, and {format_money(fee, locale)} once at the start" if fee.amount else regular


def works_out(provider: str) -> str:
    """Where only the provider can tell the sum."""
    return f"an amount that {display_name(provider)} works out"


def steps_words(steps: Sequence[Step], unit: Price | NextCharge, locale: str, *, more: str = "more ") -> str:
    """Charges in order: '€2.50 for 3 more months, then €5.00 a month'. `unit`: whose currency and interval
    they have."""
    said = []
    for step in steps:
        amount = format_money(Money(step.amount, unit.currency), locale)
        own = step if step.interval else unit
        if step.times is None:
            said.append(f"{amount} {recurring_price(own.interval, own.interval_count)}")
        elif step is steps[-1]:  # and nothing after it
            said.append(f"{amount} {_times(step.times, own.interval, own.interval_count, more)}".rstrip())
        else:
            said.append(f"{amount} for {counted(step.times * own.interval_count, f'{more}{own.interval}')}")
    return ", then ".join(said)


def charge_words(charge: NextCharge, provider: str, locale: str = "en-US") -> str:
    """What the items that renew together are charged, and what is not known about it."""
    price = works_out(provider)
    if charge.listed is not None:
        price = steps_words([Step(charge.listed)], charge, locale)
    if not charge.unsure:
        return steps_words(charge.steps, charge, locale)
    doubt = "" if charge.listed is None else f"; {_DOUBTS.get(charge.unsure[0], MAY_APPLY)}"
    if not charge.steps:
        return f"{price}{doubt}"
    named = format_money(Money(charge.steps[0].amount, charge.currency), locale)
    return f"{named} next time (the price is {price}{doubt})"


def _times(times: int, interval: str, count: int, more: str) -> str:
    """'once more', 'a month, 3 more times'."""
    return f"once {more}" if times == 1 else f"{recurring_price(interval, count)}, {times} {more}times"


MAY_APPLY = "a discount or tax may apply"
_DOUBTS = {
    Unsure.USAGE: "it depends on what is used",
    Unsure.BALANCE: "a credit or an open balance may change the next payment",
    Unsure.CHANGE: "the next payment may also settle a change",
}


def is_paused(subscription: Subscription) -> bool:
    """Whether it runs, or stands still, without being charged."""
    ended = subscription.status is Status.ENDED or subscription.ends_with_period
    return subscription.status is Status.PAUSED or (subscription.terms.paused and not ended)


def sums_words(
    subscription: Subscription,
    locale: str = "en-US",
    charges: Sequence[NextCharge] | None = None,
    *,
    dated: bool = True,
) -> str:
    """What a subscription is charged, each interval by itself; of one that is not charged any more, what it
    cost; of one that is paused, that nothing is. `charges`: those that are known better than the ledger
    tells; `dated` false: for where Discord shows no dates."""
    found = decide_charges(subscription) if charges is None else charges
    if not found and is_paused(subscription):
        return "nothing while it is paused"
    said = [
        (charge_words(charge, subscription.key.provider, locale), charge.at)
        for charge in found or decide_prices(subscription)
    ]
    if len(said) == 1:
        return said[0][0]
    return " and ".join(f"{words} (next on {day(at)})" if at and dated else words for words, at in said)
