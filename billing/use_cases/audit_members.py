"""Compare the ledger with Discord without a call for each member: only who differs is marked."""

from __future__ import annotations

import logging
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Sequence

from billing.errors import DiscordError, GuildGone, GuildOutage
from billing.model import Binding, MemberState, Seen
from billing.ports import Ports
from billing.rules.access import decide
from billing.rules.roles import diff, roles_of

log = logging.getLogger(__name__)

LOOKED_AT = 10_000  # members a round, in a hundred questions or a few more; Discord takes 120 a minute
TOLD_AT_ONCE = 100  # members, Discord, 'Request Guild Members'
ASKED_SINGLY = 2_000  # members a round where the connection does not tell: a call each
PLACE = "astray up to"  # in the ledger: where a round ended that had too many


async def audit_members(ports: Ports) -> None:
    """Look at the members whose grants are not what they pay for, and at those longest unchecked.

    Who turns out to lack a role, or to have one too many, is marked; so is who could not be looked at. In
    an outage of a server of Discord's all of it is left for the next round: a call would tell no more.
    """
    now = ports.now()
    astray = await _load_astray(ports, now)
    unchecked = await ports.ledger.load_members_to_check(now, LOOKED_AT)
    members = list(dict.fromkeys([*astray[:LOOKED_AT], *unchecked]))
    for done, group in enumerate(_groups(members)):
        try:
            await _check(ports, group, now)
        except GuildGone:
            await _mark_unparked(ports, group, now)
        except GuildOutage:
            continue
        except DiscordError as error:
            log.warning("members are looked at one by one: %s", error)
            left = {member for rest in list(_groups(members))[done:] for member in rest}
            await _mark_some(ports, [m for m in astray if m in left], [m for m in unchecked if m in left])
            return
    if len(astray) > LOOKED_AT:
        await _keep_place(ports, astray[LOOKED_AT - 1])


async def _load_astray(ports: Ports, now: int) -> list[Binding]:
    """From where the last round ended. Some are named in every round, such as whoever had the role before it
    was paid for; beginning anew each time, a large server of these would keep all behind it from a look."""
    plans = await ports.ledger.load_plans(None, removed=True)
    astray = [
        (guild_id, member)
        for guild_id in {plan.guild_id for plan in plans}
        for member in await ports.ledger.load_drifted_members(guild_id, now, ports.grace)
    ]
    astray.sort()
    guild, _, member = (await ports.ledger.load_value(PLACE) or "0:0").partition(":")
    start = bisect(astray, (int(guild), int(member)))
    return [Binding(*one) for one in (*astray[start:], *astray[:start])]


async def _keep_place(ports: Ports, last: Binding) -> None:
    await ports.ledger.record_value(PLACE, f"{last.guild_id}:{last.member_id}")


async def _mark_some(ports: Ports, astray: list[Binding], unchecked: list[Binding]) -> None:
    """Of both kinds, so that neither waits for the other to come to an end."""
    half = max(ASKED_SINGLY // 2, ASKED_SINGLY - len(unchecked))
    first = astray[:half]
    chosen = list(dict.fromkeys([*first, *unchecked]))[:ASKED_SINGLY]
    await ports.ledger.record_marks(chosen, "sweep", ports.now())
    if len(first) < len(astray):
        await _keep_place(ports, first[-1])


def _groups(members: Sequence[Binding]) -> Iterator[list[Binding]]:
    by_guild: defaultdict[int, list[Binding]] = defaultdict(list)
    for member in members:
        by_guild[member.guild_id].append(member)
    for those in by_guild.values():
        yield from (those[start : start + TOLD_AT_ONCE] for start in range(0, len(those), TOLD_AT_ONCE))


async def _check(ports: Ports, members: Sequence[Binding], now: int) -> None:
    guild_id = members[0].guild_id
    found = await ports.roles.look(guild_id, [member.member_id for member in members])
    differ = []
    for member in members:
        state = await ports.ledger.load_member_state(guild_id, member.member_id)
        if _differs(state, found.get(member.member_id), now, ports.grace):
            differ.append(member)
    await _conclude(ports, members, differ, now)


def _differs(state: MemberState, seen: Seen | None, now: int, grace: int) -> bool:
    """`seen` None: not in the server. Who is parked is tried again while there is somebody to try with."""
    entitlements = decide(state.subscriptions, state.overrides, state.plans, now, grace)
    desired = roles_of(entitlements, state.plans, held=False)
    if seen is None:
        return bool(desired) and not state.parked
    held = roles_of(entitlements, state.plans, held=True)
    changes = diff(desired, held, seen.roles, state.granted)
    waits = seen.pending and state.parked
    to_give = not waits and (state.parked or changes.give)
    return bool(to_give or changes.take or state.granted - seen.roles)


async def _mark_unparked(ports: Ports, members: Sequence[Binding], now: int) -> None:
    """The bot is not in their server, which is said of each once."""
    parked = {member for member, _ in await ports.ledger.load_parked(members[0].guild_id)}
    await _conclude(ports, members, [m for m in members if m.member_id not in parked], now)


async def _conclude(ports: Ports, members: Sequence[Binding], differ: Sequence[Binding], now: int) -> None:
    """The marks first: should it end in between, who differs is not taken for looked at."""
    if differ:
        await ports.ledger.record_marks(differ, "sweep", now)
    await ports.ledger.record_checked(members, now)
