"""What goes into the ledger and comes out of it, beside the nouns of billing.model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from billing.model import Change, DisputeState, Intent, Notice, Override, Subscription, SubscriptionKey


class QueueName(StrEnum):
    """What may wait in the ledger, each for a lane of the worker: events, stale subscriptions, marked
    members, wishes, notices."""

    LOCATE = "locate"
    SYNC = "sync"
    RECONCILE = "reconcile"
    EXECUTE_INTENT = "execute intent"
    DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class Dispute:
    """One payment that is asked back. `key` None: it was for no subscription."""

    provider: str
    account: str
    id: str
    key: SubscriptionKey | None
    state: DisputeState


@dataclass(frozen=True, slots=True)
class SyncResult:
    """Everything that one look at the provider changes in the ledger, recorded in one transaction.

    `snapshot` is None where there was nothing to fetch. What the ledger knows beside the provider stays
    where the snapshot does not name it: a binding that stands, a dispute, since when something is owed.
    `stale_version` is the mark's version that was read before fetching; the mark is cleared only where
    it has not moved on. `notices` and `intents` that follow from it are recorded along. `at_once`: it was
    ended without keeping what was paid for the time ahead. `dispute`: what was heard of one dispute; the
    subscription's own state is then taken from all of its disputes. `barred_by`: the block that it was
    bought in spite of, and which covers it from now on. `overrides`: what a rule decides;
    a decision that was recorded once is not recorded again, also where an admin lifted it.
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
    """A subscription to be fetched, with the mark's version and the last event that rang for it."""

    key: SubscriptionKey
    version: int
    evidence: str
    attempts: int


@dataclass(frozen=True, slots=True)
class RecordedSubscription:
    """A recorded subscription. `number` is its own within the ledger, counted up from 1; `overruled`: an
    admin's word on its member stands."""

    number: int
    subscription: Subscription
    overruled: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What /readyz, /metrics and /doctor tell of the ledger. Ages in seconds, None when nothing waits, or
    where no backup is known. `unasked`: subscriptions that are held until their provider was asked
    (billing/use_cases/restored_ledger.py); `backup_failed`: why the last daily one did; `lacks`: what a
    new ledger misses (billing/use_cases/new_ledger.py); `damage`: what the check after the start found.
    `parked`: members by billing.rules.parked_members.REASONS; `unreached_members` and `_admins`: notices that
    could not be delivered; `size`: bytes on disk."""

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
