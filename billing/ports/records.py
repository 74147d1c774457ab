"""Records that the ledger takes and returns, in addition to the types of billing.model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from billing.model import Change, DisputeState, Intent, Notice, Override, Price, Subscription, SubscriptionKey
from billing.priority import Priority


class QueueName(StrEnum):
    """A queue of open work in the ledger."""

    LOCATE = "locate"
    SYNC = "sync"
    RECONCILE = "reconcile"
    EXECUTE_INTENT = "execute_intent"
    DELIVER = "deliver"
    SHOW_PANEL = "show_panel"


@dataclass(frozen=True, slots=True)
class PriceConflict:
    """A price that two plans of a server had.

    `plan`: the name of the younger plan, which lost it; `kept_by`: the name of the older one.
    """

    provider: str
    price_id: str
    plan: str
    kept_by: str


@dataclass(frozen=True, slots=True)
class UnboundSale:
    """A combination of prices, with the number of running subscriptions without owner that are charged them.

    The prices have only the fields that identify a plan.
    """

    id: int
    prices: tuple[Price, ...]
    many: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """A disputed payment. `key` None: it was not for a subscription."""

    provider: str
    account: str
    id: str
    key: SubscriptionKey | None
    state: DisputeState


@dataclass(frozen=True, slots=True)
class SyncResult:
    """All changes that follow from one fetch at the provider, recorded in one transaction.

    `snapshot`: the fetched subscription; None if there was nothing to fetch. Recorded facts that the snapshot
    does not name are kept: an existing binding, a dispute, the date on which a payment became overdue.
    `stale_version`: the queue entry's version before the fetch; the entry is removed only if its version is
    still the same. `at_once`: the subscription was ended without keeping the remaining paid time. `dispute`:
    the new state of one dispute; the subscription's state then follows from all its disputes. `barred_by`:
    the block that was in force when it was bought, and that applies to it from now on. `overrides`: decisions
    made by a rule; once recorded, a decision is not recorded again, even if an admin lifted it.
    """

    snapshot: Subscription | None
    who: str
    why: str
    evidence: str
    at: int
    stale_version: int | None = None
    changes: tuple[Change, ...] = ()
    notices: tuple[Notice, ...] = ()
    intents: tuple[Intent, ...] = ()
    at_once: bool = False
    barred_by: Override | None = None
    overrides: tuple[Override, ...] = ()
    dispute: Dispute | None = None


@dataclass(frozen=True, slots=True)
class StaleSubscription:
    """A subscription that needs to be fetched.

    `version`: of its queue entry; `evidence`: the last event that queued it; `priority`: of the most
    urgent reason.
    """

    key: SubscriptionKey
    version: int
    evidence: str
    attempts: int
    priority: Priority = Priority.CHANGE


@dataclass(frozen=True, slots=True)
class RecordedSubscription:
    """A recorded subscription.

    `number`: its number in the ledger, counted from 1; `overruled`: an admin's override applies to its
    member.
    """

    number: int
    subscription: Subscription
    overruled: bool


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the ledger for /readyz, /metrics and /doctor.

    Ages are in seconds; None: nothing is waiting, or no backup is known.

    `unasked`: subscriptions on hold until their provider confirms them
    (billing/use_cases/restored_ledger.py); `backup_failed`: why the last daily backup failed; `lacks`: how
    many subscriptions a new ledger misses (billing/use_cases/new_ledger.py); `damage`: what the integrity
    check after the start found; `parked`: members by billing.rules.park_reasons.REASONS;
    `unreached_members` and `unreached_admins`: undeliverable notices; `size`: bytes on disk.
    """

    oldest_event_age: float | None
    oldest_member_age: float | None
    inbox: int
    members: int
    intents: int
    notices: int
    braked: int = 0
    unasked: int = 0
    backup_age: float | None = None
    backup_failed: str = ""
    lacks: int = 0
    unbound: int = 0
    damage: str = ""
    oldest_stale_age: float | None = None
    oldest_intent_age: float | None = None
    parked: Mapping[str, int] = field(default_factory=dict)
    unreached_members: int = 0
    unreached_admins: int = 0
    size: int = field(default=0, compare=False)
