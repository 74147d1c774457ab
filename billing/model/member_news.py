"""Notices to members about their subscriptions and roles: one class for each kind, as in notices.py.

Moments are unix seconds UTC. Plans are given by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from billing.model.money import Money
from billing.model.subscriptions import DisputeState, SubscriptionKey


class Cause(StrEnum):
    """A reason why a member got or lost a role, for a notice that is only about the role."""

    PAID = "paid"
    GRANTED = "granted"
    RESTORED = "restored"  # it was missing in Discord, and the bot put it back
    PAST_GRACE = "past_grace"
    UNPAID = "unpaid"
    PAUSED = "paused"
    DISPUTE_OPEN = "dispute_open"
    DISPUTE_LOST = "dispute_lost"
    ENDED = "ended"
    SWITCHED = "switched"  # the subscription continues without that plan
    REVOKED = "revoked"
    GRANT_ENDED = "grant_ended"
    PLAN_EDITED = "plan_edited"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleNews:
    """A notice that also names the roles the member got (`given`) or lost (`taken`), by their ids.

    The notice waits for the transaction that records the change of roles, which adds them.
    """

    given: tuple[int, ...] = ()
    taken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RolesChanged(RoleNews):
    """To the member: they got or lost roles for a `cause` about which there is no other notice."""

    kind: ClassVar[str] = "roles_changed"
    cause: Cause
    plan: str = ""
    subscription: SubscriptionKey | None = None
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Started(RoleNews):
    """To the member: a subscription began."""

    kind: ClassVar[str] = "started"
    plan: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class PaymentFailed(RoleNews):
    """To the member: a payment failed; the roles stay until `until`.

    `amount`, `reason` (in the provider's own words) and `next_try_at` come from the provider.
    """

    kind: ClassVar[str] = "payment_failed"
    plan: str
    subscription: SubscriptionKey
    until: int | None = None
    amount: Money | None = None
    reason: str = ""
    next_try_at: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentWaits:
    """To the member: their bank asks them to confirm a payment.

    The roles stay until `until`; None: they have no roles yet.
    """

    kind: ClassVar[str] = "payment_waits"
    plan: str
    subscription: SubscriptionKey
    until: int | None = None


@dataclass(frozen=True, slots=True)
class GraceReminder:
    """To the member: a payment is still open; the roles stay until `until`. Dropped once it is paid."""

    kind: ClassVar[str] = "grace_reminder"
    plan: str
    subscription: SubscriptionKey
    until: int


@dataclass(frozen=True, slots=True)
class TrialEnding:
    """To the member: the free days end at `charge_at`, with the first charge. Dropped if that changed."""

    kind: ClassVar[str] = "trial_ending"
    plan: str
    subscription: SubscriptionKey
    charge_at: int


@dataclass(frozen=True, slots=True)
class LongRenewal:
    """To the member: a period of half a year or longer renews at `charge_at`. Dropped if that changed."""

    kind: ClassVar[str] = "long_renewal"
    plan: str
    subscription: SubscriptionKey
    charge_at: int


@dataclass(frozen=True, slots=True)
class PaymentRecovered(RoleNews):
    """To the member: a payment went through after it had failed."""

    kind: ClassVar[str] = "payment_recovered"
    plan: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class Switched(RoleNews):
    """To the member: a subscription now pays for `plan` instead of `before`."""

    kind: ClassVar[str] = "switched"
    plan: str
    before: str
    subscription: SubscriptionKey


@dataclass(frozen=True, slots=True)
class RenewalStopped(RoleNews):
    """To the member: a subscription was cancelled at the provider and is paid until `until`.

    `complete`: it was not cancelled; the last of a fixed number of payments was made.
    """

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
    """To the member: the state of a dispute about one of their payments."""

    kind: ClassVar[str] = "payment_disputed"
    plan: str
    subscription: SubscriptionKey
    state: DisputeState


@dataclass(frozen=True, slots=True)
class Refunded:
    """To the member: a payment was refunded, by an admin or in the provider's dashboard.

    The subscription does not change. `amount`: the total refunded for that payment; `payment`: its id at the
    provider.
    """

    kind: ClassVar[str] = "refunded"
    plan: str
    subscription: SubscriptionKey
    amount: Money | None = None
    payment: str = ""


@dataclass(frozen=True, slots=True)
class Ended(RoleNews):
    """To the member: a subscription ended. `unpaid`: it ended because its payments kept failing."""

    kind: ClassVar[str] = "ended"
    plan: str
    subscription: SubscriptionKey
    unpaid: bool = False


@dataclass(frozen=True, slots=True)
class Revoked(RoleNews):
    """To the member: the admins revoked `plans`, which end at `until`; None: immediately.

    `refunds`: the number of refunded payments; `amount`: their sum, if it is known. `shut_out`: the member
    had no active plan, but can no longer subscribe.
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
    """To the member: an admin lifted a revocation of `plans`.

    `still`: another revocation is in force. `subscription`: the one that will renew again. `until`: the end
    of the paid time that the member gets back. `again`: the id of the plan that they can buy again. `kept`:
    their own cancellation stays in force.
    """

    kind: ClassVar[str] = "lifted"
    plans: str
    still: bool = False
    subscription: SubscriptionKey | None = None
    until: int | None = None
    again: int | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Granted(RoleNews):
    """To the member: the admins gave them `plan` until `until`; None: for good.

    `pays`: their subscription to the same plan, which the provider still charges.
    """

    kind: ClassVar[str] = "granted"
    plan: str
    until: int | None = None
    reason: str = ""
    pays: SubscriptionKey | None = None


@dataclass(frozen=True, slots=True)
class GrantEnded(RoleNews):
    """To the member: the admins ended their grant of `plan`.

    `has`: the member still has the plan through something else.
    """

    kind: ClassVar[str] = "grant_ended"
    plan: str
    has: bool = False


@dataclass(frozen=True, slots=True)
class Linked(RoleNews):
    """To the member: an admin linked a subscription to them."""

    kind: ClassVar[str] = "linked"
    plan: str
    subscription: SubscriptionKey
