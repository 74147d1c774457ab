"""What members are told about their subscriptions and their roles: one class a kind, as in notices.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from billing.model.money import Money
from billing.model.subscriptions import DisputeState, SubscriptionKey


class Cause(StrEnum):
    """Why a member got a role or lost it, where nothing else that is told says so."""

    PAID = "paid"
    GRANTED = "granted"
    RESTORED = "restored"  # it was missing in Discord, and was put back
    PAST_GRACE = "past_grace"
    UNPAID = "unpaid"
    PAUSED = "paused"
    DISPUTE_OPEN = "dispute_open"
    DISPUTE_LOST = "dispute_lost"
    ENDED = "ended"
    SWITCHED = "switched"  # the subscription goes on, without that plan
    REVOKED = "revoked"
    GRANT_ENDED = "grant_ended"
    PLAN_EDITED = "plan_edited"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleNews:
    """What a member is told together with the roles that came or went with it. These are added in the
    transaction that records the change, while the notice waits for it."""

    given: tuple[int, ...] = ()
    taken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RolesChanged(RoleNews):
    """To the member: roles came or went, and nothing else tells of the cause. `plan`: the plans' names."""

    kind: ClassVar[str] = "roles_changed"
    cause: Cause
    plan: str = ""
    subscription: SubscriptionKey | None = None
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Started(RoleNews):
    """To the member: a subscription began. `plan`: the plan's name."""

    kind: ClassVar[str] = "started"
    plan: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class PaymentFailed(RoleNews):
    """To the member: a payment failed; the roles stay `until` then.

    `amount`, `reason` (in the provider's words) and `next_try_at`: what the provider says about it."""

    kind: ClassVar[str] = "payment_failed"
    plan: str
    subscription: SubscriptionKey
    until: int | None = None
    amount: Money | None = None
    reason: str = ""
    next_try_at: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentWaits:
    """To the member: a payment waits until they confirm it with their bank. The roles stay `until` then, None
    where there are none yet."""

    kind: ClassVar[str] = "payment_waits"
    plan: str
    subscription: SubscriptionKey
    until: int | None = None


@dataclass(frozen=True, slots=True)
class GraceReminder:
    """To the member: a payment is still owed; the roles stay `until` then. Told only while that is so."""

    kind: ClassVar[str] = "grace_reminder"
    plan: str
    subscription: SubscriptionKey
    until: int


@dataclass(frozen=True, slots=True)
class PaymentRecovered(RoleNews):
    """To the member: what had failed to be paid is paid."""

    kind: ClassVar[str] = "payment_recovered"
    plan: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class Switched(RoleNews):
    """To the member: a subscription now pays for `plan` (names) in the place of `before`."""

    kind: ClassVar[str] = "switched"
    plan: str
    before: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class RenewalStopped(RoleNews):
    """To the member: a subscription was cancelled at the provider, and is paid `until` then. `complete`: it
    was not cancelled; the last of so many payments was made."""

    kind: ClassVar[str] = "renewal_stopped"
    plan: str
    subscription: SubscriptionKey
    until: int | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class RenewalResumed(RoleNews):
    """To the member: a cancellation was undone at the provider; the next period begins at `until`."""

    kind: ClassVar[str] = "renewal_resumed"
    plan: str
    subscription: SubscriptionKey
    until: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentDisputed(RoleNews):
    """To the member: where the dispute of a payment of theirs stands."""

    kind: ClassVar[str] = "payment_disputed"
    plan: str
    subscription: SubscriptionKey
    state: DisputeState


@dataclass(frozen=True, slots=True)
class Refunded:
    """To the member: money was given back in the provider's dashboard; the subscription stands as it did."""

    kind: ClassVar[str] = "refunded"
    plan: str
    subscription: SubscriptionKey
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Ended(RoleNews):
    """To the member: a subscription is over; `unpaid`: because its payments kept failing."""

    kind: ClassVar[str] = "ended"
    plan: str
    subscription: SubscriptionKey
    unpaid: bool = False


@dataclass(frozen=True, slots=True)
class Revoked(RoleNews):
    """To the member: the admins revoked `plans` (names); `until` None: at once.

    `refunds`: how many payments are given back, with the `amount` where it is one that was looked up.
    `shut_out`: the member had nothing that ended; they cannot subscribe.
    """

    kind: ClassVar[str] = "revoked"
    decision: str
    reason: str
    plans: str
    until: int | None = None
    refunds: int = 0
    amount: Money | None = None
    shut_out: bool = False


@dataclass(frozen=True, slots=True)
class Lifted(RoleNews):
    """To the member: a revocation was lifted. `still`: another stands; `subscription`: the one that is to
    renew again; `until`: what was paid is given back until then; `again`: the plan that can be bought again;
    `kept`: the member's own cancellation stands."""

    kind: ClassVar[str] = "lifted"
    plans: str
    still: bool = False
    subscription: SubscriptionKey | None = None
    until: int | None = None
    again: int | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Granted(RoleNews):
    """To the member: the admins gave them `plan` (a name); `until` None: for good. `pays`: what they pay for
    the same plan goes on being charged."""

    kind: ClassVar[str] = "granted"
    plan: str
    until: int | None = None
    reason: str = ""
    pays: SubscriptionKey | None = None


@dataclass(frozen=True, slots=True)
class GrantEnded(RoleNews):
    """To the member: the admins took back what they had granted. `plan`: its name; `has`: the member has it
    still, by something else."""

    kind: ClassVar[str] = "grant_ended"
    plan: str
    has: bool = False


@dataclass(frozen=True, slots=True)
class Linked(RoleNews):
    """To the member: an admin said that a subscription is theirs. `plan`: the plan's name."""

    kind: ClassVar[str] = "linked"
    plan: str
    subscription: SubscriptionKey
