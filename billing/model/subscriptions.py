"""Subscriptions as last fetched, their owners, and the checkouts that lead to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from billing.model.money import Money
from billing.model.plans import Price
from billing.model.upcoming_charges import PLAIN, Terms


class Status(StrEnum):
    """The status of a subscription, the same for every provider.

    Each provider's mapping table translates the provider's own statuses to these.
    """

    PENDING = "pending"  # agreed to, not yet paid
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"  # a payment failed and the provider keeps trying
    UNPAID = "unpaid"  # the provider stopped retrying; the agreement still exists
    PAUSED = "paused"  # nothing is charged or owed
    ENDED = "ended"  # final; an ended subscription never resumes
    UNKNOWN = "unknown"  # a status that the mapping does not know; the member keeps their roles


class DisputeState(StrEnum):
    """The state of a disputed payment, or of all disputed payments of a subscription."""

    NONE = "none"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class SubscriptionKey:
    """Identifies a subscription: the provider, the owner's account there, and the provider's id."""

    provider: str
    account: str
    id: str

    @property
    def at(self) -> tuple[str, str]:
        """The provider and the account."""
        return self.provider, self.account

    def __str__(self) -> str:
        return f"{self.provider}:{self.account}:{self.id}"


@dataclass(frozen=True, slots=True)
class Item:
    """One price within a subscription.

    `amount`: cost of one period if it is not the price's amount times the quantity, for example with
    fractions of a cent. `period_end`: end of this item's current period if it differs from the
    subscription's.
    """

    price: Price
    quantity: int = 1
    amount: int | None = None
    period_end: int | None = None

    @property
    def subtotal(self) -> int | None:
        """The cost of one period before discounts and taxes; None if only the provider knows it."""
        if self.amount is not None or self.price.amount is None:
            return self.amount
        return self.price.amount * self.quantity


@dataclass(frozen=True, slots=True)
class Binding:
    """The owner of a subscription: a member of a server."""

    guild_id: int
    member_id: int


class BoundBy(StrEnum):
    """The evidence that ties a subscription to its owner."""

    PAGE = "page"  # paid on a page that Dues created for the member
    PROVIDER = "provider"  # Dues wrote it to the provider's object and read it back
    OWNER = "owner"  # the application's owner said so and confirmed that the member pays
    ADMIN = "admin"  # an admin said so; somebody else may be paying


@dataclass(frozen=True, slots=True)
class Claim:
    """The owner of a subscription according to the provider's object.

    `guild_id` None: the object names no server. `proven`: only Dues can have written it, and only for this
    subscription; otherwise an admin has to decide. `current`: it has the format that Dues writes today.
    """

    member_id: int
    guild_id: int | None
    proven: bool = False
    current: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """An agreement at the provider, as last fetched. Moments are unix seconds UTC.

    `period_end`: end of the current period; None if the provider names none. `ends_at`: the scheduled end,
    however the provider expresses it; None while it renews. `ended_at`: when it ended. `unpaid_since`: while
    PAST_DUE, since when a payment is overdue; None if the provider does not say. `paid_through`: end of the
    paid time, at a provider that ends a cancelled subscription immediately (PayPal). `checkout_id`: our
    opaque id, if only the owner can have written it. `customer_id`: empty until the customer agrees. `terms`:
    what decides the charges besides the items. `needs_action`: the customer has to confirm a payment with
    their bank. `claim`: the owner according to the provider's object; not recorded. `counts_anew`: the
    provider counts no payment for the current plan yet, so the last payment may have bought more time than
    shown here; not recorded.
    """

    key: SubscriptionKey
    customer_id: str
    status: Status
    provider_status: str
    items: tuple[Item, ...]
    created_at: int
    period_start: int | None = None
    period_end: int | None = None
    ends_at: int | None = None
    ended_at: int | None = None
    trial_end: int | None = None
    unpaid_since: int | None = None
    paid_through: int | None = None
    checkout_id: str | None = None
    dispute: DisputeState = DisputeState.NONE
    binding: Binding | None = None
    terms: Terms = PLAIN
    needs_action: bool = False
    bound_by: BoundBy = BoundBy.PAGE
    claim: Claim | None = field(default=None, compare=False)
    counts_anew: bool = field(default=False, compare=False)

    @property
    def is_payers(self) -> bool:
        """True if the member is known to be the payer.

        Only then may they see the provider's pages.
        """
        return self.binding is not None and self.bound_by is not BoundBy.ADMIN

    @property
    def price(self) -> Price:
        """The price of the first item; every subscription has at least one."""
        return self.items[0].price

    @property
    def total(self) -> Money | None:
        """The price of one period for all items, before discounts and taxes.

        None if only the provider knows it, or if the items have no common period.
        """
        amounts = [item.subtotal for item in self.items]
        intervals = {(item.price.interval, item.price.interval_count) for item in self.items}
        if None in amounts or len(intervals) > 1:
            return None
        return Money(sum(amount for amount in amounts if amount is not None), self.price.currency)

    @property
    def renews(self) -> bool:
        """True if the provider will charge for another period unless somebody acts."""
        alive = self.status in (
            Status.TRIALING,
            Status.ACTIVE,
            Status.PAST_DUE,
            Status.UNPAID,
            Status.UNKNOWN,
        )
        return alive and not self.ends_with_period

    @property
    def ends_with_period(self) -> bool:
        """True if the scheduled end comes before another charge; an owner may schedule an end years ahead."""
        return self.ends_at is not None and (self.period_end is None or self.ends_at <= self.period_end)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A payment page at the provider.

    `id`: our opaque id, which the provider's page carries. `return_id`: a second opaque id, carried by
    the address to which the page leads back.
    """

    id: str
    provider: str
    account: str
    guild_id: int
    member_id: int
    plan_id: int
    price_id: str
    created_at: int
    session_id: str | None = None
    expires_at: int | None = None
    subscription_id: str | None = None
    return_id: str | None = None
