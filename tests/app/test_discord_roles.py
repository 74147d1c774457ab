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
from billing.model.translatable_text import Text
from cogs.gateways import roles
from standins.discord import gateway
from tests.app.harness import DAY, AppHarness, running


async def give(app: AppHarness, *, take: bool = False) -> None:
    """One role of Bob's."""
    await app.ports.roles.apply_role(
        app.guild.id, app.bob.id, app.gold.id, give=not take, reason="history.paid, äöü\n"
    )


async def test_a_role_is_given_and_taken_with_a_reason_in_the_audit_log(app: AppHarness) -> None:
    app.world.give_role(app.guild, app.bob, app.silver)
    await give(app)
    assert sorted(app.roles()) == ["Gold", "Silver"]
    seen = await app.ports.roles.fetch_member(app.guild.id, app.bob.id)
    assert seen.roles == {app.gold.id, app.silver.id}
    await give(app, take=True)
    assert app.roles() == ["Silver"]
    assert "Dues: paid, äöü" in app.world.audit[-1]["reason"]


async def test_changing_a_role_of_a_departed_member_raises(app: AppHarness) -> None:
    app.world.remove_member(app.guild, app.bob)
    with pytest.raises(MemberGone):
        await give(app)
    with pytest.raises(MemberGone):
        await app.ports.roles.fetch_member(app.guild.id, app.bob.id)


async def test_changing_a_deleted_role_raises(app: AppHarness) -> None:
    app.world.delete_role(app.gold)
    with pytest.raises(RoleGone):
        await give(app)


async def test_a_missing_permission_is_distinguished_from_a_role_above_the_bot(app: AppHarness) -> None:
    app.world.set_role_position(app.gold, 99)
    with pytest.raises(RoleAboveBot):
        await give(app)
    app.world.edit_role(app.bot_role, bits=0)
    with pytest.raises(RolesNotPermitted):
        await give(app)


async def test_changing_a_role_in_a_server_without_the_bot_raises(app: AppHarness) -> None:
    app.world.uninstall(app.application, app.guild)
    with pytest.raises(GuildGone):
        await app.ports.roles.fetch_member(app.guild.id, app.bob.id)


async def test_many_members_are_fetched_over_the_gateway(app: AppHarness) -> None:
    before = app.discord.calls.total()
    app.world.give_role(app.guild, app.bob, app.silver)
    app.world.remove_member(app.guild, app.cleo)
    everybody = [app.ada.id, app.bob.id, app.cleo.id]
    found = await app.ports.roles.look(app.guild.id, everybody)
    assert {member: seen.roles - {app.guild.id} for member, seen in found.items()} == {
        app.ada.id: frozenset(),
        app.bob.id: {app.silver.id},
    }
    assert app.discord.calls.total() == before + 1
    assert app.discord.calls["gateway members"] == 1


async def test_fetching_members_raises_without_a_server_or_a_connection(app: AppHarness) -> None:
    with pytest.raises(GuildGone):
        await app.ports.roles.look(1, [app.bob.id])
    assert app.process is not None
    (shard,) = app.process.bot.connections
    shard.socket = None
    with pytest.raises(DiscordUnavailable):
        await app.ports.roles.look(app.guild.id, [app.bob.id])


async def test_a_gateway_that_returns_no_members_is_left_alone_for_some_sweeps(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question that stays open holds up a sweep."""
    assert app.process is not None
    monkeypatch.setattr(roles, "FIRST_PATIENCE", 0.2)
    looking = roles.DiscordRoles(app.process.bot)
    before = app.discord.calls["gateway members"]
    with monkeypatch.context() as silent:
        silent.setattr(gateway._Connection, "_send_members", lambda *_: None)
        for _ in range(1 + roles.SKIPPED):
            with pytest.raises(DiscordUnavailable):
                await looking.look(app.guild.id, [app.bob.id])
    assert app.discord.calls["gateway members"] == before + 1
    assert set(await looking.look(app.guild.id, [app.bob.id])) == {app.bob.id}
    assert app.discord.calls["gateway members"] == before + 2


async def test_a_server_with_an_outage_is_not_asked_for_members(app: AppHarness) -> None:
    assert app.process is not None
    told = app.process.bot.wait_for("guild_unavailable")
    app.world.close_guild(app.guild)
    await told
    with pytest.raises(GuildOutage):
        await app.ports.roles.look(app.guild.id, [app.bob.id])
    assert app.discord.calls["gateway members"] == 0


async def test_a_passing_discord_error_is_retried(app: AppHarness) -> None:
    app.discord.faults.fail("PUT", "/guilds/*", 503)
    with pytest.raises(DiscordUnavailable):
        await give(app)
    app.discord.faults.hang_up("PUT", "/guilds/*", times=None)  # aiohttp tries a PUT once more by itself
    with pytest.raises(DiscordUnavailable):
        await give(app)
    app.discord.faults.clear()
    app.discord.faults.rate_limit("PUT", "/guilds/*", retry_after=0.01)
    await give(app)
    app.discord.faults.rate_limit("GET", "/guilds/*", retry_after=1, via=False)
    with pytest.raises(DiscordUnavailable):
        await app.ports.roles.fetch_member(app.guild.id, app.bob.id)
    app.discord.faults.rate_limit("GET", "/guilds/*", retry_after=3600)
    with pytest.raises(DiscordUnavailable):
        await app.ports.roles.fetch_member(app.guild.id, app.bob.id)


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_an_error_page_of_a_proxy_is_reported_as_unavailable(app: AppHarness, status: int) -> None:
    app.discord.faults.fail("*", "/guilds/*", status, times=None)
    with pytest.raises(DiscordUnavailable):
        await app.ports.roles.fetch_member(app.guild.id, app.bob.id)
    if status != 200:
        with pytest.raises(DiscordUnavailable):
            await give(app)


async def test_a_hanging_call_is_given_up(app: AppHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "PATIENCE", 0.05)
    app.discord.faults.hold("PUT", "/guilds/*")
    with pytest.raises(DiscordUnavailable):
        await give(app)
    app.discord.faults.clear()


async def test_calls_for_one_member_run_one_after_another(app: AppHarness) -> None:
    held = app.discord.faults.hold("PUT", "/guilds/*")
    first = asyncio.create_task(give(app))
    await held.wait_struck()
    second = asyncio.create_task(give(app, take=True))
    other = await app.ports.roles.fetch_member(app.guild.id, app.cleo.id)
    assert other.roles
    assert not second.done()
    app.discord.faults.clear()
    await asyncio.gather(first, second)
    assert app.roles() == []


async def test_other_discord_refusals_are_not_retried(app: AppHarness) -> None:
    with pytest.raises(DiscordError) as caught:
        await app.ports.roles.apply_role(app.guild.id, app.bob.id, 0, give=True, reason="x")
    assert not caught.value.retry


async def parked(app: AppHarness) -> list[Text | str]:
    """The reasons why roles could not be set."""
    found = await app.ports.ledger.load_parked(app.guild.id, 0, 999)
    return [reason for _, reasons in found for reason in reasons]


async def until_roles(app: AppHarness, wanted: list[str]) -> None:
    """Wait for Bob's roles."""
    await app.world.until(lambda: app.roles() == wanted, f"the roles {wanted}")


async def test_a_role_moved_below_the_bot_is_given_at_once(app: AppHarness) -> None:
    app.world.set_role_position(app.gold, 99)
    await app.sell()
    await app.buy()
    assert app.roles() == []
    assert await parked(app) == [Text("error.role_above_bot")]
    note = await app.ada.dm_containing("The bot couldn't set a role")
    assert "Drag the bot's role higher" in note.text
    assert "couldn't set your roles" in (await app.bob.run(app.guild, "subscriptions")).text
    app.world.set_role_position(app.bot_role, 99)
    await until_roles(app, ["Gold"])


async def test_waiting_roles_are_given_once_the_bot_gets_the_permission(app: AppHarness) -> None:
    app.world.edit_role(app.bot_role, bits=0)
    await app.sell()
    await app.buy()
    assert await parked(app) == [Text("error.roles_not_permitted")]
    app.world.edit_role(app.bot_role, bits=1 << 28)
    await until_roles(app, ["Gold"])


async def test_waiting_roles_are_given_once_the_bot_gets_a_higher_role(app: AppHarness) -> None:
    app.world.set_role_position(app.gold, 99)
    await app.sell()
    await app.buy()
    boss = app.world.add_role(app.guild, "Boss", position=100)
    await app.settled()
    assert app.roles() == []
    app.world.give_role(app.guild, app.application.bot, boss)
    await until_roles(app, ["Gold"])


async def test_a_returned_member_gets_their_roles_by_using_a_command(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.world.remove_member(app.guild, app.bob)
    app.world.rejoin(app.guild, app.bob)
    assert app.roles() == []
    await app.bob.run(app.guild, "subscriptions")
    await until_roles(app, ["Gold"])


@pytest.mark.parametrize("idle_app", ["members intent"], indirect=True)
async def test_with_the_members_intent_a_rejoining_member_gets_their_roles_at_once(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.world.remove_member(app.guild, app.bob)
    app.world.rejoin(app.guild, app.bob)
    await until_roles(app, ["Gold"])
    stranger = app.world.add_user("eve")
    app.world.add_member(app.guild, stranger)
    await app.settled()
    assert await app.ports.ledger.load_members_to_check(app.ports.now() + DAY, 100) != []


async def test_a_restarted_bot_gives_roles_that_became_possible_meanwhile(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        app.world.set_role_position(app.gold, 99)
        await app.sell()
        await app.buy()
        assert app.roles() == []
    app.world.set_role_position(app.bot_role, 100)
    async with running(app):
        await until_roles(app, ["Gold"])
