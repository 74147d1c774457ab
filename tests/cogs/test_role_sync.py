"""RoleGateway and what wakes parked members."""

from __future__ import annotations

import asyncio

import pytest

from billing.errors import (
    DiscordError,
    DiscordUnavailable,
    GuildGone,
    GuildOutage,
    MemberGone,
    RoleAboveBot,
    RoleGone,
    RolesNotPermitted,
)
from cogs.gateways import roles
from standins.discord import gateway
from tests.cogs.town import DAY, Town, running


async def give(town: Town, *, take: bool = False) -> None:
    """One role of Bob's."""
    await town.ports.roles.apply_role(
        town.guild.id, town.bob.id, town.gold.id, give=not take, reason="Dues: paid äöü\n"
    )


async def test_one_role_is_given_and_taken_with_its_reason(town: Town) -> None:
    town.world.give_role(town.guild, town.bob, town.silver)
    await give(town)
    assert sorted(town.roles()) == ["Gold", "Silver"]
    seen = await town.ports.roles.fetch_member(town.guild.id, town.bob.id)
    assert seen.roles == {town.gold.id, town.silver.id}
    await give(town, take=True)
    assert town.roles() == ["Silver"]
    assert "paid äöü" in town.world.audit[-1]["reason"]


async def test_a_member_who_is_gone(town: Town) -> None:
    town.world.remove_member(town.guild, town.bob)
    with pytest.raises(MemberGone):
        await give(town)
    with pytest.raises(MemberGone):
        await town.ports.roles.fetch_member(town.guild.id, town.bob.id)


async def test_a_role_that_was_deleted(town: Town) -> None:
    town.world.delete_role(town.gold)
    with pytest.raises(RoleGone):
        await give(town)


async def test_the_two_causes_of_50013_are_told_apart(town: Town) -> None:
    town.world.set_role_position(town.gold, 99)
    with pytest.raises(RoleAboveBot):
        await give(town)
    town.world.edit_role(town.bot_role, bits=0)
    with pytest.raises(RolesNotPermitted):
        await give(town)


async def test_a_server_without_the_bot(town: Town) -> None:
    town.world.uninstall(town.app, town.guild)
    with pytest.raises(GuildGone):
        await town.ports.roles.fetch_member(town.guild.id, town.bob.id)


async def test_many_are_looked_at_over_the_gateway(town: Town) -> None:
    before = town.discord.calls.total()
    town.world.give_role(town.guild, town.bob, town.silver)
    town.world.remove_member(town.guild, town.cleo)
    everybody = [town.ada.id, town.bob.id, town.cleo.id]
    found = await town.ports.roles.look(town.guild.id, everybody)
    assert {member: seen.roles - {town.guild.id} for member, seen in found.items()} == {
        town.ada.id: frozenset(),
        town.bob.id: {town.silver.id},
    }
    assert town.discord.calls.total() == before + 1
    assert town.discord.calls["gateway members"] == 1


async def test_nobody_can_be_looked_at(town: Town) -> None:
    with pytest.raises(GuildGone):
        await town.ports.roles.look(1, [town.bob.id])
    assert town.process is not None
    await town.process.bot.on_disconnect()
    with pytest.raises(DiscordUnavailable):
        await town.ports.roles.look(town.guild.id, [town.bob.id])


async def test_a_gateway_that_tells_of_nobody_is_left_alone_for_some_rounds(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question that stays open holds up a sweep."""
    assert town.process is not None
    monkeypatch.setattr(roles, "FIRST_PATIENCE", 0.2)
    looking = roles.DiscordRoles(town.process.bot)
    before = town.discord.calls["gateway members"]
    with monkeypatch.context() as silent:
        silent.setattr(gateway._Connection, "_send_members", lambda *_: None)
        for _ in range(1 + roles.SKIPPED):
            with pytest.raises(DiscordUnavailable):
                await looking.look(town.guild.id, [town.bob.id])
    assert town.discord.calls["gateway members"] == before + 1
    assert set(await looking.look(town.guild.id, [town.bob.id])) == {town.bob.id}
    assert town.discord.calls["gateway members"] == before + 2


async def test_a_server_with_an_outage_is_not_asked_about(town: Town) -> None:
    assert town.process is not None
    told = town.process.bot.wait_for("guild_unavailable")
    town.world.close_guild(town.guild)
    await told
    with pytest.raises(GuildOutage):
        await town.ports.roles.look(town.guild.id, [town.bob.id])
    assert town.discord.calls["gateway members"] == 0


async def test_trouble_that_passes(town: Town) -> None:
    town.discord.faults.fail("PUT", "/guilds/*", 503)
    with pytest.raises(DiscordUnavailable):
        await give(town)
    town.discord.faults.hang_up("PUT", "/guilds/*", times=None)  # aiohttp tries a PUT once more by itself
    with pytest.raises(DiscordUnavailable):
        await give(town)
    town.discord.faults.clear()
    town.discord.faults.rate_limit("PUT", "/guilds/*", retry_after=0.01)
    await give(town)
    town.discord.faults.rate_limit("GET", "/guilds/*", retry_after=1, via=False)
    with pytest.raises(DiscordUnavailable):
        await town.ports.roles.fetch_member(town.guild.id, town.bob.id)
    town.discord.faults.rate_limit("GET", "/guilds/*", retry_after=3600)
    with pytest.raises(DiscordUnavailable):
        await town.ports.roles.fetch_member(town.guild.id, town.bob.id)


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_a_page_that_is_not_discord_s_is_no_answer(town: Town, status: int) -> None:
    town.discord.faults.fail("*", "/guilds/*", status, times=None)
    with pytest.raises(DiscordUnavailable):
        await town.ports.roles.fetch_member(town.guild.id, town.bob.id)
    if status != 200:
        with pytest.raises(DiscordUnavailable):
            await give(town)


async def test_a_call_that_hangs_is_given_up(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "PATIENCE", 0.05)
    town.discord.faults.hold("PUT", "/guilds/*")
    with pytest.raises(DiscordUnavailable):
        await give(town)
    town.discord.faults.clear()


async def test_calls_for_one_member_stand_in_line(town: Town) -> None:
    held = town.discord.faults.hold("PUT", "/guilds/*")
    first = asyncio.create_task(give(town))
    await held.wait_struck()
    second = asyncio.create_task(give(town, take=True))
    other = await town.ports.roles.fetch_member(town.guild.id, town.cleo.id)
    assert other.roles
    assert not second.done()
    town.discord.faults.clear()
    await asyncio.gather(first, second)
    assert town.roles() == []


async def test_other_refusals_are_no_reason_to_try_again(town: Town) -> None:
    with pytest.raises(DiscordError) as caught:
        await town.ports.roles.apply_role(town.guild.id, town.bob.id, 0, give=True, reason="x")
    assert not caught.value.retry


async def parked(town: Town) -> list[str]:
    """The reasons why roles could not be set."""
    return [reason for _, reason in await town.ports.ledger.load_parked(town.guild.id)]


async def until_roles(town: Town, wanted: list[str]) -> None:
    """Wait for Bob's roles."""
    await town.world.until(lambda: town.roles() == wanted, f"the roles {wanted}")


async def test_a_role_above_the_bot_follows_when_it_was_moved(town: Town) -> None:
    town.world.set_role_position(town.gold, 99)
    await town.sell()
    await town.buy()
    assert town.roles() == []
    assert "stands above the bot" in (await parked(town))[0]
    note = await town.ada.dm_containing("A role could not be set")
    assert "Drag the bot's role higher" in note.text
    assert "roles could not be set" in (await town.bob.run(town.guild, "subscriptions")).text
    town.world.set_role_position(town.bot_role, 99)
    await until_roles(town, ["Gold"])


async def test_a_missing_permission_follows_when_it_was_given(town: Town) -> None:
    town.world.edit_role(town.bot_role, bits=0)
    await town.sell()
    await town.buy()
    assert "lacks Manage Roles" in (await parked(town))[0]
    town.world.edit_role(town.bot_role, bits=1 << 28)
    await until_roles(town, ["Gold"])


async def test_the_bots_own_new_role_counts_too(town: Town) -> None:
    town.world.set_role_position(town.gold, 99)
    await town.sell()
    await town.buy()
    boss = town.world.add_role(town.guild, "Boss", position=100)
    await town.settled()
    assert town.roles() == []
    town.world.give_role(town.guild, town.app.bot, boss)
    await until_roles(town, ["Gold"])


async def test_a_member_who_comes_back_is_noticed_by_their_command(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.world.remove_member(town.guild, town.bob)
    town.world.rejoin(town.guild, town.bob)
    assert town.roles() == []
    await town.bob.run(town.guild, "subscriptions")
    await until_roles(town, ["Gold"])


@pytest.mark.parametrize("still_town", ["members intent"], indirect=True)
async def test_with_the_members_intent_a_rejoin_is_noticed_at_once(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.world.remove_member(town.guild, town.bob)
    town.world.rejoin(town.guild, town.bob)
    await until_roles(town, ["Gold"])
    stranger = town.world.add_user("eve")
    town.world.add_member(town.guild, stranger)
    await town.settled()
    assert await town.ports.ledger.load_members_to_check(town.ports.now() + DAY, 100) != []


async def test_a_bot_that_was_away_looks_again(still_town: Town) -> None:
    town = still_town
    async with running(town):
        town.world.set_role_position(town.gold, 99)
        await town.sell()
        await town.buy()
        assert town.roles() == []
    town.world.set_role_position(town.bot_role, 100)
    async with running(town):
        await until_roles(town, ["Gold"])
