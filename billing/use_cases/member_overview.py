"""Gathers everything an admin may want to know about one member: payments, roles, reasons and changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from billing.errors import DiscordError, MemberGone
from billing.model import Binding, MemberState, Override, OverrideKind, Status, Subscription
from billing.model.outbox import NoticeQueued, OutboxEvent
from billing.ports import Ports
from billing.rules.member_roles import RoleReason, explain_roles
from billing.use_cases.refresh_subscription import refresh

CHANGES_SHOWN = 10
# A change may come with several notices, which are not shown.
_READ = 40


@dataclass(frozen=True, slots=True)
class MemberOverview:
    """The facts about one member of a server.

    `subscriptions`: the running ones, then the ended ones, newest first; `decisions`: grants and revocations
    in force, and revocations to come; `actual`: the roles that Discord shows, None if it does not answer;
    `gone`: the member is not in the server; `changes`: the latest ones, newest first.
    """

    guild_id: int
    member_id: int
    state: MemberState
    subscriptions: tuple[Subscription, ...]
    roles: tuple[RoleReason, ...]
    decisions: tuple[Override, ...]
    actual: frozenset[int] | None
    gone: bool
    changes: tuple[OutboxEvent, ...]


async def load_overview(ports: Ports, guild_id: int, member_id: int) -> MemberOverview:
    """Read the ledger, and fetch the member's roles from Discord."""
    state = await ports.ledger.load_member_state(guild_id, member_id)
    events = await ports.ledger.load_newest_events(guild_id, member_id, _READ)
    actual, gone = await _fetch_roles(ports, guild_id, member_id)
    now = ports.now()
    return MemberOverview(
        guild_id,
        member_id,
        state,
        tuple(sorted(state.subscriptions, key=lambda s: (s.status is Status.ENDED, -s.created_at))),
        tuple(explain_roles(state, now, ports.grace)),
        tuple(o for o in state.overrides if _is_shown(o, now)),
        actual,
        gone,
        tuple(e for e in events if not isinstance(e.body, NoticeQueued))[:CHANGES_SHOWN],
    )


def _is_shown(override: Override, now: int) -> bool:
    if override.until is not None and override.until <= now:
        return False
    return override.kind is OverrideKind.BLOCK or override.starts_at <= now


async def _fetch_roles(ports: Ports, guild_id: int, member_id: int) -> tuple[frozenset[int] | None, bool]:
    try:
        return (await ports.roles.fetch_member(guild_id, member_id)).roles, False
    except MemberGone:
        return None, True
    except DiscordError:
        return None, False


async def look_again(ports: Ports, guild_id: int, member_id: int) -> Sequence[Subscription]:
    """Fetch the member's subscriptions in this server from their providers, and queue a check of the roles.

    Returns the subscriptions for which the provider did not answer.
    """
    state = await ports.ledger.load_member_state(guild_id, member_id)
    running = [s for s in state.subscriptions if s.status is not Status.ENDED]
    answers = await asyncio.gather(*(refresh(ports, subscription) for subscription in running))
    await ports.ledger.record_queued_members([Binding(guild_id, member_id)], "command", ports.now())
    return [subscription for subscription, answered in answers if not answered]
