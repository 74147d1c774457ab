"""What people are told, each thing once: one class a kind, put into words by the Discord face.

The ledger keeps a body's fields as JSON under its `kind`. A field that is added later needs a default, so
that the rows of older ledgers still load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, TypeAlias, get_args

from billing.model.member_news import (
    Ended,
    GraceReminder,
    Granted,
    GrantEnded,
    Lifted,
    Linked,
    PaymentDisputed,
    PaymentFailed,
    PaymentRecovered,
    PaymentWaits,
    Refunded,
    RenewalResumed,
    RenewalStopped,
    Revoked,
    RolesChanged,
    Started,
    Switched,
)
from billing.model.money import Money
from billing.model.subscriptions import DisputeState, SubscriptionKey


@dataclass(frozen=True, slots=True)
class IntentOutcome:
    """What came of something that was asked of a provider: to the member who asked, else to the admins."""

    kind: ClassVar[str] = "intent_outcome"
    intent: str
    member: int


@dataclass(frozen=True, slots=True)
class PaidTwice:
    """To the member, and to the admins: `subscription` and the older `other` renew for the same plan."""

    kind: ClassVar[str] = "paid_twice"
    member: int
    plan: str
    subscription: SubscriptionKey
    other: SubscriptionKey


@dataclass(frozen=True, slots=True)
class PaidWhileBlocked:
    """To the member, and to the admins: somebody paid for what `decision` revokes, from `starts_at` on
    (None: already)."""

    kind: ClassVar[str] = "paid_while_blocked"
    member: int
    subscription: SubscriptionKey
    decision: str
    starts_at: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """To the admins: a member asks them to look at a revocation again."""

    kind: ClassVar[str] = "asked"
    member: int
    decision: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnmappedProduct:
    """To the admins: a member pays for something that no plan of the server sells."""

    kind: ClassVar[str] = "unmapped_product"
    member: int
    provider: str
    price: str
    product: str


@dataclass(frozen=True, slots=True)
class UnboundPayers:
    """To the admins, or to the application's owner where servers share the account: so many running
    subscriptions on the server's prices belong to no known member."""

    kind: ClassVar[str] = "unbound_payers"
    provider: str
    many: int


@dataclass(frozen=True, slots=True)
class PayerProposed:
    """To the admins: the payment provider says that a nobody's subscription on a price sold here is this
    member's, in a way that others than Dues may have written."""

    kind: ClassVar[str] = "payer_proposed"
    member: int
    plan: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class Disputed:
    """To the admins: where the dispute of a payment stands. `stops`: the billing is ended for it; `decision`:
    by which its payer cannot subscribe again."""

    kind: ClassVar[str] = "dispute"
    member: int
    state: DisputeState
    subscription: SubscriptionKey
    stops: bool = False
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class ChargedLate:
    """To the admins: a renewal was charged before a revoked billing could be ended."""

    kind: ClassVar[str] = "charged_late"
    member: int
    subscription: SubscriptionKey
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundedByHand:
    """To the admins: a payment was given back in the provider's dashboard, and the subscription goes on."""

    kind: ClassVar[str] = "refunded_by_hand"
    member: int
    subscription: SubscriptionKey
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """To the admins: a payment was taken back, and the provider does not say which. `reference`: its name for
    that."""

    kind: ClassVar[str] = "taken_back"
    provider: str
    reference: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """To the admins: the provider's answer about a subscription lacks what the mapping needs."""

    kind: ClassVar[str] = "unreadable"
    member: int
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class Vanished:
    """To the admins: the provider does not know a subscription any more."""

    kind: ClassVar[str] = "vanished"
    member: int
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class RoleRefused:
    """To the admins: Discord refused a role (None: all of the member's). `why` is a text as `to_stored`
    makes it."""

    kind: ClassVar[str] = "role_refused"
    member: int
    why: str
    role: int | None = None


@dataclass(frozen=True, slots=True)
class Screening:
    """To the member: they are owed `role`, and have yet to accept the server's rules."""

    kind: ClassVar[str] = "screening"
    role: int | None


@dataclass(frozen=True, slots=True)
class RoleWaits:
    """To the admins: roles stay a little longer, `until` then at most, as the provider does not answer."""

    kind: ClassVar[str] = "role_waits"
    member: int
    until: int


@dataclass(frozen=True, slots=True)
class Braked:
    """To the admins: too many members would lose roles at once; asked at that moment."""

    kind: ClassVar[str] = "brake"
    asked_at: int


@dataclass(frozen=True, slots=True)
class Unheard:
    """To whoever runs the bot: a provider's true notifications do not arrive. `refused`: it refuses them."""

    kind: ClassVar[str] = "unheard"
    provider: str
    refused: bool


@dataclass(frozen=True, slots=True)
class SweepFailing:
    """To whoever runs the bot: the ledger cannot be compared with a provider, since that moment."""

    kind: ClassVar[str] = "sweep_failing"
    provider: str
    since: int


@dataclass(frozen=True, slots=True)
class WrongClock:
    """To whoever runs the bot: this machine's clock is `skew` seconds ahead of a provider's."""

    kind: ClassVar[str] = "wrong_clock"
    skew: int


@dataclass(frozen=True, slots=True)
class GatewayClosed:
    """To whoever runs the bot: Discord closed the connection with that `code`, and will again."""

    kind: ClassVar[str] = "gateway_closed"
    code: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a ledger holds and this program cannot read, such as a kind of a later version."""

    kind: str


@dataclass(frozen=True, slots=True)
class LedgerRestored:
    """To the admins: the ledger was put back from a copy that was last `written` then."""

    kind: ClassVar[str] = "ledger_restored"
    written: int | None = None


@dataclass(frozen=True, slots=True)
class NotRepeated:
    """To whoever asked, the `member` or the admins: a restored ledger shows as open what was asked of the
    provider then. The provider does not show it as done, and it was not done."""

    kind: ClassVar[str] = "not_repeated"
    intent: str
    member: int
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class LedgerNew:
    """To the admins: the ledger is new, and lacks `many` running subscriptions of this server."""

    kind: ClassVar[str] = "ledger_new"
    many: int


@dataclass(frozen=True, slots=True)
class BackupFailed:
    """To the admins: the daily backup failed."""

    kind: ClassVar[str] = "backup_failed"


NoticeBody: TypeAlias = (
    RolesChanged
    | Started
    | PaymentFailed
    | PaymentWaits
    | GraceReminder
    | PaymentRecovered
    | Switched
    | RenewalStopped
    | RenewalResumed
    | PaymentDisputed
    | Refunded
    | Ended
    | Revoked
    | Lifted
    | Granted
    | GrantEnded
    | IntentOutcome
    | PaidTwice
    | PaidWhileBlocked
    | Asked
    | UnmappedProduct
    | UnboundPayers
    | PayerProposed
    | Linked
    | Disputed
    | ChargedLate
    | RefundedByHand
    | TakenBack
    | Unreadable
    | Vanished
    | RoleRefused
    | Screening
    | RoleWaits
    | Braked
    | Unheard
    | SweepFailing
    | WrongClock
    | GatewayClosed
    | Unknown
    | LedgerRestored
    | NotRepeated
    | LedgerNew
    | BackupFailed
)

# Each kind's class, by the name that the ledger keeps it under.
BODIES: Mapping[str, type[NoticeBody]] = MappingProxyType(
    {body.kind: body for body in get_args(NoticeBody) if body is not Unknown}
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person is told once. `key` is unique: the same thing is never told twice.

    `member_id` set: a member, by DM; None: the server's admins.
    """

    key: str
    guild_id: int
    member_id: int | None
    body: NoticeBody
    created_at: int = 0

    @property
    def kind(self) -> str:
        """The name of the body's kind."""
        return self.body.kind
