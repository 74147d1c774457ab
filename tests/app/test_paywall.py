"""Leaks in the paywall: found by /doctor, and told to the admins when an edit makes one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogs import paywall_watch
from cogs.core.paywall import (
    ADMINISTRATOR,
    STAFF,
    VIEW,
    ChannelPermissions,
    Leaks,
    ServerPermissions,
    find_leaks,
    permissions_in,
)
from standins.discord.model import Channel, Guild, Member, Role
from standins.discord.permissions import MANAGE_MESSAGES, VIEW_CHANNEL, channel_permissions
from tests.app.harness import AppHarness

SERVER, PAID, OTHER, MODS, BOT = 1, 2, 3, 4, 5
BITS = st.sampled_from([0, VIEW, MANAGE_MESSAGES, VIEW | MANAGE_MESSAGES, ADMINISTRATOR, 1 << 11])
OVERWRITES = st.dictionaries(st.sampled_from([SERVER, PAID, OTHER, MODS]), st.tuples(BITS, BITS), max_size=4)
SERVERS = st.builds(
    ServerPermissions,
    st.just(SERVER),
    st.fixed_dictionaries(dict.fromkeys((SERVER, PAID, OTHER, MODS, BOT), BITS)),
    st.dictionaries(
        st.integers(100, 103),
        st.builds(
            ChannelPermissions, st.sampled_from(["chat", "mod-chat", "models"]), OVERWRITES, st.booleans()
        ),
        max_size=3,
    ),
    st.just(frozenset({BOT})),
)


@given(SERVERS, st.sampled_from([SERVER, PAID, OTHER, MODS]))
def test_a_role_may_do_in_a_channel_what_discords_algorithm_says(
    server: ServerPermissions, role: int
) -> None:
    guild = Guild(SERVER, "Pottery", owner_id=99)
    guild.roles = {one: Role(one, SERVER, str(one), 0, bits) for one, bits in server.roles.items()}
    member = Member(7, 0, [] if role == SERVER else [role])
    for number, channel in server.channels.items():
        theirs = Channel(number, 0, channel.name, SERVER, 0)
        theirs.overwrites = {one: (deny, allow) for one, (allow, deny) in channel.overwrites.items()}
        expected = channel_permissions(guild, theirs, member)
        assert permissions_in(server, channel, role) & STAFF == expected & STAFF
        assert bool(permissions_in(server, channel, role) & VIEW) == bool(expected & VIEW_CHANNEL)


@given(SERVERS)
def test_a_channel_is_never_both_seen_by_everybody_and_hidden_from_all_but_staff(
    server: ServerPermissions,
) -> None:
    leaks = find_leaks(server, [PAID, OTHER])
    everybody = {
        n for n, channel in server.channels.items() if permissions_in(server, channel, SERVER) & VIEW
    }
    assert leaks.open <= everybody
    assert not {channel for _, channel in leaks.staff} & everybody
    assert all(permissions_in(server, server.channels[n], role) & VIEW for role, n in leaks.staff)
    for role in leaks.idle:
        assert not any(
            permissions_in(server, channel, role) & ~permissions_in(server, channel, SERVER)
            for channel in server.channels.values()
        )


def _server(name: str, overwrites: dict[int, tuple[int, int]], *, staff: bool = False, **roles: int) -> Any:
    bits = {SERVER: VIEW, PAID: 0, MODS: STAFF & ~ADMINISTRATOR}
    bits |= {{"paid": PAID, "everyone": SERVER}[role]: value for role, value in roles.items()}
    return ServerPermissions(SERVER, bits, {100: ChannelPermissions(name, overwrites, staff)})


HIDDEN = {SERVER: (0, VIEW)}
CASES: list[tuple[str, Any, Leaks]] = [
    ("a closed channel", _server("vip", HIDDEN | {PAID: (VIEW, 0)}), Leaks()),
    (
        "an open channel",
        _server("vip", {PAID: (VIEW, 0)}),
        Leaks(open=frozenset({100}), idle=frozenset({PAID})),
    ),
    ("no channel", _server("vip", HIDDEN), Leaks(idle=frozenset({PAID}))),
    (
        "a channel beside moderators",
        _server("vip", HIDDEN | {PAID: (VIEW, 0), MODS: (VIEW, 0)}),
        Leaks(),
    ),
    (
        "the moderators' channel by its name",
        _server("mod-chat", HIDDEN | {PAID: (VIEW, 0), MODS: (VIEW, 0)}),
        Leaks(staff=frozenset({(PAID, 100)})),
    ),
    ("models", _server("models", HIDDEN | {PAID: (VIEW, 0), MODS: (VIEW, 0)}), Leaks()),
    (
        "the moderators' channel by the role's own permission",
        _server("talk", {MODS: (VIEW, 0)}, everyone=0, paid=VIEW),
        Leaks(staff=frozenset({(PAID, 100)})),
    ),
    (
        "the channel of Discord's messages to the staff",
        _server("updates", HIDDEN | {PAID: (VIEW, 0)}, staff=True),
        Leaks(staff=frozenset({(PAID, 100)})),
    ),
    ("Administrator", _server("mod-chat", HIDDEN | {MODS: (VIEW, 0)}, paid=ADMINISTRATOR), Leaks()),
]


@pytest.mark.parametrize(("server", "leaks"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_paid_role_that_opens(server: ServerPermissions, leaks: Leaks) -> None:
    assert find_leaks(server, [PAID, 77]) == leaks


async def test_doctor_names_only_those_leaking_channels_that_its_reader_can_see(app: AppHarness) -> None:
    await app.sell()
    vip = app.world.add_channel(app.guild, "vip")
    app.world.set_overwrite(vip, app.gold.id, allow=VIEW_CHANNEL)
    hidden = app.world.add_channel(app.guild, "lounge")
    app.world.set_overwrite(hidden, app.gold.id, allow=VIEW_CHANNEL)
    app.world.set_overwrite(hidden, app.cleo.id, deny=VIEW_CHANNEL)
    reply = await app.cleo.run(app.guild, "doctor")
    assert f"Everyone can see <#{vip.id}>, 1 more channel" in reply.text
    assert str(hidden.id) not in reply.text


@pytest.fixture
def settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait only for the events of the same moment."""
    monkeypatch.setattr(paywall_watch, "SETTLING", 0.05)


@pytest.mark.usefixtures("settling")
async def test_the_admins_hear_of_a_leak_once_when_an_edit_makes_it(app: AppHarness) -> None:
    await app.sell()
    vip = app.world.add_channel(app.guild, "vip", private=True)
    app.world.set_overwrite(vip, app.gold.id, allow=VIEW_CHANNEL)
    app.world.set_overwrite(vip, app.guild.id)
    note = await app.ada.dm_containing("who can see your paid channels")
    assert f"Everyone can see <#{vip.id}>" in note.text
    app.world.set_overwrite(vip, app.silver.id, deny=VIEW_CHANNEL)
    other = app.world.add_channel(app.guild, "free")
    app.world.set_overwrite(other, app.gold.id, allow=VIEW_CHANNEL)
    note = await app.ada.dm_containing(f"Everyone can see <#{other.id}>")
    assert str(vip.id) not in note.text
