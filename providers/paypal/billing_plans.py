"""Maps PayPal's billing plans, and a subscription's own variants of them: cycles, set-up fee and tax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.errors import ProviderMisread
from billing.model import Price, Step
from providers.base import Answer, maybe, need
from providers.paypal.amounts import currency_of, parse_decimal, to_minor, with_percent
from providers.paypal.dates import after

NAME = "paypal"
DAY = 86_400
_NONE: Mapping[int, int] = {}


@dataclass(frozen=True, slots=True)
class Cycle:
    """One billing cycle of a plan: `count` intervals at a price, repeated `total` times (0: forever)."""

    trial: bool
    sequence: int
    unit: str
    count: int
    total: int
    price: Answer | None
    tier: Answer | None = None  # the first tier of a tiered price

    @property
    def free(self) -> bool:
        """Return True for a trial cycle that costs nothing."""
        nothing = self.price is None and self.tier is None
        return self.trial and (nothing or (self.price is not None and to_minor(self.price) == 0))


@dataclass(frozen=True, slots=True)
class Tariff:
    """The charges of a plan and when they fall due.

    `cycles`: in the order in which they run. `fee`: the set-up fee in minor units. `tax`: a percentage, 0
    if the prices include tax. `bills_owed`: True if PayPal adds an unpaid amount to the next payment.

    Tax applies to the fee but not to shipping: for the plan in PayPal's documentation (a fee of 10.00 USD,
    10 % tax not included), live notifications show a first payment of 11.00 along with a `shipping_amount`
    of 10.00.
    """

    cycles: tuple[Cycle, ...]
    fee: int
    tax: Decimal
    currency: str
    bills_owed: bool

    @property
    def regular(self) -> Cycle:
        """Return the cycle that runs once the trials are over."""
        return next(cycle for cycle in self.cycles if not cycle.trial)

    @property
    def paid(self) -> tuple[Cycle, ...]:
        """Return the cycles that cost something, in the order in which they run."""
        return tuple(cycle for cycle in self.cycles if not cycle.free)

    def taxed(self, minor: int) -> int:
        """Return an amount, in minor units, with the tax that the prices do not include."""
        return with_percent(minor, self.tax, self.currency)

    def charge(self, cycle: Cycle, quantity: int = 1, shipping: int = 0) -> int | None:
        """Return the cost of one interval of a cycle with tax and shipping, in minor units.

        None if the price is tiered.
        """
        if cycle.free:
            return 0
        return None if cycle.price is None else self.taxed(to_minor(cycle.price) * quantity) + shipping

    def steps(
        self, quantity: int = 1, shipping: int = 0, billed: Mapping[int, int] = _NONE
    ) -> tuple[Step, ...]:
        """Return the charges from the next one on, with tax and shipping; empty for a tiered price.

        `billed`: how often each cycle was billed, by its sequence.
        """
        found: list[Step] = []
        for cycle in self.paid:
            amount, left = self.charge(cycle, quantity, shipping), cycle.total - billed.get(cycle.sequence, 0)
            if amount is None:
                return ()
            if not cycle.total:
                return (*found, Step(amount))
            if left > 0:
                same = (cycle.unit, cycle.count) == (self.regular.unit, self.regular.count)
                found.append(Step(amount, left) if same else Step(amount, left, cycle.unit, cycle.count))
        return tuple(found)

    def is_complete(self, billed: Mapping[int, int]) -> bool:
        """Return True if the plan has a fixed number of payments and the last one was made."""
        return 0 < self.regular.total <= billed.get(self.regular.sequence, 0)


def tariff_of(plan: Answer) -> Tariff:
    """Read a plan's tariff. Raises ProviderMisread if the plan has no regular cycle."""
    cycles = sorted(map(_cycle, need(plan, "billing_cycles", list)), key=lambda cycle: cycle.sequence)
    regular = next((cycle for cycle in cycles if not cycle.trial), None)
    if regular is None:
        raise ProviderMisread(detail="plan.billing_cycles has no regular one")
    fee = maybe(plan, "payment_preferences.setup_fee", dict)
    percent = maybe(plan, "taxes.percentage", str)
    on_top = percent is not None and maybe(plan, "taxes.inclusive", bool) is False
    return Tariff(
        cycles=tuple(cycles),
        fee=0 if fee is None else max(to_minor(fee), 0),
        tax=parse_decimal(percent or "", "plan.taxes.percentage") if on_top else Decimal(0),
        currency=currency_of(regular.price or regular.tier or {}),
        bills_owed=maybe(plan, "payment_preferences.auto_bill_outstanding", bool) is not False,
    )


def is_whole(plan: Answer) -> bool:
    """Return True if a plan has every field that Dues reads.

    A subscription's variant of a plan may contain only the fields that differ.
    """
    cycles = maybe(plan, "billing_cycles", list) or []
    regular = any(isinstance(one, dict) and one.get("tenure_type") == "REGULAR" for one in cycles)
    told = all(isinstance(one, dict) and one.get("frequency") for one in cycles)
    return regular and told and maybe(plan, "payment_preferences", dict) is not None


def with_own(plan: Answer, own: Answer) -> Answer:
    """Return the plan with the fields of a subscription's own variant in place of its own."""
    cycles = {need(one, "sequence", int): one for one in maybe(own, "billing_cycles", list) or []}
    merged = [
        {**one, **cycles.get(need(one, "sequence", int), {})} for one in need(plan, "billing_cycles", list)
    ]
    parts = {
        name: {**(maybe(plan, name, dict) or {}), **(maybe(own, name, dict) or {})}
        for name in ("payment_preferences", "taxes")
    }
    return {**plan, **{name: part for name, part in parts.items() if part}, "billing_cycles": merged}


def _cycle(data: Any) -> Cycle:
    if not isinstance(data, dict):
        raise ProviderMisread(detail="plan.billing_cycles holds no objects")
    total, tiers = maybe(data, "total_cycles", int), maybe(data, "pricing_scheme.tiers", list)
    trial = need(data, "tenure_type", str) == "TRIAL"
    return Cycle(
        trial=trial,
        sequence=need(data, "sequence", int),
        unit=need(data, "frequency.interval_unit", str).lower(),
        count=maybe(data, "frequency.interval_count", int) or 1,
        total=int(trial) if total is None else total,  # without total_cycles a regular cycle never ends
        price=maybe(data, "pricing_scheme.fixed_price", dict),
        tier=maybe(tiers[0], "amount", dict) if tiers and isinstance(tiers[0], dict) else None,
    )


def ends_with_trial(plan: Answer) -> bool:
    """Return True if a plan has no regular cycle after its trials."""
    return all(_cycle(data).trial for data in need(plan, "billing_cycles", list))


def map_price(plan: Answer, account: str, plan_id: str, product_id: str) -> Price:
    """Return the price of a plan after its trials. A tiered price has no fixed amount."""
    tariff = tariff_of(plan)
    regular, steps = tariff.regular, tariff.steps()
    amount = None if regular.price is None else to_minor(regular.price)
    return Price(
        provider=NAME,
        account=account,
        id=plan_id,
        product_id=product_id,
        amount=amount,
        currency=tariff.currency,
        interval=regular.unit,
        interval_count=regular.count,
        trial_days=after_free(0, tariff.cycles) // DAY,
        active=maybe(plan, "status", str) in (None, "ACTIVE"),
        setup_fee=tariff.taxed(tariff.fee),
        steps=() if amount is None or steps == (Step(amount),) else steps,
    )


def product_of(plan: Answer, plan_id: str) -> str:
    """Return the id of the plan's product, or the plan's own id if it names no product."""
    return maybe(plan, "product_id", str) or plan_id


def after_trials(start: int, cycles: Sequence[Cycle]) -> int:
    """Return when the regular cycle begins, in unix seconds, for a plan that starts at `start`."""
    for cycle in cycles:
        if cycle.trial:
            start = after(start, cycle.unit, cycle.count * cycle.total)
    return start


def after_free(start: int, cycles: Sequence[Cycle]) -> int:
    """Return when the free cycles at the beginning of a plan end, in unix seconds."""
    for cycle in cycles:
        if not cycle.free:
            break
        start = after(start, cycle.unit, cycle.count * cycle.total)
    return start
