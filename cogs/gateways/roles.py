"""Reads and changes members' roles through Discord's REST API, and looks up members over the gateway."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import discord

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
from billing.locks import KeyedLocks
from billing.model import Seen
from billing.model.translatable_text import Text
from cogs.core.discord_errors import FAULTS, translate
from cogs.core.role_permissions import load_owners
from i18n import use_language
from i18n.catalogue import ENGLISH
from i18n.plain import history_words

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

log = logging.getLogger(__name__)

PATIENCE = 90  # seconds for one call: discord.py retries for 25 and waits up to 30 for a rate limit
LOOK_PATIENCE = 75  # seconds, of which a full minute may be spent waiting for Discord's rate limit
# Seconds to wait for a gateway that has answered no lookup yet, because a sweep waits for it. If it stays
# silent, this many of the following lookups are skipped.
FIRST_PATIENCE, SKIPPED = 5.0, 5
SETTLING = 0.5  # seconds; moving one role sends an event for each role that it passes
RESTORING = 2.0  # seconds; by then other bots have restored a returning member's roles


class DiscordRoles:
    """The RoleGateway port over Discord.

    It changes one role per call, and makes one call at a time for each member.
    """

    def __init__(self, bot: BaseBot) -> None:
        self._bot = bot
        self._turns = KeyedLocks()
        self._told: set[int] = set()  # the shards that answered when last asked
        self._to_skip: Counter[int] = Counter()  # lookups, by shard

    async def fetch_member(self, guild_id: int, member_id: int) -> Seen:
        """Fetch a member's roles as RoleGateway describes.

        The raw answer is used, because discord.Member leaves out roles that its cache does not know.
        """
        async with self._turns.lock((guild_id, member_id)):
            member = await self._call(guild_id, self._bot.http.get_member(guild_id, member_id))
        try:
            return Seen(frozenset(int(role) for role in member["roles"]), bool(member.get("pending")))
        except (TypeError, KeyError, ValueError):
            raise DiscordUnavailable(detail="the member cannot be read") from None

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        """Look up several members as RoleGateway describes.

        The gateway returns members by their ids without any intent (Discord, 'Request Guild Members'), and
        discord.py keeps to its limit of 120 requests a minute for each shard.
        """
        if not self._bot.hears_any():
            raise DiscordUnavailable(detail="the gateway is not connected")
        if not self._bot.hears(guild_id):
            raise GuildOutage(detail="its shard is not connected")
        guild = self._bot.find_guild(guild_id)
        if guild.unavailable:
            raise GuildOutage
        shard = guild.shard_id
        if self._to_skip[shard]:
            self._to_skip[shard] -= 1
            silent = DiscordUnavailable(detail="the gateway did not tell of members when last asked")
            raise self._put_off(silent)
        try:
            async with asyncio.timeout(LOOK_PATIENCE if shard in self._told else FIRST_PATIENCE):
                found = await guild.query_members(user_ids=list(member_ids), limit=100, cache=False)
        except (*FAULTS, RuntimeError) as error:  # the connection is broken or breaks during the request
            self._told.discard(shard)
            self._to_skip[shard] = SKIPPED if isinstance(error, TimeoutError) else 0
            raise self._put_off(translate(error)) from error
        self._told.add(shard)
        return {m.id: Seen(frozenset(role.id for role in m.roles), m.pending) for m in found}

    def _put_off(self, error: DiscordError) -> DiscordError:
        """Return a lookup's error; while other shards answer, one that concerns this server alone."""
        return GuildOutage(detail=str(error)) if self._told else error

    async def fetch_owners(self) -> frozenset[int]:
        """Return the ids of the application's owner and of team members who may change it."""
        return await load_owners(self._bot)

    def is_in(self, guild_id: int) -> bool | None:
        """Return whether the bot is in the server; None if its shard is down and the server is not cached."""
        if self._bot.get_guild(guild_id) is not None:
            return True
        return False if self._bot.hears(guild_id) else None

    async def apply_role(
        self, guild_id: int, member_id: int, role_id: int, *, give: bool, reason: str
    ) -> None:
        """Give or take one role, with a reason for the server's audit log.

        A PATCH of the member's whole list of roles would undo changes that others make at the same time.
        """
        apply = self._bot.http.add_role if give else self._bot.http.remove_role
        guild = self._bot.get_guild(guild_id)
        with use_language(str(guild.preferred_locale) if guild else ENGLISH):
            words = f"Dues: {history_words(reason)}"[:512]
        async with self._turns.lock((guild_id, member_id)):
            await self._call(guild_id, apply(guild_id, member_id, role_id, reason=words), role_id)

    async def _call(self, guild_id: int, call: Any, role_id: int | None = None) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                return await call
        except discord.HTTPException as error:
            raise await self._refusal(error, guild_id, role_id) from error
        except FAULTS as error:
            raise translate(error) from error

    async def _refusal(
        self, error: discord.HTTPException, guild_id: int, role_id: int | None
    ) -> DiscordError:
        """Translate Discord's refusal of a role change (Discord, 'JSON Error Codes').

        Code 50013 has two causes. The bot's own roles show which one applies.
        """
        said = f"status {error.status}, code {error.code}"
        match error.code:
            case 10007 | 10013:
                return MemberGone(detail=said)
            case 10011:
                return RoleGone(detail=said)
            case 10004 | 50001:
                return GuildGone(detail=said)
            case 60003:
                return RolesNotPermitted(Text("error.no_2fa"), detail=said)
            case 50013 if role_id is None or await self._may_manage_roles(guild_id):
                return RoleAboveBot(detail=said)
            case 50013:
                return RolesNotPermitted(detail=said)
            case _:
                return translate(error)

    async def _may_manage_roles(self, guild_id: int) -> bool:
        """Return True if the bot may manage roles in the server.

        Discord is asked, because the cache may be outdated; the cache is used only if Discord does not
        answer.
        """
        try:
            roles = await self._bot.http.get_roles(guild_id)
            member = await self._bot.http.get_member(guild_id, self._bot.own_id)
        except FAULTS:
            guild = self._bot.get_guild(guild_id)
            return guild is not None and guild.me.guild_permissions.manage_roles
        own = {str(guild_id), *map(str, member["roles"])}
        bits = 0
        for role in roles:
            if str(role["id"]) in own:
                bits |= int(role["permissions"])
        permissions = discord.Permissions(bits)
        return permissions.administrator or permissions.manage_roles
