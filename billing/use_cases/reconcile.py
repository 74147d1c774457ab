"""Makes one member's roles in Discord match the ledger. Can be repeated at any time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from billing.errors import (
    DiscordError,
    DiscordUnavailable,
    GuildGone,
    MemberGone,
    MembershipPending,
)
from billing.model import (
    Binding,
    BoundBy,
    Braked,
    Change,
    Entitlement,
    MemberState,
    Notice,
    QueuedMember,
    RoleRefused,
    RoleWaits,
    Screening,
)
from billing.model.stored_texts import to_stored
from billing.model.translatable_text import Reasons
from billing.ports import Ports, SyncResult
from billing.rules.access import decide, ended_by_time, next_change
from billing.rules.backoff import next_try
from billing.rules.brake import ASK_AFTER, REMOVALS_PAUSED, ordered_roles
from billing.rules.roles import Changes, diff, roles_of
from billing.use_cases.role_news import Moved, role_news
from billing.work_outcome import WorkOutcome, put_off

RETELL_DAYS = 30
# A removal waits for the provider's current data for this many seconds and attempts; then the last known data
# counts. Attempts alone would not do, because every command of the member adds one.
UNSURE_FOR = 3_600
UNSURE_TRIES = 12
TELL_AFTER = 600
WAITS = "asks_provider_first"
# This many attempts, about two minutes, are normal while the needed fetch is running.
ANSWERED_BY = 7
# Seconds by which this machine's clock may differ from a provider's before removals due to time stop.
MOST_SKEW = 300
CLOCK_IS_OFF = "clock_is_wrong"
TOLD_BEFORE = "history.told_before"


@dataclass
class Outcome:
    """The result of applying role changes: ids of roles given, taken, and refused by Discord with the errors.

    `kept`: roles that stay, either because of the brake (`asked_at`, in unix seconds, identifies its
    question) or temporarily, for the reason in `waits`.
    """

    given: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    refused: dict[int, DiscordError] = field(default_factory=dict)
    kept: frozenset[int] = frozenset()
    asked_at: int | None = None
    waits: str = ""

    def words(self) -> str:
        """Return the number of roles for each kind of result, for the log."""
        kinds = {"given": self.given, "taken": self.taken, "refused": self.refused, "kept": self.kept}
        return ", ".join(f"{len(roles)} {kind}" for kind, roles in kinds.items() if roles) or "unchanged"


@dataclass(frozen=True, slots=True)
class Look:
    """A member as found in Discord, with their entitlements."""

    state: MemberState
    entitlements: list[Entitlement]
    actual: frozenset[int]
    now: int


Changed: TypeAlias = tuple[tuple[Change, ...], tuple[Notice, ...]]


async def reconcile_member(ports: Ports, queued: QueuedMember) -> WorkOutcome:
    """Reconcile one queued member, and return the outcome for the log.

    A temporary failure postpones the member.
    """
    try:
        return await _reconcile(ports, queued)
    except DiscordError as error:
        at = next_try(ports.now(), queued.attempts)
        await ports.ledger.record_reconcile_failed(queued, str(error), at)
        return put_off(error, queued.attempts)


async def _reconcile(ports: Ports, queued: QueuedMember) -> WorkOutcome:
    state = await ports.ledger.load_member_state(queued.guild_id, queued.member_id)
    now = ports.now()
    entitlements = decide(state.subscriptions, state.overrides, state.plans, now, ports.grace)
    desired = roles_of(entitlements, state.plans, held=False)
    held = roles_of(entitlements, state.plans, held=True)
    try:
        seen = await ports.roles.fetch_member(queued.guild_id, queued.member_id)
    except (MemberGone, GuildGone) as gone:
        await _park(ports, queued, state, bool(desired), gone, now)
        return WorkOutcome(f"parked, {type(gone).__name__}")
    actual = seen.roles
    await _ask_first(ports, state, held - actual)
    state = await _adopt(ports, queued, state, actual, now)
    changes = diff(desired, held, actual, state.granted)
    ordered = ordered_roles(state.plans, [o for o in state.overrides if o.created_at >= state.copied_at], now)
    outcome = _wait_for_truth(queued, state, frozenset(changes.take) - ordered, now)
    if changes.take and abs(ports.clock_skew()) > MOST_SKEW:
        outcome = _wait_for_clock(state, frozenset(changes.take), now, ports.grace) or outcome
    if outcome is None:
        outcome = await _ask_brake(ports, queued, changes, ordered, now)
    if seen.pending:
        outcome.refused |= {role_id: MembershipPending() for role_id in changes.give}
        changes = Changes(take=changes.take)
    look = Look(state, entitlements, actual, now)
    try:
        await _apply(ports, queued, changes, entitlements, outcome, now)
        after = await _read_back(ports, queued, actual, outcome)
    except DiscordError as error:
        believed = (actual | set(outcome.given)) - set(outcome.taken)
        await _keep(ports, queued, await _what_changed(ports, queued, look, believed, outcome))
        if isinstance(error, MemberGone):
            never = set(changes.give) - state.granted - set(outcome.given)
            await _park(ports, queued, state, bool(desired), error, now, never=never)
            return WorkOutcome("parked, left meanwhile")
        raise
    left = diff(desired, held, after, state.granted | set(outcome.given))
    if set(left.give + left.take) - set(outcome.refused) - outcome.kept:
        await _keep(ports, queued, await _what_changed(ports, queued, look, after, outcome))
        raise DiscordUnavailable(detail="the roles read back are not the ones that were set")
    if outcome.waits:
        await _keep(ports, queued, await _what_changed(ports, queued, look, after, outcome))
        at = next_try(now, queued.attempts)
        await ports.ledger.record_reconcile_failed(queued, outcome.waits, at)
        if outcome.waits == WAITS and now >= queued.since + TELL_AFTER:
            await ports.ledger.record_notice(_waiting(queued, now))
        return put_off(outcome.waits, queued.attempts, ordinary=ANSWERED_BY * (outcome.waits == WAITS))
    due_at = next_change(state.subscriptions, state.overrides, now, ports.grace)
    missed = state.granted - actual - desired - held
    history, news = await _what_changed(ports, queued, look, after, outcome, missed)
    await ports.ledger.record_reconciled(
        queued,
        gone=sorted((state.granted | set(outcome.given) | set(outcome.refused)) - after),
        due_at=due_at,
        parked=_why_parked(outcome),
        changes=history,
        notices=[*news, *_notices(queued, outcome, now)],
        at=now,
        braked=outcome.asked_at is not None,
    )
    _time(ports, queued, outcome)
    return WorkOutcome(outcome.words())


def _time(ports: Ports, queued: QueuedMember, outcome: Outcome) -> None:
    """Record how long a role took from the notification that led to it."""
    took = ports.pace.settle(Binding(queued.guild_id, queued.member_id), queued.since)
    if took is not None and outcome.given:
        ports.meter.gave_role(took)


async def _adopt(
    ports: Ports, queued: QueuedMember, state: MemberState, actual: frozenset[int], now: int
) -> MemberState:
    """Count roles as granted by the bot if the member has them and an older subscription pays for them.

    Somebody gave the member these roles for a subscription older than this ledger, so they end with it.
    Returns the new state.
    """
    before = [s for s in state.subscriptions if s.bound_by is not BoundBy.PAGE]
    paid = decide(before, [], state.plans, now, ports.grace)
    found = (roles_of(paid, state.plans, held=False) & actual) - state.granted
    for role_id in sorted(found):
        await ports.ledger.record_granting(queued.guild_id, queued.member_id, role_id, now)
    return replace(state, granted=state.granted | found) if found else state


async def _ask_first(ports: Ports, state: MemberState, lacks: frozenset[int]) -> None:
    """Fetch the held-back subscriptions of a restored ledger first if the member lacks a role."""
    if lacks and state.unasked and not state.stale:
        await ports.ledger.record_waiting(state.unasked)


def _wait_for_truth(
    queued: QueuedMember, state: MemberState, taken: frozenset[int], now: int
) -> Outcome | None:
    """Return an outcome that keeps roles if the recorded data may be outdated; None if it is current.

    A member who has paid in the meantime would otherwise lose the roles and regain them.
    """
    unsure = state.stale or state.unswept or (state.due_at is not None and state.due_at <= now)
    early = queued.attempts < UNSURE_TRIES or now < queued.since + UNSURE_FOR
    if taken and unsure and early:
        return Outcome(kept=taken, waits=WAITS)
    return None


def _wait_for_clock(state: MemberState, taken: frozenset[int], now: int, grace: int) -> Outcome | None:
    """Return an outcome that keeps roles due to be removed by time; None if there are none.

    A clock that is a year ahead would take away a paid year. Immediate removals by admins still happen.
    """
    ended = ended_by_time(state.subscriptions, state.overrides, state.plans, now, grace)
    if not taken & {role for plan in state.plans if plan.id in ended for role in plan.role_ids}:
        return None
    at_once = [o for o in state.overrides if o.starts_at <= o.created_at]
    return Outcome(kept=taken - ordered_roles(state.plans, at_once, now), waits=CLOCK_IS_OFF)


def _waiting(queued: QueuedMember, now: int) -> Notice:
    """Return a notice, sent once a day per server because one silent provider delays many members."""
    key = f"role_waits:{queued.guild_id}:{now // 86_400}"
    return Notice(key, queued.guild_id, None, RoleWaits(queued.member_id, queued.since + UNSURE_FOR), now)


async def _ask_brake(
    ports: Ports, queued: QueuedMember, changes: Changes, ordered: frozenset[int], now: int
) -> Outcome:
    """Ask the brake before any role is taken, which makes it count this member.

    If it is on, removals that no admin ordered are held back.
    """
    counted = frozenset(changes.take) - ordered
    if counted:
        asked_at = await ports.ledger.record_taking(queued.guild_id, queued.member_id, now)
        if asked_at is not None:
            return Outcome(kept=counted, asked_at=asked_at)
    return Outcome()


def _why_parked(outcome: Outcome) -> Reasons:
    reasons = [error.user_message for error in outcome.refused.values()]
    return tuple(dict.fromkeys(reasons + [REMOVALS_PAUSED] * bool(outcome.kept)))


def _notices(queued: QueuedMember, outcome: Outcome, now: int) -> list[Notice]:
    notices = [_refusal(queued, role, error, now) for role, error in outcome.refused.items()]
    if outcome.asked_at is None:
        return notices
    question = Notice(
        key=f"brake:{queued.guild_id}:{outcome.asked_at}",
        guild_id=queued.guild_id,
        member_id=None,
        body=Braked(outcome.asked_at),
        created_at=outcome.asked_at + ASK_AFTER,
    )
    return [*notices, question]


async def _keep(ports: Ports, queued: QueuedMember, changed: Changed) -> None:
    """Record the changes made before an error; the next attempt will find them done."""
    changes, notices = changed
    if changes:
        first = changes[0]
        evidence = f"mark {queued.version}"
        kept = SyncResult(None, first.who, first.why, evidence, first.at, changes=changes, notices=notices)
        await ports.ledger.record_synced(kept)


async def _apply(
    ports: Ports,
    queued: QueuedMember,
    changes: Changes,
    entitlements: list[Entitlement],
    outcome: Outcome,
    now: int,
) -> None:
    why = ", ".join(sorted({e.why for e in entitlements})) or "history.nothing_paid"
    takes = [role_id for role_id in changes.take if role_id not in outcome.kept]
    for role_id, give in [(r, True) for r in changes.give] + [(r, False) for r in takes]:
        if give:
            await ports.ledger.record_granting(queued.guild_id, queued.member_id, role_id, now)
        try:
            await ports.roles.apply_role(queued.guild_id, queued.member_id, role_id, give=give, reason=why)
        except DiscordError as error:
            if error.retry or isinstance(error, MemberGone):
                raise
            outcome.refused[role_id] = error
            ports.meter.changed_role("refused")
        else:
            (outcome.given if give else outcome.taken).append(role_id)
            ports.meter.changed_role("given" if give else "taken")


async def _read_back(
    ports: Ports, queued: QueuedMember, actual: frozenset[int], outcome: Outcome
) -> frozenset[int]:
    if not outcome.given and not outcome.taken:
        return actual
    return (await ports.roles.fetch_member(queued.guild_id, queued.member_id)).roles


async def _park(
    ports: Ports,
    queued: QueuedMember,
    state: MemberState,
    entitled: bool,
    error: DiscordError,
    now: int,
    *,
    never: Collection[int] = (),
) -> None:
    """Park a member who cannot be reconciled because they or the bot are not in the server.

    If the member is entitled to something, the admins are notified. Granted roles stay recorded as the bot's:
    the member or the bot may return, and another bot may have restored the roles by then. The first check
    after the return decides. `never`: roles that this attempt was about to give and did not.
    """
    await ports.ledger.record_reconciled(
        queued,
        gone=sorted(never),
        due_at=next_change(state.subscriptions, state.overrides, now, ports.grace),
        parked=(error.user_message,) if entitled else (),
        changes=[],
        notices=[_refusal(queued, None, error, now)] if entitled and isinstance(error, MemberGone) else [],
        at=now,
    )


def _refusal(queued: QueuedMember, role_id: int | None, error: DiscordError, now: int) -> Notice:
    """Return the notice about a refusal: one per cause and month, because one fix may help many members."""
    month = now // (RETELL_DAYS * 86_400)
    if isinstance(error, MembershipPending):
        key = f"screening:{queued.guild_id}:{queued.member_id}:{month}"
        return Notice(key, queued.guild_id, queued.member_id, Screening(role_id), now)
    whom = queued.member_id if role_id is None else role_id
    return Notice(
        key=f"refused:{queued.guild_id}:{type(error).__name__}:{whom}:{month}",
        guild_id=queued.guild_id,
        member_id=None,
        body=RoleRefused(queued.member_id, to_stored(error.user_message), role_id),
        created_at=now,
    )


async def _what_changed(
    ports: Ports,
    queued: QueuedMember,
    look: Look,
    after: frozenset[int],
    outcome: Outcome,
    missed: frozenset[int] = frozenset(),
) -> Changed:
    """Return the history rows for given and taken roles, and the notices to the member.

    `missed`: roles that the member is no longer owed and that were already gone, taken by somebody else or by
    the bot before a crash.
    """
    given = frozenset(outcome.given) & after
    taken = frozenset(outcome.taken) - after
    ours = look.state.granted
    restored = given & ours if not queued.attempts else frozenset()
    had = look.actual & after & ours if queued.attempts else frozenset()
    moved = Moved(given, taken, restored, missed, had)
    notices, silent = await role_news(ports, queued, look.state, moved, look.now)
    why = ", ".join(sorted({e.why for e in look.entitlements})) or "history.nothing_left"
    told = ", ".join(notice.key for notice in notices) or "nobody"
    evidence = f"mark {queued.version}"
    who = (queued.guild_id, queued.member_id, "roles", "converge")
    changes = [
        Change(look.now, *who, f"{TOLD_BEFORE}: {cause}", evidence, str(role), "")
        for role, cause in silent.items()
    ]
    if touched := frozenset({*outcome.given, *outcome.taken}):
        before, now = _listed(look.actual & touched), _listed(after & touched)
        changes.append(
            Change(
                look.now,
                *who,
                why,
                f"{evidence}, tells {told}",
                before,
                now,
                given=tuple(sorted(given)),
                taken=tuple(sorted(taken)),
            )
        )
    return tuple(changes), tuple(notices)


def _listed(roles: frozenset[int]) -> str:
    return ",".join(map(str, sorted(roles)))
