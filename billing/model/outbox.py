"""The outbox: each change of access, subscriptions, payments, plans and notices as a typed event.

Each class has a `type` and a `version`. The ledger keeps an event's fields as JSON, without those that have
their default; a field that is added later needs a default, and a field that changes its meaning needs a new
version. Moments are unix seconds UTC; amounts are minor units with an ISO currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, TypeAlias, get_args

from billing.model.money import Money
from billing.model.subscriptions import DisputeState, Status, SubscriptionKey


class EndReason(StrEnum):
    """A reason why a subscription ended."""

    WANTED = "wanted"  # its member or the owner cancelled it
    UNPAID = "unpaid"  # its payments kept failing
    REVOKED = "revoked"  # admins revoked the access
    DISPUTED = "disputed"  # a dispute about a payment was lost
    COMPLETED = "completed"  # the last of a fixed number of payments was made


@dataclass(frozen=True, slots=True)
class RecurringCharge:
    """The charge for each `interval_count` intervals (day, week, month or year).

    After discounts, with taxes. `amount` None: only the provider knows it.
    """

    amount: Money | None
    interval: str
    interval_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFacts:
    """A subscription at the moment of an event.

    `plans`: ids of the plans that it pays for; `charges`: one for each interval among its items, empty if
    it is not being charged; the rest as in Subscription.
    """

    key: SubscriptionKey
    status: Status
    plans: tuple[int, ...] = ()
    prices: tuple[str, ...] = ()
    charges: tuple[RecurringCharge, ...] = ()
    created_at: int = 0
    period_end: int | None = None
    trial_end: int | None = None
    ends_at: int | None = None
    ended_at: int | None = None
    paid_through: int | None = None
    unpaid_since: int | None = None
    dispute: DisputeState = DisputeState.NONE
    needs_action: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEvent:
    """A change of a subscription that belongs to a member.

    `subscription`: the facts after it; `before`: the facts before it. If several events describe one
    change, only the first has `before`. `by`: Discord id of the person who asked for it through Dues;
    None: it was made at the provider, or by time.
    """

    version: ClassVar[int] = 1
    subscription: SubscriptionFacts
    before: SubscriptionFacts | None = None
    by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionStarted(SubscriptionEvent):
    """A member subscribed and paid."""

    type: ClassVar[str] = "subscription.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionTrialStarted(SubscriptionEvent):
    """A member subscribed and has free days first."""

    type: ClassVar[str] = "subscription.trial_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLinked(SubscriptionEvent):
    """A subscription that existed before belongs to this member from now on."""

    type: ClassVar[str] = "subscription.linked"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionUnlinked(SubscriptionEvent):
    """An admin undid a link: the subscription no longer belongs to this member."""

    type: ClassVar[str] = "subscription.unlinked"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRenewed(SubscriptionEvent):
    """A new period began and was paid, also the first one after free days."""

    type: ClassVar[str] = "subscription.renewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPaymentFailed(SubscriptionEvent):
    """A payment failed."""

    type: ClassVar[str] = "subscription.payment_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRecovered(SubscriptionEvent):
    """A payment went through after it had failed."""

    type: ClassVar[str] = "subscription.recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRenewalStopped(SubscriptionEvent):
    """The subscription was cancelled and will end; until then it gives access."""

    type: ClassVar[str] = "subscription.renewal_stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRenewalResumed(SubscriptionEvent):
    """A cancellation was undone before the end."""

    type: ClassVar[str] = "subscription.renewal_resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionSwitched(SubscriptionEvent):
    """The subscription pays for other prices than before.

    `plans_before`: ids of the plans that it paid for.
    """

    type: ClassVar[str] = "subscription.switched"
    plans_before: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEnded(SubscriptionEvent):
    """The agreement ended at the provider. Paid time still gives access until `paid_through`."""

    type: ClassVar[str] = "subscription.ended"
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChanged(SubscriptionEvent):
    """Another fact of the subscription changed, for example because it was paused."""

    type: ClassVar[str] = "subscription.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDisputed(SubscriptionEvent):
    """The state of a dispute about a payment changed; the facts contain the new state."""

    type: ClassVar[str] = "payment.disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded:
    """A payment was refunded.

    `payment`: its id at the provider; `amount`: the total refunded for it so far, if it is known; `by`:
    Discord id of the admin who asked for it; None: it was made in the provider's dashboard.
    """

    type: ClassVar[str] = "payment.refunded"
    version: ClassVar[int] = 1
    subscription: SubscriptionKey
    payment: str = ""
    amount: Money | None = None
    by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesEvent:
    """Roles that the bot changed in Discord.

    `why`: the code of a text in i18n/, or the reason that an admin gave.
    """

    version: ClassVar[int] = 1
    roles: tuple[int, ...]
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGiven(RolesEvent):
    """The bot gave roles to a member."""

    type: ClassVar[str] = "access.given"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTaken(RolesEvent):
    """The bot took roles from a member."""

    type: ClassVar[str] = "access.taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionEvent:
    """An admin's decision about a member.

    `plans`: ids of the plans; empty: every plan of the server. `starts_at`: when it takes effect; `until`:
    when it ends by itself; None: never. `by`: Discord id of the admin; 0: a rule of Dues decided.
    """

    version: ClassVar[int] = 1
    decision: str
    by: int
    reason: str = ""
    plans: tuple[int, ...] = ()
    starts_at: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantMade(DecisionEvent):
    """An admin gave plans without payment."""

    type: ClassVar[str] = "grant.made"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantWithdrawn(DecisionEvent):
    """An admin ended a grant."""

    type: ClassVar[str] = "grant.withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationMade(DecisionEvent):
    """An admin revoked the access."""

    type: ClassVar[str] = "revocation.made"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationLifted(DecisionEvent):
    """An admin lifted a revocation."""

    type: ClassVar[str] = "revocation.lifted"


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """A price on sale. `amount` None: it has no fixed amount."""

    provider: str
    id: str
    amount: Money | None
    interval: str
    interval_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEvent:
    """A change of a plan. The fields are those of the plan after it; `by`: Discord id of the admin."""

    version: ClassVar[int] = 1
    plan: int
    name: str
    roles: tuple[int, ...] = ()
    prices: tuple[PlanPrice, ...] = ()
    hidden: bool = False
    by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCreated(PlanEvent):
    """A server sells a new plan."""

    type: ClassVar[str] = "plan.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged(PlanEvent):
    """A plan was edited."""

    type: ClassVar[str] = "plan.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRemoved(PlanEvent):
    """A plan is no longer sold."""

    type: ClassVar[str] = "plan.removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeQueued:
    """A message to the member, or to the server's admins if the event names no member.

    `kind`: as in notices.py; `key` names this one. The event's `at` is the moment from which it may be
    sent.
    """

    type: ClassVar[str] = "notice.queued"
    version: ClassVar[int] = 1
    kind: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent:
    """An event in the ledger that this program cannot read, such as a type of a later version."""

    type: str
    version: int


KnownEvent: TypeAlias = (
    SubscriptionStarted
    | SubscriptionTrialStarted
    | SubscriptionLinked
    | SubscriptionUnlinked
    | SubscriptionRenewed
    | SubscriptionPaymentFailed
    | SubscriptionRecovered
    | SubscriptionRenewalStopped
    | SubscriptionRenewalResumed
    | SubscriptionSwitched
    | SubscriptionEnded
    | SubscriptionChanged
    | PaymentDisputed
    | PaymentRefunded
    | AccessGiven
    | AccessTaken
    | GrantMade
    | GrantWithdrawn
    | RevocationMade
    | RevocationLifted
    | PlanCreated
    | PlanChanged
    | PlanRemoved
    | NoticeQueued
)
OutboxBody: TypeAlias = KnownEvent | UnknownEvent

# The class of each type, by the name under which the ledger keeps it.
OUTBOX_TYPES: Mapping[str, type[KnownEvent]] = MappingProxyType(
    {body.type: body for body in get_args(KnownEvent)}
)


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A row of the outbox.

    `sequence` rises with each event of the ledger; `id` is unique for ever, also if the ledger is put
    back from a backup. `member_id` None: the event is not about one member.
    """

    sequence: int
    id: str
    at: int
    guild_id: int
    member_id: int | None
    body: OutboxBody
