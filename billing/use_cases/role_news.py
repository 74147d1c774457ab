"""Builds notices to a member about roles they got or lost, one per cause, recorded along with the change."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from billing.model import (
    Cause,
    DisputeState,
    Ended,
    Granted,
    GrantEnded,
    Lifted,
    Linked,
    MemberState,
    Notice,
    NoticeBody,
    PaymentDisputed,
    PaymentFailed,
    PaymentRecovered,
    QueuedMember,
    RenewalResumed,
    RenewalStopped,
    Revoked,
    RoleNews,
    RolesChanged,
    Started,
    SubscriptionKey,
    Switched,
)
from billing.ports import Ports
from billing.rules.role_causes import Why, why_given, why_taken


@dataclass(frozen=True, slots=True)
class Moved:
    """The ids of roles that a member got or lost.

    `restored`: given roles that were only missing in Discord; `missed`: roles from the bot that the member is
    no longer owed and that were already gone; `had`: roles already present at a repeated attempt, which an
    earlier attempt may have given although its answer was lost.
    """

    given: frozenset[int]
    taken: frozenset[int]
    restored: frozenset[int] = frozenset()
    missed: frozenset[int] = frozenset()
    had: frozenset[int] = frozenset()


async def role_news(
    ports: Ports, queued: QueuedMember, state: MemberState, moved: Moved, now: int
) -> tuple[list[Notice], dict[int, str]]:
    """Return the notices about these roles, and the roles that need no notice, with the reasons.

    The notices are waiting ones about the same cause, with the roles added, and a new one for each remaining
    cause.
    """
    if not (moved.given or moved.taken or moved.missed or moved.had):
        return [], {}
    waiting = await ports.ledger.load_waiting_news(queued.guild_id, queued.member_id)
    notices = {notice.key: notice for notice in waiting}
    silent: dict[int, str] = {}
    about = {key for n in waiting if (key := getattr(n.body, "subscription", None)) is not None}
    for role, gives, why in _causes(state, moved, now, ports.grace, about):
        told = next((n for n in reversed(notices.values()) if _tells(n.body, why, gives=gives)), None)
        if told is None and role in moved.had:
            continue
        if told is None and role in moved.missed and await _was_told(ports, why):
            silent[role] = why.cause
            continue
        if told is None:
            key = f"roles:{queued.guild_id}:{queued.member_id}:{queued.version}:{now}:{len(notices)}"
            body = RolesChanged(why.cause, why.plan, why.subscription, why.decision)
            told = Notice(key, queued.guild_id, queued.member_id, body, now)
        notices[told.key] = _with_role(told, role, gives=gives)
    return [notice for notice in notices.values() if notice not in waiting], silent


def _causes(
    state: MemberState, moved: Moved, now: int, grace: int, about: Collection[SubscriptionKey]
) -> Iterator[tuple[int, bool, Why]]:
    """Yield each role's id, whether it was given, and why."""
    for role in sorted(moved.given | moved.had):
        why = why_given(role, state, now, grace, about)
        yield role, True, replace(why, cause=Cause.RESTORED) if role in moved.restored else why
    for role in sorted(moved.taken | moved.missed):
        yield role, False, why_taken(role, state, now, grace, about)


async def _was_told(ports: Ports, why: Why) -> bool:
    """Return True if the member has already been notified of the subscription's end.

    This happens if they were away at that time, or before a crash.
    """
    key = f"{Ended.kind}:{why.subscription}:0"
    return why.cause is Cause.ENDED and await ports.ledger.load_notice(key) is not None


def _with_role(notice: Notice, role: int, *, gives: bool) -> Notice:
    body = notice.body
    assert isinstance(body, RoleNews)
    roles = tuple(dict.fromkeys((*(body.given if gives else body.taken), role)))
    return replace(notice, body=replace(body, given=roles) if gives else replace(body, taken=roles))


def _tells(  # noqa: PLR0911 - one case a kind
    body: NoticeBody, why: Why, *, gives: bool
) -> bool:
    """Return True if a waiting notice is about this cause."""
    match body:
        case RolesChanged():
            return Why(body.cause, body.plan, body.subscription, body.decision) == why
        case Started() | Linked() | PaymentRecovered() | RenewalResumed():
            return gives and body.subscription == why.subscription
        case Ended() | PaymentFailed() | RenewalStopped():
            return not gives and body.subscription == why.subscription
        case PaymentDisputed():
            same = body.subscription == why.subscription
            return same and gives is (body.state is DisputeState.WON)
        case Switched():
            before = set(body.before.split(", ")) & set(why.plan.split(", "))
            return body.subscription == why.subscription or (not gives and bool(before))
        case Lifted():
            return gives
        case Granted():
            return gives and why.cause is Cause.GRANTED and body.plan in why.plan.split(", ")
        case GrantEnded():
            return not gives and body.plan in why.plan.split(", ")
        case Revoked():
            return not gives and body.decision == why.decision
        case _:
            return False
