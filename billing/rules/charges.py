"""What a subscription's provider charges next, worked out from what was fetched. Pure.

Where that does not suffice the sum is unknown: a wrong one is never said.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal, localcontext
from itertools import groupby

from billing.model import Discount, Item, Money, NextCharge, Price, Status, Step, Subscription, Terms, Unsure
from billing.rules.calendar import later

# The longest row of charges that is looked through: daily ones for some fifty years.
FURTHEST = 20_000
# Stripe takes no payment below about half a dollar; it adds so small a sum to the customer's balance
# (docs.stripe.com/currencies, 'Minimum and maximum charge amounts').
LEAST = 50
# Sums that end otherwise cannot be charged (docs.stripe.com/currencies, 'Special cases' and
# 'Three-decimal currencies').
_UNITS = {"isk": 100, "ugx": 100, "bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10}

Lines = dict[int, Decimal]


def decide_charges(sub: Subscription) -> tuple[NextCharge, ...]:
    """The next charge of each group of items that renew together, the earliest first. None where nothing is
    going to be charged, or nobody knows whether anything is."""
    if not sub.renews or sub.status not in (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE):
        return ()
    if sub.terms.paused and sub.terms.resumes_at is None:
        return ()
    groups = _groups(sub)
    charges = [_charge(sub, group, alone=len(groups) == 1) for group in groups]
    return tuple(sorted(charges, key=lambda charge: charge.at or 0))


def decide_prices(sub: Subscription) -> tuple[NextCharge, ...]:
    """What each group of items costs a period, before discounts and taxes, whether it is charged or not."""
    return tuple(_priced(sub, group) for group in _groups(sub))


def decide_sale(
    price: Price, trial_days: int, starts_at: int | None
) -> tuple[Money | None, tuple[Step, ...]]:
    """What the payment page takes at once, None where that is not known, and the charges that follow; where
    the first of them is what is taken at once, with it. `starts_at`: until then it is paid already."""
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
    """Positions of the items that are charged together: those of one interval."""
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
        # Stripe charges a period that a set end cuts short for that part only (docs.stripe.com/api/
        # subscriptions/update, `cancel_at`).
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
    """Whether it is known by how much each charge is reduced. A sum off one bill, or anything off the next
    bill only, may fall on any of several groups."""
    if discount.percent is None and discount.amount is None:
        return False
    return alone or (discount.percent is not None and not discount.once)


class _Cycle:
    """When the items of one interval are charged: `date(0)` is the next time."""

    def __init__(self, sub: Subscription, item: Item) -> None:
        self._price = item.price
        end = item.period_end or sub.period_end or 0
        self.known = bool(end)
        self._anchor = end if sub.terms.anchor is None else sub.terms.anchor
        if self._at(self._reaches(end)) != end:  # the running period is not one of the anchor's
            self._anchor = end
        self._first = self._reaches(end)
        if sub.terms.paused and sub.terms.resumes_at is not None:
            self._first = max(self._first, self._reaches(sub.terms.resumes_at))

    def _reaches(self, moment: int) -> int:
        """The number of the first charge at or after a moment."""
        return bisect_left(range(FURTHEST), moment, key=self._at)

    def _at(self, number: int) -> int:
        return later(self._anchor, self._price.interval, number * self._price.interval_count)

    def date(self, number: int) -> int:
        """When the charge of that number is due, counted from the next one."""
        return self._at(self._first + number)

    def times_before(self, moment: int) -> int:
        """How many charges come before a moment."""
        return max(self._reaches(moment) - self._first, 0)


def _steps(sub: Subscription, group: Sequence[int], cycle: _Cycle) -> tuple[Step, ...]:
    """The sums in order; empty where they depend on how the provider rounds."""
    lasting = [d for d in _in_force(sub.terms.discounts, cycle, 0) if not d.once]
    if any(d.once for d in sub.terms.discounts) and not _sum(sub, group, lasting):
        return ()  # where nothing is left to reduce, the one for a single charge may be kept for a later one
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
    """The numbers of the charges with which a discount is over."""
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
    """What one charge takes; None where it depends on how the provider rounds, or is too small to charge."""
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
    """By one way of rounding: `each` line and step, or the whole at the end."""

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
    """A sum off the whole, spread over its lines by what each costs. In whole minor units one line takes what
    is left over: Stripe does not say which, so it is the last or, with the other rounding, the first."""
    base = sum(lines, Decimal(0))
    if not base:
        return [Decimal(0) for _ in lines]
    shares = [line * amount / base for line in lines]
    if each:
        shares = [share.to_integral_value(ROUND_FLOOR) for share in shares]
        shares[-1 if rounding == ROUND_HALF_UP else 0] += amount - sum(shares)
    return shares


def named(charge: NextCharge, amount: int) -> NextCharge:
    """With the sum that the provider itself named for the next charge."""
    return replace(charge, steps=(Step(amount, 1),))
