"""Roles and members as a bot's REST calls and gateway events see them."""

from __future__ import annotations

import discord
import pytest

from standins.discord import DiscordServer, permissions
from tests.sandbox.discord.conftest import TOKEN, Login, Town
from tests.sandbox.discord.small_bot import SmallBot


async def heard(bot: SmallBot, *expected: str) -> None:
    """The bot hears this, in this order, and nothing else before the last."""
    await bot.hears(expected[-1])
    assert bot.heard == list(expected)


async def put(bot: SmallBot, town: Town, role_id: int, user_id: int | None = None) -> None:
    await bot.http.add_role(town.guild.id, user_id or town.bob.id, role_id, reason="paid & é")


async def test_granting_and_taking_one_role(town: Town, bot: SmallBot) -> None:
    await put(bot, town, town.gold.id)
    assert town.world.roles_of(town.guild, town.bob) == ["Gold"]
    await put(bot, town, town.gold.id)
    await bot.http.remove_role(town.guild.id, town.bob.id, town.gold.id, reason="over")
    assert town.world.roles_of(town.guild, town.bob) == []
    entries = [(entry["added"], entry["removed"], entry["reason"]) for entry in town.world.audit]
    assert entries == [(["Gold"], [], "paid & é"), ([], ["Gold"], "over")]
    assert {entry["by"] for entry in town.world.audit} == {town.app.bot.id}


async def test_a_role_above_the_bots_is_refused(town: Town, bot: SmallBot) -> None:
    town.world.set_role_position(town.gold, 2)
    assert (town.gold.position, town.bot_role.position) == (2, 1)
    with pytest.raises(discord.Forbidden) as refused:
        await put(bot, town, town.gold.id)
    assert refused.value.code == 50013
    assert town.world.roles_of(town.guild, town.bob) == []


async def test_the_bots_own_role_and_everyone_are_refused(town: Town, bot: SmallBot) -> None:
    with pytest.raises(discord.Forbidden):
        await put(bot, town, town.bot_role.id)
    with pytest.raises(discord.HTTPException) as refused:
        await put(bot, town, town.guild.everyone.id)
    assert refused.value.code == 50028


async def test_without_manage_roles_every_grant_is_refused(town: Town, bot: SmallBot) -> None:
    town.world.edit_role(town.bot_role, bits=permissions.EVERYONE)
    with pytest.raises(discord.Forbidden) as refused:
        await put(bot, town, town.gold.id)
    assert refused.value.code == 50013


async def test_a_deleted_role(town: Town, bot: SmallBot) -> None:
    town.world.give_role(town.guild, town.bob, town.gold)
    town.world.delete_role(town.gold)
    assert town.world.roles_of(town.guild, town.bob) == []
    with pytest.raises(discord.NotFound) as refused:
        await put(bot, town, town.gold.id)
    assert refused.value.code == 10011


async def test_a_member_who_left(town: Town, bot: SmallBot) -> None:
    town.world.give_role(town.guild, town.bob, town.gold)
    town.world.remove_member(town.guild, town.bob)
    guild = await bot.fetch_guild(town.guild.id)
    for call in (put(bot, town, town.gold.id), guild.fetch_member(town.bob.id)):
        with pytest.raises(discord.NotFound) as refused:
            await call
        assert refused.value.code == 10007
    town.world.rejoin(town.guild, town.bob)
    assert (await guild.fetch_member(town.bob.id)).roles == [guild.default_role]


async def test_a_server_that_the_bot_left(town: Town, bot: SmallBot) -> None:
    town.world.uninstall(town.app, town.guild)
    with pytest.raises(discord.NotFound) as gone:
        await bot.fetch_guild(town.guild.id)
    assert gone.value.code == 10004
    with pytest.raises(discord.Forbidden) as refused:
        await put(bot, town, town.gold.id)
    assert refused.value.code == 50001


async def test_overwriting_the_list_wipes_what_others_set(town: Town, bot: SmallBot) -> None:
    silver = town.world.add_role(town.guild, "Silver")
    town.world.give_role(town.guild, town.bob, silver)
    member = await (await bot.fetch_guild(town.guild.id)).fetch_member(town.bob.id)
    await member.edit(roles=[discord.Object(town.gold.id)])
    assert town.world.roles_of(town.guild, town.bob) == ["Gold"]


async def test_a_bot_makes_edits_and_deletes_roles_below_its_own(town: Town, bot: SmallBot) -> None:
    guild = await bot.fetch_guild(town.guild.id)
    made = await guild.create_role(name="Bronze", colour=0xCD7F32)
    await made.edit(name="Copper")
    assert town.guild.role("Copper").color == 0xCD7F32
    await made.delete()
    with pytest.raises(KeyError):
        town.guild.role("Copper")
    with pytest.raises(discord.Forbidden):
        await guild.create_role(name="Power", permissions=discord.Permissions(administrator=True))


async def test_listing_members_needs_the_members_intent(town: Town, bot: SmallBot) -> None:
    with pytest.raises(discord.Forbidden):
        await bot.http.get_members(town.guild.id, 100, None)
    town.app.members_intent = True
    page = await bot.http.get_members(town.guild.id, 2, None)
    assert [int(member["user"]["id"]) for member in page] == sorted(town.guild.members)[:2]
    rest = await bot.http.get_members(town.guild.id, 100, page[-1]["user"]["id"])
    assert [int(member["user"]["id"]) for member in rest] == sorted(town.guild.members)[2:]


async def test_members_are_told_with_the_members_intent(town: Town, login: Login) -> None:
    town.app.members_intent = True
    bot = await login(SmallBot(discord.Intents(guilds=True, members=True)))
    guild = bot.get_guild(town.guild.id)
    assert guild is not None
    assert {member.id for member in guild.members} == set(town.guild.members)
    eve = town.world.add_user("eve")
    town.world.add_member(town.guild, eve)
    town.world.give_role(town.guild, eve, town.gold)
    town.world.remove_member(town.guild, eve)
    await heard(bot, "join eve", "update eve ['Gold']", "leave eve")


async def test_without_the_members_intent_only_the_servers_roles_are_told(town: Town, bot: SmallBot) -> None:
    town.world.add_member(town.guild, town.world.add_user("eve"))
    town.world.give_role(town.guild, town.bob, town.gold)
    town.world.rename_role(town.gold, "Golden")
    await heard(bot, "role Golden 1")


async def test_a_nickname(town: Town, bot: SmallBot) -> None:
    member = await (await bot.fetch_guild(town.guild.id)).fetch_member(town.bob.id)
    with pytest.raises(discord.Forbidden):
        await member.edit(nick="Bobby")
    town.world.edit_role(town.bot_role, bits=permissions.ADMINISTRATOR)
    await member.edit(nick="Bobby")
    assert town.guild.members[town.bob.id].nick == "Bobby"


async def test_what_the_bot_reads_of_a_server(town: Town, bot: SmallBot) -> None:
    guild = await bot.fetch_guild(town.guild.id, with_counts=True)
    assert guild.approximate_member_count == 3
    assert [channel.name for channel in await guild.fetch_channels()] == ["general"]
    assert {role.name for role in await guild.fetch_roles()} == {"@everyone", "Gold", "Bot"}
    assert (await guild.fetch_role(town.gold.id)).colour.value == 0xFFD700
    assert [own.name async for own in bot.fetch_guilds()] == ["Pottery"]
    assert (await bot.application_info()).approximate_guild_count == 1
    with pytest.raises(discord.NotFound):
        await bot.fetch_user(1)


async def test_a_reason_may_not_be_too_long(town: Town, bot: SmallBot) -> None:
    with pytest.raises(discord.HTTPException) as refused:
        await bot.http.add_role(town.guild.id, town.bob.id, town.gold.id, reason="x" * 513)
    assert refused.value.code == 50035
    assert town.world.roles_of(town.guild, town.bob) == []


async def test_a_private_channel_opens_for_a_role(town: Town) -> None:
    channel = town.world.add_channel(town.guild, "gold", private=True)
    member = town.guild.members[town.bob.id]
    assert permissions.channel_permissions(town.guild, channel, member) == 0
    channel.overwrites[town.gold.id] = (0, permissions.VIEW_CHANNEL)
    town.world.give_role(town.guild, town.bob, town.gold)
    assert permissions.channel_permissions(town.guild, channel, member) & permissions.VIEW_CHANNEL
    town.world.delete_channel(channel)
    assert [left.name for left in town.guild.channels.values()] == ["general"]


async def test_an_admin_and_the_owner_may_everything(town: Town) -> None:
    eve = town.world.add_user("eve")
    member = town.world.add_member(town.guild, eve, admin=True)
    assert town.world.roles_of(town.guild, eve) == ["Admin"]
    assert permissions.guild_permissions(town.guild, member) == permissions.ALL
    owner = town.guild.members[town.owner.id]
    assert permissions.guild_permissions(town.guild, owner) == permissions.ALL


async def test_who_asks_with_a_wrong_token(server: DiscordServer) -> None:
    client = discord.Client(intents=discord.Intents.none())
    async with client:
        with pytest.raises(discord.LoginFailure):
            await client.login(TOKEN + "x")
