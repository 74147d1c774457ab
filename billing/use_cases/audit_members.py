"""Compares the ledger with Discord without one call per member, and queues the members who differ."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence

from billing.errors import DiscordError, GuildGone, GuildOutage
from billing.model import Binding, MemberState, Seen
from billing.ports import Ports
from billing.rules.access import decide
from billing.rules.roles import diff, roles_of

log = logging.getLogger(__name__)

LOOKED_AT = 10_000  # members per round, in about a hundred requests; Discord allows 120 a minute
RECORDED_AT_ONCE = 1_000  # members in one transaction
TOLD_AT_ONCE = 100  # members per request (Discord, 'Request Guild Members')
ASKED_SINGLY = 2_000  # members per round if the gateway does not answer; each takes one call
PLACE = "drifted_up_to"  # name of the value in the ledger that says where an oversized round ended


async def audit_members(ports: Ports) -> None:
    """Check the members whose granted roles differ from what they pay for, and those longest unchecked.

    Queue members who lack a role or have one too many, and members who could not be checked. While Discord
    cannot serve a server, leave its members for the next round, because single calls would fail too.
    """
    now = ports.now()
    drifted = await _load_drifted(ports, now)
    unchecked = await ports.ledger.load_members_to_check(now, LOOKED_AT)
    members = list(dict.fromkeys([*drifted[:LOOKED_AT], *unchecked]))
    checked: list[Binding] = []
    for done, group in enumerate(_groups(members)):
        try:
            checked += await _check(ports, group, now)
        except GuildGone:
            checked += await _queue_unparked(ports, group, now)
        except GuildOutage:
            continue
        except DiscordError as error:
            log.warning("members are looked at one by one: %s", error)
            left = {member for rest in list(_groups(members))[done:] for member in rest}
            await ports.ledger.record_checked(checked, now)
            await _queue_some(ports, [m for m in drifted if m in left], [m for m in unchecked if m in left])
            return
        if len(checked) >= RECORDED_AT_ONCE:
            await ports.ledger.record_checked(checked, now)
            checked = []
    await ports.ledger.record_checked(checked, now)
    if len(drifted) > LOOKED_AT:
        await _keep_place(ports, drifted[LOOKED_AT - 1])


async def _load_drifted(ports: Ports, now: int) -> list[Binding]:
    """Load the members whose roles may have drifted, starting where the last round ended.

    If there are more of them than fit into a round, load one more than fit. Some members are listed in every
    round, for example if they had the role before it was paid for. If each round started over, many such
    members would keep the ones after them from ever being checked.
    """
    guild, _, member = (await ports.ledger.load_value(PLACE) or "0:0").partition(":")
    start, place = Binding(0, 0), Binding(int(guild), int(member))
    load, most = ports.ledger.load_drifted_members, LOOKED_AT + 1
    found = await load(place, now, ports.grace, most)
    if place == start or len(found) == most:
        return found
    around = await load(start, now, ports.grace, most - len(found))
    last = (place.guild_id, place.member_id)
    return [*found, *(one for one in around if (one.guild_id, one.member_id) <= last)]


async def _keep_place(ports: Ports, last: Binding) -> None:
    await ports.ledger.record_value(PLACE, f"{last.guild_id}:{last.member_id}")


async def _queue_some(ports: Ports, drifted: list[Binding], unchecked: list[Binding]) -> None:
    """Queue members who drifted and members long unchecked, so that neither kind delays the other."""
    half = max(ASKED_SINGLY // 2, ASKED_SINGLY - len(unchecked))
    first = drifted[:half]
    chosen = list(dict.fromkeys([*first, *unchecked]))[:ASKED_SINGLY]
    await ports.ledger.record_queued_members(chosen, "sweep", ports.now())
    if len(first) < len(drifted):
        await _keep_place(ports, first[-1])


def _groups(members: Sequence[Binding]) -> Iterator[list[Binding]]:
    by_guild: defaultdict[int, list[Binding]] = defaultdict(list)
    for member in members:
        by_guild[member.guild_id].append(member)
    for those in by_guild.values():
        yield from (those[start : start + TOLD_AT_ONCE] for start in range(0, len(those), TOLD_AT_ONCE))


async def _check(ports: Ports, members: Sequence[Binding], now: int) -> Sequence[Binding]:
    """Check members of one server, queue those who differ, and return those who were checked."""
    guild_id = members[0].guild_id
    found = await ports.roles.look(guild_id, [member.member_id for member in members])
    states = await ports.ledger.load_member_states(members)
    differ = [
        member
        for member, state in zip(members, states, strict=True)
        if _differs(state, found.get(member.member_id), now, ports.grace)
    ]
    return await _queue(ports, members, differ, now)


def _differs(state: MemberState, seen: Seen | None, now: int, grace: int) -> bool:
    """Return True if the member needs to be reconciled.

    `seen` is None if they are not in the server. A parked member is tried again while they are in the server.
    """
    entitlements = decide(state.subscriptions, state.overrides, state.plans, now, grace)
    desired = roles_of(entitlements, state.plans, held=False)
    if seen is None:
        return bool(desired) and not state.parked
    held = roles_of(entitlements, state.plans, held=True)
    changes = diff(desired, held, seen.roles, state.granted)
    waits = seen.pending and state.parked
    to_give = not waits and (state.parked or changes.give)
    return bool(to_give or changes.take or state.granted - seen.roles)


async def _queue_unparked(ports: Ports, members: Sequence[Binding], now: int) -> Sequence[Binding]:
    """Queue the members of a server that the bot is not in, except those who are already parked for it."""
    states = await ports.ledger.load_member_states(members)
    unparked = [m for m, state in zip(members, states, strict=True) if not state.parked]
    return await _queue(ports, members, unparked, now)


async def _queue(
    ports: Ports, members: Sequence[Binding], differ: Sequence[Binding], now: int
) -> Sequence[Binding]:
    """Queue the members who differ, and return all members of the group.

    The caller records the check only afterwards, so that a crash in between cannot make them count as
    checked.
    """
    if differ:
        await ports.ledger.record_queued_members(differ, "sweep", now)
    return members
