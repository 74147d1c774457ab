"""Compare the ledger with Discord without a call for each member: only who differs is marked."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence

from billing.access import decide
from billing.errors import DiscordError, GuildGone, GuildOutage
from billing.model import Binding, MemberState
from billing.ports import Ports
from billing.roles import diff, roles_of

log = logging.getLogger(__name__)

LOOKED_AT = 10_000  # members a round, in a hundred questions or a few more; Discord takes 120 a minute
TOLD_AT_ONCE = 100  # members, Discord, 'Request Guild Members'
ASKED_SINGLY = 2_000  # members a round where the connection does not tell: a call each


async def check_members(ports: Ports) -> None:
    """Look at the members whose grants are not what they pay for, and at those longest unchecked.

    Who turns out to lack a role, or to have one too many, is marked; so is who could not be looked at. In
    an outage of a server of Discord's all of it is left for the next round: a call would tell no more.
    """
    now = ports.now()
    plans = await ports.ledger.load_plans(None, removed=True)
    astray = [
        Binding(guild_id, member)
        for guild_id in sorted({plan.guild_id for plan in plans})
        for member in await ports.ledger.load_astray(guild_id, now, ports.grace)
    ]
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
            left = [member for rest in list(_groups(members))[done:] for member in rest]
            await ports.ledger.record_marks(left[:ASKED_SINGLY], "sweep", now)
            return


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


def _differs(state: MemberState, actual: frozenset[int] | None, now: int, grace: int) -> bool:
    """`actual` None: not in the server. Who is parked is tried again while there is somebody to try with."""
    entitlements = decide(state.subscriptions, state.overrides, state.plans, now, grace)
    desired = roles_of(entitlements, state.plans, held=False)
    if actual is None:
        return bool(state.granted) or (bool(desired) and state.parked is None)
    held = roles_of(entitlements, state.plans, held=True)
    changes = diff(desired, held, actual, state.granted)
    return bool(state.parked or changes.give or changes.take or state.granted - actual)


async def _mark_unparked(ports: Ports, members: Sequence[Binding], now: int) -> None:
    """The bot is not in their server, which is said of each once."""
    parked = {member for member, _ in await ports.ledger.load_parked(members[0].guild_id)}
    await _conclude(ports, members, [m for m in members if m.member_id not in parked], now)


async def _conclude(ports: Ports, members: Sequence[Binding], differ: Sequence[Binding], now: int) -> None:
    """The marks first: should it end in between, who differs is not taken for looked at."""
    if differ:
        await ports.ledger.record_marks(differ, "sweep", now)
    await ports.ledger.record_checked(members, now)
