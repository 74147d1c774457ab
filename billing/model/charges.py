"""What a provider charges next, and what decides that beside the prices. Price and charge are two facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unsure(StrEnum):
    """Why only the provider can tell what it charges next."""

    USAGE = "usage"  # priced by use or by tiers
    DISCOUNT = "discount"  # a discount applies whose size is not known
    TAX = "tax"  # a tax is added whose size is not known
    BALANCE = "balance"  # the customer has a credit or owes something from before
    CHANGE = "change"  # a change is scheduled, waits for its payment, or is settled with the next charge
    ROUNDING = "rounding"  # the provider does not document how it rounds this sum


@dataclass(frozen=True, slots=True)
class Discount:
    """A reduction of each charge, by `percent` (decimal text) or by `amount` (minor units).

    `ends_at`: charges from then on are not reduced; None: no end. `once`: it reduces one charge only.
    `items`: positions of the items that it reduces; empty: all of them.
    """

    percent: str | None = None
    amount: int | None = None
    ends_at: int | None = None
    once: bool = False
    items: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax of so many percent (decimal text), contained in the price or added to it. `items`: positions of
    the items that it is raised on; empty: all of them."""

    percent: str
    inclusive: bool
    items: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Charges of the same amount (minor units), so many `times` in a row; None: from then on. After the
    last of them, if that has a number too, nothing is charged. `interval`: by which they come, where that is
    not the price's own."""

    amount: int
    times: int | None = None
    interval: str = ""
    interval_count: int = 1


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides a subscription's charges beside its items, as last fetched.

    `steps`: the charges in order, from the next one on, where the provider itself names their sums; empty:
    they follow from the items, `discounts` and `taxes`. `anchor`: a moment that all periods are counted from;
    None: the end of the running one. `paused`: nothing is collected, until `resumes_at` where that is set.
    `by_invoice`: the customer is sent an invoice to pay, and nothing is taken by itself. `complete`: it was
    for so many payments, and the last one was made.
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


PLAIN = Terms()  # nothing but the items decides


@dataclass(frozen=True, slots=True)
class NextCharge:
    """What the provider takes next for the items that renew together, and what follows.

    `at`: when; None: not known. `steps`: the sums in order, the last one from then on; empty: not known, and
    `unsure` says why. With both, the first step is what the provider itself named for the next charge, and
    later ones may differ. `listed`: the price of a period, before discounts and taxes.
    """

    at: int | None
    currency: str
    interval: str
    interval_count: int
    steps: tuple[Step, ...]
    listed: int | None = None
    unsure: tuple[Unsure, ...] = ()
