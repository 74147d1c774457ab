"""The nouns of Dues, frozen. Times are unix seconds UTC; money is minor units with its ISO currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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
class Money:
    """`amount` in minor units (Stripe: 'Supported currencies'); `currency` is ISO 4217 in lower case."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Price:
    """A provider's price of a plan, as last fetched. `interval` is day, week, month or year. `amount` None:
    it has no one amount, as it goes by tiers or by use, and is not sold."""

    provider: str
    account: str
    id: str
    product_id: str
    amount: int | None
    currency: str
    interval: str
    interval_count: int = 1
    trial_days: int = 0
    active: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from any other."""
        return self.provider, self.account, self.id


@dataclass(frozen=True, slots=True)
class Item:
    """One price within a subscription."""

    price: Price
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Binding:
    """Whose subscription it is: this member of this server."""

    guild_id: int
    member_id: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """An agreement at the provider, as last fetched.

    `period_end`: when the running period ends; None where the provider names none.
    `ends_at`: when it is scheduled to end, however the provider expresses that; None while it renews.
    `ended_at`: when it came to its end.
    `unpaid_since`: since when the last payment is owed, while PAST_DUE; None where the provider does not say.
    `paid_through`: until when it is paid, at a provider that ends it at once when cancelled (PayPal).
    `checkout_id`: our opaque id, where only the owner can write it. `customer_id`: empty until agreed to.
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

    @property
    def price(self) -> Price:
        """The first item's price; every subscription has one."""
        return self.items[0].price

    @property
    def total(self) -> Money | None:
        """What one period costs, all items together; None where the provider alone can tell."""
        amounts = [i.price.amount * i.quantity for i in self.items if i.price.amount is not None]
        return Money(sum(amounts), self.price.currency) if len(amounts) == len(self.items) else None

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
class Plan:
    """What a server sells: roles, under a name, for one or more providers' prices.

    `prices` are on sale, one a provider at most; `former_prices` were, or were mapped by an admin, and
    still give this plan to whoever pays them. `trial_days` None: as the provider's price says.
    """

    id: int
    guild_id: int
    name: str
    role_ids: tuple[int, ...]
    prices: tuple[Price, ...] = ()
    former_prices: tuple[Price, ...] = ()
    description: str = ""
    hidden: bool = False
    trial_days: int | None = None
    removed_at: int | None = None

    def price_at(self, provider: str) -> Price | None:
        """The price on sale at that provider."""
        return next((p for p in self.prices if p.provider == provider), None)


class OverrideKind(StrEnum):
    """An admin's own decision, above whatever is paid."""

    BLOCK = "block"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Override:
    """An admin's grant or block for a member; `plan_id` None means every plan of the server. Rows of one
    decision share `decision_id`, and are lifted together."""

    id: int
    decision_id: str
    guild_id: int
    member_id: int
    plan_id: int | None
    kind: OverrideKind
    starts_at: int
    until: int | None
    reason: str
    by: int
    created_at: int

    def covers(self, plan_id: int, now: float) -> bool:
        """Whether it rules this plan at that moment."""
        begun = self.starts_at <= now and (self.until is None or now < self.until)
        return begun and self.plan_id in (None, plan_id)


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A member's derived right to a plan until a moment (None: no end in sight).

    `held`: the truth is not known just now; what the member has stays, nothing is added.
    """

    plan_id: int
    until: int | None
    why: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Checkout:
    """Our opaque id given to the provider's payment page, and what it stands for."""

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


@dataclass(frozen=True, slots=True)
class Subject:
    """The provider's object that an event is about, e.g. kind 'subscription', id 'sub_1'."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Event:
    """An authenticated notification. `subject` None: of a kind that nobody needs."""

    provider: str
    account: str
    id: str
    kind: str
    subject: Subject | None
    occurred_at: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment for a subscription. `refunded` is what was already given back, minor units."""

    id: str
    amount: int
    refunded: int
    currency: str
    paid_at: int

    @property
    def refundable(self) -> Money:
        """What can still be given back."""
        return Money(self.amount - self.refunded, self.currency)


RULE = 0  # in the place of a Discord id: nobody asked, it follows from a rule


class IntentKind(StrEnum):
    """What somebody asked of the provider, kept until the provider has confirmed it."""

    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    CANCEL_NOW = "cancel_now"
    RESUME = "resume"
    REFUND_LAST_PAYMENT = "refund_last_payment"


class IntentState(StrEnum):
    """`FAILED`: the provider refused for good, a person must act. `DROPPED`: a later wish replaced it."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Intent:
    """A wish that is durable before the provider hears of it; its id is the idempotency key.

    `by` names who asked (a Discord id, or RULE) and `reason` why. `attempts` counts calls; `outcome` is
    a sentence for people, while PENDING what the last one met; `refunded` says how much a refund gave back.
    `payment_id` fixes, from the first attempt on, which payment a refund is about.
    """

    id: str
    kind: IntentKind
    key: SubscriptionKey
    by: int
    reason: str
    created_at: int
    state: IntentState = IntentState.PENDING
    attempts: int = 0
    next_attempt_at: int = 0
    payment_id: str | None = None
    refunded: Money | None = None
    outcome: str = ""
    receipt: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person is told once. `key` is unique: the same thing is never told twice.

    `member_id` set: a member, by DM; None: the server's admins. `kind` and `facts` are turned into words
    by the Discord face.
    """

    key: str
    guild_id: int
    member_id: int | None
    kind: str
    facts: dict[str, str | int | None] = field(default_factory=dict)
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A row of history: every change of access or of an agreement. Append-only.

    `who`: 'provider', 'timer', 'sweep', or a Discord id; `evidence`: the event or command that shows it.
    """

    at: int
    guild_id: int | None
    member_id: int | None
    subject: str
    who: str
    why: str
    evidence: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """What a server's admins chose for the bot; each has a sensible answer when unset."""

    guild_id: int
    notice_channel_id: int | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    plan_switching: bool = False


@dataclass(frozen=True, slots=True)
class MemberMark:
    """A member whose roles are to be converged, `since` the first reason; `version` moves on with each."""

    guild_id: int
    member_id: int
    version: int
    attempts: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class MemberState:
    """All that decides one member's roles in one server. `stale`: a subscription waits to be fetched;
    `due_at`: when time alone changes something, until that is taken up."""

    plans: tuple[Plan, ...]
    subscriptions: tuple[Subscription, ...]
    overrides: tuple[Override, ...]
    granted: frozenset[int]
    parked: str | None = None
    stale: bool = False
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check looked at. `cure` tells what to do when `ok` is false; `fix` names a cure
    that the bot can carry out itself."""

    what: str
    ok: bool
    says: str
    cure: str = ""
    fix: str | None = None
