"""Subscriptions as last fetched, whose they are, and the checkouts that lead to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from billing.model.charges import PLAIN, Terms
from billing.model.money import Money
from billing.model.plans import Price


class Status(StrEnum):
    """What a subscription is, in words that every provider's own statuses are mapped to.

    Each provider's mapping table says which of its statuses becomes which of these.
    """

    PENDING = "pending"  # agreed, not yet paid
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"  # a payment failed, the provider tries again
    UNPAID = "unpaid"  # the provider gave up trying, the agreement stands
    PAUSED = "paused"  # nothing is charged and nothing is owed
    ENDED = "ended"  # final: never comes back to life
    UNKNOWN = "unknown"  # a status that the mapping does not know: holds whatever is


class DisputeState(StrEnum):
    """How the payer's bank stands to a disputed payment, or to all those of a subscription."""

    NONE = "none"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class SubscriptionKey:
    """Where a subscription lives: which provider, which of the owner's accounts there, which id."""

    provider: str
    account: str
    id: str

    @property
    def at(self) -> tuple[str, str]:
        """Provider and account."""
        return self.provider, self.account

    def __str__(self) -> str:
        return f"{self.provider}:{self.account}:{self.id}"


@dataclass(frozen=True, slots=True)
class Item:
    """One price within a subscription.

    `amount`: what it costs a period, where that is not the price's amount so many times, as with fractions
    of a cent. `period_end`: when its own running period ends, where that is not the subscription's.
    """

    price: Price
    quantity: int = 1
    amount: int | None = None
    period_end: int | None = None

    @property
    def subtotal(self) -> int | None:
        """What it costs a period, before discounts and taxes; None where the provider alone can tell."""
        if self.amount is not None or self.price.amount is None:
            return self.amount
        return self.price.amount * self.quantity


@dataclass(frozen=True, slots=True)
class Binding:
    """Whose subscription it is: this member of this server."""

    guild_id: int
    member_id: int


class BoundBy(StrEnum):
    """How it is known whose a subscription is."""

    PAGE = "page"  # it was paid on a page that Dues made for them
    PROVIDER = "provider"  # Dues wrote it to the provider's object, and read it there again
    OWNER = "owner"  # the application's owner said so, and that it is the member who pays
    ADMIN = "admin"  # an admin said so; another person may be paying


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a subscription is by what stands on it at the provider. `guild_id` None: it names no server.

    `proven`: only Dues can have written it, and for this subscription; otherwise an admin has to decide.
    `current`: it is written as Dues would write it today.
    """

    member_id: int
    guild_id: int | None
    proven: bool = False
    current: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """An agreement at the provider, as last fetched.

    `period_end`: when the running period ends; None where the provider names none.
    `ends_at`: when it is scheduled to end, however the provider expresses that; None while it renews.
    `ended_at`: when it came to its end.
    `unpaid_since`: since when the last payment is owed, while PAST_DUE; None where the provider does not say.
    `paid_through`: until when it is paid, at a provider that ends it at once when cancelled (PayPal).
    `checkout_id`: our opaque id, where only the owner can write it. `customer_id`: empty until agreed to.
    `terms`: what decides its charges beside the items. `needs_action`: a payment waits for its customer, who
    has to confirm it with their bank.
    `claim`: whose it is as the provider's object says; not recorded. `counts_anew`: the provider counts no
    payment for what it is now, so that the last one may have bought more than is shown here; not recorded.
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
        """Whether its member is known to be who pays; only then the provider's pages are for them."""
        return self.binding is not None and self.bound_by is not BoundBy.ADMIN

    @property
    def price(self) -> Price:
        """The first item's price; every subscription has one."""
        return self.items[0].price

    @property
    def total(self) -> Money | None:
        """What one period costs, all items together, before discounts and taxes; None where the provider
        alone can tell, and where the items have no period in common."""
        amounts = [item.subtotal for item in self.items]
        intervals = {(item.price.interval, item.price.interval_count) for item in self.items}
        if None in amounts or len(intervals) > 1:
            return None
        return Money(sum(amount for amount in amounts if amount is not None), self.price.currency)

    @property
    def renews(self) -> bool:
        """Whether the provider will charge for another period unless somebody acts."""
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
        """Whether its set end comes before another charge; an owner may set one that lies years ahead."""
        return self.ends_at is not None and (self.period_end is None or self.ends_at <= self.period_end)


@dataclass(frozen=True, slots=True)
class Checkout:
    """Our opaque id given to the provider's payment page, and what it stands for. `return_id`: another one,
    which the address carries that the page leads back to."""

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
