"""Notices: messages to members and admins, one class for each kind, each sent once.

A notice contains facts and no words; each face writes it in its reader's language. The ledger keeps a body's
fields as JSON under its `kind`. A field that is added later needs a default, so that the rows of older
ledgers still load. Moments are unix seconds UTC.
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
    LongRenewal,
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
    TrialEnding,
)
from billing.model.money import Money
from billing.model.sales_news import SaleNews
from billing.model.subscriptions import DisputeState, SubscriptionKey


@dataclass(frozen=True, slots=True)
class IntentOutcome:
    """To the member who made a request to a provider, or to the admins if one of them did: its outcome."""

    kind: ClassVar[str] = "intent_outcome"
    intent: str
    member: int


@dataclass(frozen=True, slots=True)
class PaidTwice:
    """To the member and to the admins: `subscription` and the older `other` both renew for the same plan."""

    kind: ClassVar[str] = "paid_twice"
    member: int
    plan: str
    subscription: SubscriptionKey
    other: SubscriptionKey


@dataclass(frozen=True, slots=True)
class PaidWhileBlocked:
    """To the member and to the admins: the member paid for something that `decision` revokes.

    `starts_at`: when the revocation takes effect, in unix seconds UTC; None: it already has.
    """

    kind: ClassVar[str] = "paid_while_blocked"
    member: int
    subscription: SubscriptionKey
    decision: str
    starts_at: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """To the admins: a member asks them to reconsider the revocation `decision`, made for `reason`."""

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
    """To the admins: `many` running subscriptions on the server's prices belong to no known member.

    If several servers share the account, it goes to the application's owner instead.
    """

    kind: ClassVar[str] = "unbound_payers"
    provider: str
    many: int


@dataclass(frozen=True, slots=True)
class PayerProposed:
    """To the admins: according to the provider, a subscription without a known member belongs to this one.

    Others than Dues may have written that data, so an admin decides.
    """

    kind: ClassVar[str] = "payer_proposed"
    member: int
    plan: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class Disputed:
    """To the admins: the state of a dispute about a payment.

    `stops`: the bot ends the billing because of it; `decision`: the block by which the payer cannot
    subscribe again.
    """

    kind: ClassVar[str] = "dispute"
    member: int
    state: DisputeState
    subscription: SubscriptionKey
    stops: bool = False
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class ChargedLate:
    """To the admins: the provider charged a renewal before the bot could end a revoked subscription."""

    kind: ClassVar[str] = "charged_late"
    member: int
    subscription: SubscriptionKey
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundedByHand:
    """To the admins: a payment was refunded in the provider's dashboard, and the subscription goes on."""

    kind: ClassVar[str] = "refunded_by_hand"
    member: int
    subscription: SubscriptionKey
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """To the admins: a payment was reversed, and the provider does not say which subscription it was for.
    `reference`: the provider's id of the reversal."""

    kind: ClassVar[str] = "taken_back"
    provider: str
    reference: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """To the admins: the provider's answer about a subscription lacks a field that the mapping needs."""

    kind: ClassVar[str] = "unreadable"
    member: int
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class Vanished:
    """To the admins: the provider no longer knows a subscription."""

    kind: ClassVar[str] = "vanished"
    member: int
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class RoleRefused:
    """To the admins: Discord refused to give or take `role` (None: any role of the member).

    `why`: a text in the form that `to_stored` returns.
    """

    kind: ClassVar[str] = "role_refused"
    member: int
    why: str
    role: int | None = None


@dataclass(frozen=True, slots=True)
class Screening:
    """To the member: they get `role` (None: their roles) once they have accepted the server's rules."""

    kind: ClassVar[str] = "screening"
    role: int | None


@dataclass(frozen=True, slots=True)
class RoleWaits:
    """To the admins: roles stay until `until` at the latest because the provider does not answer."""

    kind: ClassVar[str] = "role_waits"
    member: int
    until: int


@dataclass(frozen=True, slots=True)
class Braked:
    """To the admins: too many members would have lost roles at once, so an admin decides.

    `asked_at`: when the bot asked, in unix seconds UTC, which names the question.
    """

    kind: ClassVar[str] = "brake"
    asked_at: int


@dataclass(frozen=True, slots=True)
class Unheard:
    """To the person who runs the bot: genuine notifications of a provider do not arrive.

    `refused`: the bot refuses them, as with a wrong webhook secret.
    """

    kind: ClassVar[str] = "unheard"
    provider: str
    refused: bool


@dataclass(frozen=True, slots=True)
class SweepFailing:
    """To the person who runs the bot: comparing the ledger with a provider has failed since `since`."""

    kind: ClassVar[str] = "sweep_failing"
    provider: str
    since: int


@dataclass(frozen=True, slots=True)
class WrongClock:
    """To the person who runs the bot: this machine's clock is `skew` seconds ahead of a provider's."""

    kind: ClassVar[str] = "wrong_clock"
    skew: int


@dataclass(frozen=True, slots=True)
class GatewayClosed:
    """To the person who runs the bot: Discord keeps closing the gateway connection with `code`."""

    kind: ClassVar[str] = "gateway_closed"
    code: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A notice in the ledger that this program cannot read, such as a kind of a later version."""

    kind: str


@dataclass(frozen=True, slots=True)
class LedgerRestored:
    """To the admins: the ledger was restored from a copy that was last written at `written`."""

    kind: ClassVar[str] = "ledger_restored"
    written: int | None = None


@dataclass(frozen=True, slots=True)
class NotRepeated:
    """To the member who made a request, or to the admins: a restored ledger shows the request as open.

    The provider does not show it as done, and the bot did not carry it out again.
    """

    kind: ClassVar[str] = "not_repeated"
    intent: str
    member: int
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class LedgerNew:
    """To the admins: the ledger is new and lacks `many` running subscriptions of this server."""

    kind: ClassVar[str] = "ledger_new"
    many: int


@dataclass(frozen=True, slots=True)
class BackupFailed:
    """To the admins: the daily backup failed."""

    kind: ClassVar[str] = "backup_failed"


@dataclass(frozen=True, slots=True)
class PaywallLeak:
    """To the admins: an edit of the server's permissions made leaks in the paywall.

    `open`: paid channels that everybody sees now; `staff`: paid roles with the staff channels that they
    open now; `idle`: paid roles without effect.
    """

    kind: ClassVar[str] = "paywall_leak"
    open: tuple[int, ...] = ()
    staff: tuple[tuple[int, int], ...] = ()
    idle: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SalesNews:
    """To the admins who asked for it: `news` about sales, oldest first, and `more` that are only counted."""

    kind: ClassVar[str] = "sales_news"
    news: tuple[SaleNews, ...]
    more: int = 0


NoticeBody: TypeAlias = (
    RolesChanged
    | Started
    | PaymentFailed
    | PaymentWaits
    | GraceReminder
    | TrialEnding
    | LongRenewal
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
    | PaywallLeak
    | SalesNews
)

# The class of each kind, by the name under which the ledger keeps it.
BODIES: Mapping[str, type[NoticeBody]] = MappingProxyType(
    {body.kind: body for body in get_args(NoticeBody) if body is not Unknown}
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is sent once. `key` is unique, so the same message is never sent twice.

    `member_id`: the member who gets it by DM; None: it goes to the server's admins. `created_at`: unix
    seconds UTC.
    """

    key: str
    guild_id: int
    member_id: int | None
    body: NoticeBody
    created_at: int = 0
