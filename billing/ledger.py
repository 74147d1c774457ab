"""The Ledger port: everything Dues remembers, and what goes in and out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from billing.brake import Brake
from billing.model import (
    Binding,
    Change,
    Checkout,
    DisputeState,
    Event,
    GuildSettings,
    Intent,
    MemberMark,
    MemberState,
    Notice,
    Override,
    Plan,
    Price,
    Subscription,
    SubscriptionKey,
)


class Work(StrEnum):
    """What may wait in the ledger, each for a lane of the worker: events, stale subscriptions, marked
    members, wishes, notices."""

    LOCATE = "locate"
    SYNC = "sync"
    CONVERGE = "converge"
    CARRY_OUT = "carry out"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class Dispute:
    """One payment that is asked back. `key` None: it was for no subscription."""

    provider: str
    account: str
    id: str
    key: SubscriptionKey | None
    state: DisputeState


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything that one look at the provider changes in the ledger, recorded in one transaction.

    `snapshot` is None where there was nothing to fetch. What the ledger knows beside the provider stays
    where the snapshot does not name it: a binding that stands, a dispute, since when something is owed.
    `stale_version` is the mark's version that was read before fetching; the mark is cleared only where
    it has not moved on. `notices` and `intents` that follow from it are recorded along. `at_once`: it was
    ended without keeping what was paid for the time ahead. `dispute`: what was heard of one dispute; the
    subscription's own state is then taken from all of its disputes.
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
    dispute: Dispute | None = None


@dataclass(frozen=True, slots=True)
class StaleSubscription:
    """A subscription to be fetched, with the mark's version and the last event that rang for it."""

    key: SubscriptionKey
    version: int
    evidence: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Known:
    """A recorded subscription. `number` is its own within the ledger, counted up from 1; `overruled`: an
    admin's word on its member stands."""

    number: int
    subscription: Subscription
    overruled: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What /readyz and /metrics tell of the ledger. Ages in seconds, None when nothing waits."""

    oldest_event_age: float | None
    oldest_member_age: float | None
    inbox: int
    members: int
    intents: int
    notices: int
    braked: int = 0


class Ledger(Protocol):
    """Everything Dues remembers. Raises LedgerError and nothing else.

    Every `record_` method is one transaction, durable when it returns. Loads see committed rows only.
    """

    # -- inbox and sync ---------------------------------------------------------------------------

    @property
    def arriving(self) -> int:
        """How many `record_events` have not returned yet; their senders wait."""

    async def record_events(self, events: Sequence[Event], at: int) -> int:
        """Store events not seen before; the number that were new. Durable when it returns."""

    async def load_pending_events(self, at: int, limit: int) -> list[Event]:
        """Stored events that no subscription is marked for yet and whose next try is due, oldest first."""

    async def record_located(self, event: Event, keys: Sequence[SubscriptionKey], at: int) -> None:
        """Mark these subscriptions stale for this event; with none, the event is done."""

    async def record_event_failed(self, event: Event, error: str, next_try_at: int) -> None:
        """Keep the event for another try; a poison event never holds up the others."""

    async def load_stale(self, at: int, limit: int) -> list[StaleSubscription]:
        """Subscriptions to fetch whose next try is due, longest waiting first."""

    async def record_stale(self, keys: Sequence[SubscriptionKey], evidence: str, at: int) -> None:
        """Mark subscriptions to be fetched, for another reason than an event."""

    async def record_fetch_failed(self, stale: StaleSubscription, error: str, next_try_at: int) -> None:
        """Keep the mark for another try."""

    async def record_synced(self, synced: Synced) -> bool:
        """Record a snapshot with its history row, mark the member, finish the events that rang for it.

        The history row is written where something a person would notice changed. An ENDED snapshot is
        never replaced by one that is not. True when anything changed.
        """

    async def record_retry(self, at: int, wished_before: int) -> None:
        """Make due at once whatever failed before and waits for its next try: events, fetches, members; and
        every wish made before that moment. Writes nothing when there is none."""

    async def load_dispute(self, provider: str, account: str, dispute_id: str) -> DisputeState | None:
        """Where a dispute stood when it was last looked at; None for one not heard of yet."""

    # -- subscriptions and who they belong to -----------------------------------------------------

    async def load_subscription(self, key: SubscriptionKey) -> Subscription | None:
        """As last fetched, with its binding."""

    async def load_with_member(self, key: SubscriptionKey) -> tuple[Subscription | None, MemberState | None]:
        """The subscription, and all that decides its member's roles where it is somebody's, in one consistent
        read."""

    async def load_known(self, provider: str, account: str, ids: Sequence[str]) -> list[Known]:
        """Those of these subscriptions that are recorded, in no order."""

    async def load_subscriptions_of(self, member_id: int) -> list[Subscription]:
        """All that are bound to this person, in every server, newest first."""

    async def load_customer_subscriptions(
        self, provider: str, account: str, customer_id: str
    ) -> list[SubscriptionKey]:
        """All recorded subscriptions of one customer."""

    async def load_unbound(self, provider: str, account: str) -> list[Subscription]:
        """Recorded subscriptions, not ended, that belong to nobody here."""

    async def load_living(
        self, provider: str, account: str, after: int, limit: int
    ) -> list[tuple[int, SubscriptionKey]]:
        """The recorded subscriptions that have not ended and whose number is beyond `after`, by number."""

    async def load_to_look_up(self, provider: str, account: str, opened_after: int) -> list[str]:
        """Ids of the recorded subscriptions that have not ended, and of the payment pages made after that
        moment that led to none yet: for providers where page and subscription are one."""

    async def load_running(self, guild_id: int) -> list[tuple[SubscriptionKey, int]]:
        """What has not ended of a server's subscriptions, with whose it is."""

    async def record_binding(
        self, key: SubscriptionKey, binding: Binding, who: str, evidence: str, at: int
    ) -> None:
        """Tie a subscription and its customer to a member. Conflict when it is somebody else's."""

    async def record_checkout(self, checkout: Checkout) -> None:
        """Insert, or replace the row with this id."""

    async def load_checkout(self, checkout_id: str) -> Checkout | None:
        """By our opaque id."""

    async def load_open_checkouts(
        self, provider: str, account: str, guild_id: int, member_id: int, opened_after: int
    ) -> list[Checkout]:
        """A member's payment pages in a server, made after that moment, that led to nothing yet."""

    # -- members ----------------------------------------------------------------------------------

    async def record_marks(self, members: Sequence[Binding], why: str, at: int) -> None:
        """Members to converge; also takes them out of parking."""

    async def load_marked(self, at: int, limit: int) -> list[MemberMark]:
        """Marked members whose next try is due, longest waiting first."""

    async def load_member_state(self, guild_id: int, member_id: int) -> MemberState:
        """All that decides this member's roles, in one consistent read."""

    async def record_granting(self, guild_id: int, member_id: int, role_id: int, at: int) -> None:
        """Before a role is given: from now on it is ours to take."""

    async def record_converged(
        self,
        mark: MemberMark,
        gone: Sequence[int],
        due_at: int | None,
        parked: str | None,
        changes: Sequence[Change],
        notices: Sequence[Notice],
        at: int,
        *,
        braked: bool = False,
    ) -> None:
        """The member's roles are as they should be, or parked with the reason.

        `gone`: roles that are no longer granted by us. `due_at`: when time alone will change something.
        `braked`: parked because of `record_taking`; otherwise the brake lets go of the member.
        The mark is cleared only where its version is still that of `mark`.
        """

    async def record_converge_failed(self, mark: MemberMark, error: str, next_try_at: int) -> None:
        """Keep the mark for another try."""

    async def record_due(self, at: int) -> int:
        """Mark the members whose moment has come and their subscriptions stale; how many. Writes nothing
        when there are none."""

    async def load_next_due(self, after: int) -> int | None:
        """The next moment later than `after` at which `record_due`, or a retry of any kind, has something
        to do."""

    async def load_members_to_check(self, at: int, limit: int) -> list[Binding]:
        """Members with roles from us, rights, or parked, who are not marked and were last converged before
        that moment; those longest unchecked first."""

    async def record_checked(self, members: Sequence[Binding], at: int) -> None:
        """These were looked at and are as they should be, or as was known."""

    async def load_astray(self, guild_id: int, at: int, grace: int) -> list[int]:
        """Member ids whose granted roles are not what their subscriptions give at that moment, and those with
        overrides; the marked and the parked left out. Some have a reason that is not looked at here: who is
        named is to be looked at, who is not named needs no look."""

    async def load_parked(self, guild_id: int) -> list[tuple[int, str]]:
        """Member ids with the reason why their roles could not be set."""

    async def load_retried(self, guild_id: int, marked_before: int) -> list[tuple[int, str]]:
        """Member ids, marked since before that moment, with what the last try met."""

    # -- the brake ----------------------------------------------------------------------------------

    async def record_taking(self, guild_id: int, member_id: int, at: int) -> int | None:
        """Before roles are taken from a marked member: None where they may be, and the member counts.

        Otherwise the brake is on, this member's roles stay, and the answer names the question that the
        admins are asked: `Brake.asked_at`. A member counts once within the window, however often tried.
        """

    async def load_brake(self, guild_id: int) -> Brake | None:
        """None where it is off."""

    async def record_released(self, guild_id: int, asked_at: int, by: int, at: int) -> int:
        """An admin lets the roles go: the braked members are marked, and none is braked for a day.

        How many there were; 0 when this question is no longer the one that stands.
        """

    async def record_kept(self, guild_id: int, asked_at: int, by: int, at: int) -> int | None:
        """An admin leaves the brake on; when it is asked again. None as 0 in `record_released`."""

    # -- overrides --------------------------------------------------------------------------------

    async def record_overrides(
        self, overrides: Sequence[Override], intents: Sequence[Intent], notices: Sequence[Notice], at: int
    ) -> None:
        """An admin's decision with everything that follows from it, in one transaction; marks the member.

        The overrides' own `id` is ignored."""

    async def load_overrides(self, guild_id: int, member_id: int, at: int) -> list[Override]:
        """Those not lifted and not over at that moment."""

    async def load_decision(self, decision_id: str) -> list[Override]:
        """The rows of one decision that are not lifted."""

    async def record_lifted(
        self,
        decision_id: str,
        by: int,
        reason: str,
        at: int,
        intents: Sequence[Intent] = (),
        notices: Sequence[Notice] = (),
    ) -> list[Override]:
        """Lift a decision with the wishes and notices that follow from it, in one transaction; what was
        lifted, empty when it was already: then nothing is recorded. Marks the member."""

    # -- intents ----------------------------------------------------------------------------------

    async def record_intent(self, intent: Intent) -> Intent:
        """Keep a wish before acting on it. A pending one of the same kind for the same subscription is
        returned instead; a pending one that this wish contradicts is dropped."""

    async def load_intents(self, at: int, limit: int) -> list[Intent]:
        """Pending ones whose next try is due."""

    async def load_intents_of(self, key: SubscriptionKey) -> list[Intent]:
        """All of a subscription, newest first."""

    async def load_intent(self, intent_id: str) -> Intent | None:
        """By its id."""

    async def record_intent_outcome(
        self, intent: Intent, synced: Synced | None, notices: Sequence[Notice]
    ) -> None:
        """The new state of an intent, with the snapshot and the notices that go with it."""

    # -- plans and servers ------------------------------------------------------------------------

    async def record_plan(self, plan: Plan, who: str, at: int) -> Plan:
        """Insert (id 0) or replace; marks every member that the change may concern. Conflict when a plan
        on sale there has that name already. A price taken off sale becomes a former price."""

    async def load_plan(self, plan_id: int) -> Plan | None:
        """Removed ones too."""

    async def load_plans(self, guild_id: int | None, *, removed: bool = False) -> list[Plan]:
        """Of a server (None: all servers), in the order they were added."""

    async def record_price(self, price: Price) -> None:
        """What the provider now says about a price that plans name."""

    async def load_guild_settings(self, guild_id: int) -> GuildSettings:
        """Defaults where nothing was chosen."""

    async def record_guild_settings(self, settings: GuildSettings, who: str, at: int) -> None:
        """Replace what was chosen."""

    # -- notices, history, small things -----------------------------------------------------------

    async def record_notice(self, notice: Notice) -> bool:
        """To be told once; False when its key is known."""

    async def load_notices(self, at: int, limit: int) -> list[Notice]:
        """Not told yet and due."""

    async def load_notice(self, key: str) -> Notice | None:
        """Also one that was told already."""

    async def record_told(self, key: str, at: int, *, delivered: bool) -> None:
        """Told; or, where `delivered` is false, not to be had by message: shown at the next command."""

    async def record_notice_failed(self, key: str, next_try_at: int) -> None:
        """Keep it for another try."""

    async def load_untold(self, member_id: int, at: int) -> list[Notice]:
        """Notices that could not be delivered by message; they count as told from now on."""

    async def load_untold_to_admins(self, guild_id: int, at: int, limit: int) -> list[Notice]:
        """The oldest of those that a server's admins could not be told; they count as told from now on."""

    async def load_history(self, guild_id: int, member_id: int, limit: int) -> list[Change]:
        """Newest first."""

    async def load_value(self, name: str) -> str | None:
        """A small fact kept by name."""

    async def record_value(self, name: str, value: str) -> None:
        """Keep a small fact by name."""

    async def load_health(self, at: int) -> Health:
        """For /readyz and /metrics. LedgerUnavailable, too, while it can be read and not written."""
