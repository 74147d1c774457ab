"""Calculates what a provider will charge next for a subscription, from the fetched data. Pure.

If the data does not suffice, the amount is unknown: a wrong amount is never shown.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal, localcontext
from itertools import groupby

from billing.model import Discount, Item, Money, NextCharge, Price, Status, Step, Subscription, Terms, Unsure
from billing.rules.calendar import later

# The longest series of charges that is searched: daily ones for some fifty years.
FURTHEST = 20_000
# Stripe charges no amount below about half a dollar; it adds it to the customer's balance instead
# (docs.stripe.com/currencies, 'Minimum and maximum charge amounts').
LEAST = 50
# Amounts must be multiples of these (docs.stripe.com/currencies, 'Special cases' and 'Three-decimal
# currencies').
_UNITS = {"isk": 100, "ugx": 100, "bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10}

Lines = dict[int, Decimal]


def decide_charges(sub: Subscription) -> tuple[NextCharge, ...]:
    """Return the next charge of each group of items that renew together, earliest first.

    Empty if nothing will be charged, or if the charges are not known.
    """
    if not sub.renews or sub.status not in (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE):
        return ()
    if sub.terms.paused and sub.terms.resumes_at is None:
        return ()
    groups = _groups(sub)
    charges = [_charge(sub, group, alone=len(groups) == 1) for group in groups]
    return tuple(sorted(charges, key=lambda charge: charge.at or 0))


def decide_prices(sub: Subscription) -> tuple[NextCharge, ...]:
    """Return the price of one period for each group of items, before discounts and taxes.

    Includes subscriptions that are not being charged.
    """
    return tuple(_priced(sub, group) for group in _groups(sub))


def decide_sale(
    price: Price, trial_days: int, starts_at: int | None
) -> tuple[Money | None, tuple[Step, ...]]:
    """Return the amount due immediately on the payment page (None: not known), and the charges that follow.

    The charges include the one due immediately if it belongs to their series. `starts_at`: the time until
    this moment (unix seconds) is already paid.
    """
    if price.amount is None:
        return None, ()
    steps = price.steps or (Step(price.amount),)
    if trial_days or starts_at is not None:
        return Money(price.setup_fee, price.currency), steps
    first, *rest = steps
    due = Money(price.setup_fee + first.amount, price.currency)
    if first.times is None or (first.times > 1 and not price.setup_fee):
        return due, steps
    again = (replace(first, times=first.times - 1),) if first.times > 1 else ()
    return due, (*again, *rest)


def _groups(sub: Subscription) -> list[tuple[int, ...]]:
    """Return the positions of items that are charged together because they have the same interval."""
    places = sorted(range(len(sub.items)), key=lambda n: (_interval(sub.items[n].price), n))
    together = (tuple(group) for _, group in groupby(places, lambda n: _interval(sub.items[n].price)))
    return sorted(together)


def _interval(price: Price) -> tuple[str, int]:
    return price.interval, price.interval_count


def _priced(sub: Subscription, group: Sequence[int]) -> NextCharge:
    price = sub.items[group[0]].price
    amounts = [sub.items[n].subtotal for n in group]
    listed = None if None in amounts else sum(amount for amount in amounts if amount is not None)
    where = (None, price.currency, price.interval, price.interval_count)
    return (
        NextCharge(*where, (), None, (Unsure.USAGE,))
        if listed is None
        else (NextCharge(*where, (Step(listed),), listed))
    )


def _charge(sub: Subscription, group: Sequence[int], *, alone: bool) -> NextCharge:
    priced, cycle = _priced(sub, group), _Cycle(sub, sub.items[group[0]])
    unsure = _unsure(sub.terms, priced, alone=alone)
    if sub.ends_at is not None and cycle.known and cycle.date(0) < sub.ends_at < cycle.date(1):
        # If a scheduled end cuts a period short, Stripe charges only part of it
        # (docs.stripe.com/api/subscriptions/update, `cancel_at`).
        unsure = (*unsure, Unsure.CHANGE)
    steps: tuple[Step, ...] = sub.terms.steps
    if not steps and not unsure:
        found = _steps(sub, group, cycle)
        steps, unsure = (found, ()) if found else ((), (Unsure.ROUNDING,))
    at = cycle.date(0) if cycle.known else None
    return replace(priced, at=at, steps=() if unsure else steps, unsure=unsure)


def _unsure(terms: Terms, priced: NextCharge, *, alone: bool) -> tuple[Unsure, ...]:
    reasons = [*terms.unsure, *priced.unsure]
    if not all(_is_known(discount, alone=alone) for discount in terms.discounts):
        reasons.append(Unsure.DISCOUNT)
    if len({tax.inclusive for tax in terms.taxes}) > 1:
        reasons.append(Unsure.TAX)
    return tuple(dict.fromkeys(reasons))


def _is_known(discount: Discount, *, alone: bool) -> bool:
    """Return True if the reduction of each charge is known.

    With several groups, a fixed amount off one bill, or any reduction of the next bill only, may apply to any
    of them.
    """
    if discount.percent is None and discount.amount is None:
        return False
    return alone or (discount.percent is not None and not discount.once)


class _Cycle:
    """The charge dates of the items of one interval: `date(0)` is the next one."""

    def __init__(self, sub: Subscription, item: Item) -> None:
        self._price = item.price
        end = item.period_end or sub.period_end or 0
        self.known = bool(end)
        self._anchor = end if sub.terms.anchor is None else sub.terms.anchor
        if self._at(self._reaches(end)) != end:  # the current period does not follow from the anchor
            self._anchor = end
        self._first = self._reaches(end)
        if sub.terms.paused and sub.terms.resumes_at is not None:
            self._first = max(self._first, self._reaches(sub.terms.resumes_at))

    def _reaches(self, moment: int) -> int:
        """Return the number of the first charge at or after a moment."""
        return bisect_left(range(FURTHEST), moment, key=self._at)

    def _at(self, number: int) -> int:
        return later(self._anchor, self._price.interval, number * self._price.interval_count)

    def date(self, number: int) -> int:
        """Return when the charge with this number is due, counted from the next one."""
        return self._at(self._first + number)

    def times_before(self, moment: int) -> int:
        """Return the number of charges due before a moment."""
        return max(self._reaches(moment) - self._first, 0)


def _steps(sub: Subscription, group: Sequence[int], cycle: _Cycle) -> tuple[Step, ...]:
    """Return the amounts in order; empty if they depend on how the provider rounds."""
    lasting = [d for d in _in_force(sub.terms.discounts, cycle, 0) if not d.once]
    if any(d.once for d in sub.terms.discounts) and not _sum(sub, group, lasting):
        return ()  # with nothing left to reduce, a one-time discount may be kept for a later charge
    starts = sorted({0, *_changes(sub.terms.discounts, cycle)})
    sums = [_sum(sub, group, _in_force(sub.terms.discounts, cycle, start)) for start in starts]
    found: list[Step] = []
    for n, amount in enumerate(sums):
        if amount is None:
            return ()
        times = starts[n + 1] - starts[n] if n + 1 < len(starts) else None
        if found and found[-1].amount == amount:
            before = found.pop().times
            times = None if times is None or before is None else before + times
        found.append(Step(amount, times))
    return tuple(found)


def _changes(discounts: Iterable[Discount], cycle: _Cycle) -> Iterable[int]:
    """Yield the numbers of the charges at which a discount ends."""
    for discount in discounts:
        if discount.once:
            yield 1
        elif discount.ends_at is not None:
            yield cycle.times_before(discount.ends_at)


def _in_force(discounts: Iterable[Discount], cycle: _Cycle, number: int) -> list[Discount]:
    return [
        d
        for d in discounts
        if not (d.once and number) and (d.ends_at is None or number < cycle.times_before(d.ends_at))
    ]


def _sum(sub: Subscription, group: Sequence[int], discounts: Sequence[Discount]) -> int | None:
    """Return the amount of one charge, in minor units.

    Returns None if it depends on how the provider rounds, or is too small to charge.
    """
    found = {
        _rounded(sub, group, discounts, rounding, each=each)
        for rounding in (ROUND_HALF_UP, ROUND_HALF_DOWN)
        for each in (True, False)
    }
    if len(found) > 1:
        return None
    (amount,) = found
    listed = sum(sub.items[n].subtotal or 0 for n in group)
    odd = amount % _UNITS.get(sub.items[group[0]].price.currency, 1) or 0 < amount < LEAST
    return None if odd and amount != listed else amount


def _rounded(
    sub: Subscription, group: Sequence[int], discounts: Sequence[Discount], rounding: str, *, each: bool
) -> int:
    """Return the amount under one way of rounding: `each` line and step, or only the total."""

    def whole(value: Decimal) -> Decimal:
        return value.quantize(Decimal(1), rounding)

    def step(value: Decimal) -> Decimal:
        return whole(value) if each else value

    with localcontext() as context:
        context.prec = 60
        lines = {n: Decimal(sub.items[n].subtotal or 0) for n in group}
        for discount in discounts:
            here = [n for n in lines if not discount.items or n in discount.items]
            if discount.percent is not None:
                offs = [step(lines[n] * Decimal(discount.percent) / 100) for n in here]
            else:
                offs = _spread(discount.amount or 0, [lines[n] for n in here], rounding, each=each)
            for n, off in zip(here, offs, strict=True):
                lines[n] -= min(off, lines[n])
        total = sum(lines.values(), Decimal(0))
        for tax in sub.terms.taxes:
            if not tax.inclusive:
                taxed = (lines[n] for n in lines if not tax.items or n in tax.items)
                total += sum((step(line * Decimal(tax.percent) / 100) for line in taxed), Decimal(0))
        return int(whole(total))


def _spread(amount: int, lines: Sequence[Decimal], rounding: str, *, each: bool) -> list[Decimal]:
    """Spread an amount off the total over its lines in proportion to their prices.

    In whole minor units one line takes the remainder: Stripe does not say which, so it is the last or, with
    the other rounding, the first.
    """
    base = sum(lines, Decimal(0))
    if not base:
        return [Decimal(0) for _ in lines]
    shares = [line * amount / base for line in lines]
    if each:
        shares = [share.to_integral_value(ROUND_FLOOR) for share in shares]
        shares[-1 if rounding == ROUND_HALF_UP else 0] += amount - sum(shares)
    return shares


def named(charge: NextCharge, amount: int) -> NextCharge:
    """Return the charge with the amount that the provider itself named for it."""
    return replace(charge, steps=(Step(amount, 1),))
