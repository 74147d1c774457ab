"""Upcoming charges of a subscription, and the terms that determine them in addition to its price."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unsure(StrEnum):
    """A reason why only the provider can say how much it will charge next."""

    USAGE = "usage"  # priced by use or by tiers
    DISCOUNT = "discount"  # a discount applies whose size is not known
    TAX = "tax"  # a tax is added whose size is not known
    BALANCE = "balance"  # the customer has a credit or an open balance
    CHANGE = "change"  # a scheduled, unpaid or prorated change affects the next charge
    ROUNDING = "rounding"  # the provider does not document how it rounds this amount


@dataclass(frozen=True, slots=True)
class Discount:
    """A reduction of each charge, by `percent` (decimal text) or by `amount` (minor units).

    `ends_at`: charges from this moment on are not reduced; None: the discount has no end. `once`: it reduces
    a single charge. `items`: positions of the items that it reduces; empty: all of them.
    """

    percent: str | None = None
    amount: int | None = None
    ends_at: int | None = None
    once: bool = False
    items: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax of `percent` (decimal text), included in the price or added to it.

    `items`: positions of the taxed items; empty: all of them.
    """

    percent: str
    inclusive: bool
    items: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A run of charges of the same `amount` (minor units).

    `times`: how many; None: without end. After the last step, if its `times` is set, nothing is charged.
    `interval`: the interval between these charges if it differs from the price's own; empty: it does not.
    """

    amount: int
    times: int | None = None
    interval: str = ""
    interval_count: int = 1


@dataclass(frozen=True, slots=True)
class Terms:
    """The last fetched terms that determine a subscription's charges in addition to its items.

    `steps`: the charges in order, starting with the next one, if the provider names the amounts; empty: they
    follow from the items, `discounts` and `taxes`. `anchor`: the moment from which all periods are counted;
    None: the end of the current period. `paused`: nothing is collected until `resumes_at`, if that is set.
    `by_invoice`: the provider sends the customer an invoice instead of charging automatically. `complete`:
    the subscription had a fixed number of payments and the last one was made.
    """

    steps: tuple[Step, ...] = ()
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()
    anchor: int | None = None
    paused: bool = False
    resumes_at: int | None = None
    by_invoice: bool = False
    unsure: tuple[Unsure, ...] = ()
    complete: bool = False


PLAIN = Terms()  # the items alone decide


@dataclass(frozen=True, slots=True)
class NextCharge:
    """The next charge for the items that renew together, and the charges after it.

    `at`: unix seconds; None: not known. `steps`: the amounts in order, the last one continuing; empty: not
    known, for the reasons in `unsure`. If both are set, the provider named the amount of the first step, and
    later charges may differ. `listed`: the price of a period before discounts and taxes.
    """

    at: int | None
    currency: str
    interval: str
    interval_count: int
    steps: tuple[Step, ...]
    listed: int | None = None
    unsure: tuple[Unsure, ...] = ()
