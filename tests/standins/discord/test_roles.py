"""Roles and members as a bot's REST calls and gateway events see them."""

from __future__ import annotations

import discord
import pytest

from standins.discord import DiscordServer, permissions
from tests.standins.discord.conftest import TOKEN, DiscordScene, Login
from tests.standins.discord.small_bot import SmallBot


async def heard(bot: SmallBot, *expected: str) -> None:
    """The bot hears this, in this order, and nothing else before the last."""
    await bot.hears(expected[-1])
    assert bot.heard == list(expected)


async def put(bot: SmallBot, scene: DiscordScene, role_id: int, user_id: int | None = None) -> None:
    await bot.http.add_role(scene.guild.id, user_id or scene.bob.id, role_id, reason="paid & é")


async def test_a_role_is_given_and_taken(scene: DiscordScene, bot: SmallBot) -> None:
    await put(bot, scene, scene.gold.id)
    assert scene.world.roles_of(scene.guild, scene.bob) == ["Gold"]
    await put(bot, scene, scene.gold.id)
    await bot.http.remove_role(scene.guild.id, scene.bob.id, scene.gold.id, reason="over")
    assert scene.world.roles_of(scene.guild, scene.bob) == []
    entries = [(entry["added"], entry["removed"], entry["reason"]) for entry in scene.world.audit]
    assert entries == [(["Gold"], [], "paid & é"), ([], ["Gold"], "over")]
    assert {entry["by"] for entry in scene.world.audit} == {scene.app.bot.id}


async def test_a_role_above_the_bots_is_refused(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.set_role_position(scene.gold, 2)
    assert (scene.gold.position, scene.bot_role.position) == (2, 1)
    with pytest.raises(discord.Forbidden) as refused:
        await put(bot, scene, scene.gold.id)
    assert refused.value.code == 50013
    assert scene.world.roles_of(scene.guild, scene.bob) == []


async def test_the_bots_own_role_and_everyone_are_refused(scene: DiscordScene, bot: SmallBot) -> None:
    with pytest.raises(discord.Forbidden):
        await put(bot, scene, scene.bot_role.id)
    with pytest.raises(discord.HTTPException) as refused:
        await put(bot, scene, scene.guild.everyone.id)
    assert refused.value.code == 50028


async def test_without_manage_roles_every_grant_is_refused(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.edit_role(scene.bot_role, bits=permissions.EVERYONE)
    with pytest.raises(discord.Forbidden) as refused:
        await put(bot, scene, scene.gold.id)
    assert refused.value.code == 50013


async def test_giving_a_deleted_role_is_refused(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.give_role(scene.guild, scene.bob, scene.gold)
    scene.world.delete_role(scene.gold)
    assert scene.world.roles_of(scene.guild, scene.bob) == []
    with pytest.raises(discord.NotFound) as refused:
        await put(bot, scene, scene.gold.id)
    assert refused.value.code == 10011


async def test_giving_a_role_to_a_departed_member_is_refused(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.give_role(scene.guild, scene.bob, scene.gold)
    scene.world.remove_member(scene.guild, scene.bob)
    guild = await bot.fetch_guild(scene.guild.id)
    for call in (put(bot, scene, scene.gold.id), guild.fetch_member(scene.bob.id)):
        with pytest.raises(discord.NotFound) as refused:
            await call
        assert refused.value.code == 10007
    scene.world.rejoin(scene.guild, scene.bob)
    assert (await guild.fetch_member(scene.bob.id)).roles == [guild.default_role]


async def test_giving_a_role_in_a_server_that_the_bot_left_is_refused(
    scene: DiscordScene, bot: SmallBot
) -> None:
    scene.world.uninstall(scene.app, scene.guild)
    with pytest.raises(discord.NotFound) as gone:
        await bot.fetch_guild(scene.guild.id)
    assert gone.value.code == 10004
    with pytest.raises(discord.Forbidden) as refused:
        await put(bot, scene, scene.gold.id)
    assert refused.value.code == 50001


async def test_overwriting_a_members_role_list_removes_other_roles(
    scene: DiscordScene, bot: SmallBot
) -> None:
    silver = scene.world.add_role(scene.guild, "Silver")
    scene.world.give_role(scene.guild, scene.bob, silver)
    member = await (await bot.fetch_guild(scene.guild.id)).fetch_member(scene.bob.id)
    await member.edit(roles=[discord.Object(scene.gold.id)])
    assert scene.world.roles_of(scene.guild, scene.bob) == ["Gold"]


async def test_a_bot_makes_edits_and_deletes_roles_below_its_own(scene: DiscordScene, bot: SmallBot) -> None:
    guild = await bot.fetch_guild(scene.guild.id)
    made = await guild.create_role(name="Bronze", colour=0xCD7F32)
    await made.edit(name="Copper")
    assert scene.guild.role("Copper").color == 0xCD7F32
    await made.delete()
    with pytest.raises(KeyError):
        scene.guild.role("Copper")
    with pytest.raises(discord.Forbidden):
        await guild.create_role(name="Power", permissions=discord.Permissions(administrator=True))


async def test_listing_members_needs_the_members_intent(scene: DiscordScene, bot: SmallBot) -> None:
    with pytest.raises(discord.Forbidden):
        await bot.http.get_members(scene.guild.id, 100, None)
    scene.app.members_intent = True
    page = await bot.http.get_members(scene.guild.id, 2, None)
    assert [int(member["user"]["id"]) for member in page] == sorted(scene.guild.members)[:2]
    rest = await bot.http.get_members(scene.guild.id, 100, page[-1]["user"]["id"])
    assert [int(member["user"]["id"]) for member in rest] == sorted(scene.guild.members)[2:]


async def test_member_events_are_sent_with_the_members_intent(scene: DiscordScene, login: Login) -> None:
    scene.app.members_intent = True
    bot = await login(SmallBot(discord.Intents(guilds=True, members=True)))
    guild = bot.get_guild(scene.guild.id)
    assert guild is not None
    assert {member.id for member in guild.members} == set(scene.guild.members)
    eve = scene.world.add_user("eve")
    scene.world.add_member(scene.guild, eve)
    scene.world.give_role(scene.guild, eve, scene.gold)
    scene.world.remove_member(scene.guild, eve)
    await heard(bot, "join eve", "update eve ['Gold']", "leave eve")


async def test_without_the_members_intent_only_role_events_are_sent(
    scene: DiscordScene, bot: SmallBot
) -> None:
    scene.world.add_member(scene.guild, scene.world.add_user("eve"))
    scene.world.give_role(scene.guild, scene.bob, scene.gold)
    scene.world.rename_role(scene.gold, "Golden")
    await heard(bot, "role Golden 1")


async def test_a_members_nickname_can_be_changed(scene: DiscordScene, bot: SmallBot) -> None:
    member = await (await bot.fetch_guild(scene.guild.id)).fetch_member(scene.bob.id)
    with pytest.raises(discord.Forbidden):
        await member.edit(nick="Bobby")
    scene.world.edit_role(scene.bot_role, bits=permissions.ADMINISTRATOR)
    await member.edit(nick="Bobby")
    assert scene.guild.members[scene.bob.id].nick == "Bobby"


async def test_a_bot_reads_servers_channels_roles_and_counts(scene: DiscordScene, bot: SmallBot) -> None:
    guild = await bot.fetch_guild(scene.guild.id, with_counts=True)
    assert guild.approximate_member_count == 3
    assert [channel.name for channel in await guild.fetch_channels()] == ["general"]
    assert {role.name for role in await guild.fetch_roles()} == {"@everyone", "Gold", "Bot"}
    assert (await guild.fetch_role(scene.gold.id)).colour.value == 0xFFD700
    assert [own.name async for own in bot.fetch_guilds()] == ["Pottery"]
    assert (await bot.application_info()).approximate_guild_count == 1
    with pytest.raises(discord.NotFound):
        await bot.fetch_user(1)


async def test_an_audit_log_reason_that_is_too_long_is_refused(scene: DiscordScene, bot: SmallBot) -> None:
    with pytest.raises(discord.HTTPException) as refused:
        await bot.http.add_role(scene.guild.id, scene.bob.id, scene.gold.id, reason="x" * 513)
    assert refused.value.code == 50035
    assert scene.world.roles_of(scene.guild, scene.bob) == []


async def test_a_role_opens_a_private_channel(scene: DiscordScene) -> None:
    channel = scene.world.add_channel(scene.guild, "gold", private=True)
    member = scene.guild.members[scene.bob.id]
    assert permissions.channel_permissions(scene.guild, channel, member) == 0
    channel.overwrites[scene.gold.id] = (0, permissions.VIEW_CHANNEL)
    scene.world.give_role(scene.guild, scene.bob, scene.gold)
    assert permissions.channel_permissions(scene.guild, channel, member) & permissions.VIEW_CHANNEL
    scene.world.delete_channel(channel)
    assert [left.name for left in scene.guild.channels.values()] == ["general"]


async def test_administrators_and_the_owner_have_every_permission(scene: DiscordScene) -> None:
    eve = scene.world.add_user("eve")
    member = scene.world.add_member(scene.guild, eve, admin=True)
    assert scene.world.roles_of(scene.guild, eve) == ["Admin"]
    assert permissions.guild_permissions(scene.guild, member) == permissions.ALL
    owner = scene.guild.members[scene.owner.id]
    assert permissions.guild_permissions(scene.guild, owner) == permissions.ALL


async def test_a_request_with_a_wrong_token_is_refused(server: DiscordServer) -> None:
    client = discord.Client(intents=discord.Intents.none())
    async with client:
        with pytest.raises(discord.LoginFailure):
            await client.login(TOKEN + "x")
