"""RoleGateway over Discord's REST, and the events after which roles that could not be set may be settable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import discord
from discord.ext import commands

from billing.errors import (
    DiscordError,
    DiscordUnavailable,
    DuesError,
    GuildGone,
    GuildOutage,
    MemberGone,
    MembershipPending,
    RoleAboveBot,
    RoleGone,
    RolesNotPermitted,
)
from billing.model import Binding, Seen
from billing.rules.access import decide
from cogs.messenger import FAULTS, translate
from cogs.powers import load_owners

if TYPE_CHECKING:
    from cogs.client import DuesBot

log = logging.getLogger(__name__)

PATIENCE = 90  # seconds for one call: discord.py tries again for 25 and waits up to 30 for a limit
LOOK_PATIENCE = 75  # seconds; a full minute of it may be waiting for Discord's limit
# Seconds for a gateway that has told of nobody yet, as a sweep waits for it. Where it stays silent, so many
# of the next questions are not asked.
FIRST_PATIENCE, SKIPPED = 5.0, 5
SETTLING = 0.5  # seconds; moving one role sends an event for every role that it passes
RESTORING = 2.0  # seconds; by then other bots have given a member who came back what they had
NO_2FA = (
    "This server asks moderators for two-factor authentication, and the account that owns the bot has none. "
    "Turn it on for that account."
)


class DiscordRoles:
    """The RoleGateway port: one role a call, one call a member at a time."""

    def __init__(self, bot: DuesBot) -> None:
        self._bot = bot
        self._queues: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
        self._told, self._to_skip = False, 0

    async def fetch_member(self, guild_id: int, member_id: int) -> Seen:
        """See the port. From the raw answer: discord.Member leaves out roles that its cache does not know."""
        async with self._queue(guild_id, member_id):
            member = await self._call(guild_id, self._bot.http.get_member(guild_id, member_id))
        try:
            return Seen(frozenset(int(role) for role in member["roles"]), bool(member.get("pending")))
        except (TypeError, KeyError, ValueError):
            raise DiscordUnavailable(detail="the member cannot be read") from None

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        """See the port. The gateway tells of members by their ids without any intent (Discord, 'Request Guild
        Members'); discord.py keeps to the 120 questions that it takes a minute."""
        if not self._bot.is_online():
            raise DiscordUnavailable(detail="the gateway is not connected")
        guild = self._bot.get_guild(guild_id)
        if guild is None:
            raise GuildGone(detail="not among the bot's servers")
        if guild.unavailable:
            raise GuildOutage
        if self._to_skip:
            self._to_skip -= 1
            raise DiscordUnavailable(detail="the gateway did not tell of members when last asked")
        try:
            async with asyncio.timeout(LOOK_PATIENCE if self._told else FIRST_PATIENCE):
                found = await guild.query_members(user_ids=list(member_ids), limit=100, cache=False)
        except (*FAULTS, RuntimeError) as error:  # the connection breaks, or is broken
            self._told, self._to_skip = False, SKIPPED if isinstance(error, TimeoutError) else 0
            raise translate(error) from error
        self._told = True
        return {m.id: Seen(frozenset(role.id for role in m.roles), m.pending) for m in found}

    async def fetch_owners(self) -> frozenset[int]:
        """See the port."""
        return await load_owners(self._bot)

    def is_in(self, guild_id: int) -> bool:
        """See the port. A server in an outage is among them."""
        return self._bot.get_guild(guild_id) is not None

    async def apply_role(
        self, guild_id: int, member_id: int, role_id: int, *, give: bool, reason: str
    ) -> None:
        """See the port. One role a call: a PATCH of the list would undo what others set meanwhile."""
        apply = self._bot.http.add_role if give else self._bot.http.remove_role
        async with self._queue(guild_id, member_id):
            await self._call(guild_id, apply(guild_id, member_id, role_id, reason=reason[:512]), role_id)

    def _queue(self, guild_id: int, member_id: int) -> asyncio.Lock:
        return self._queues.setdefault((guild_id, member_id), asyncio.Lock())

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
        """Discord, 'JSON Error Codes'. 50013 has two causes, which the bot's own roles tell apart."""
        said = f"status {error.status}, code {error.code}"
        match error.code:
            case 10007 | 10013:
                return MemberGone(detail=said)
            case 10011:
                return RoleGone(detail=said)
            case 10004 | 50001:
                return GuildGone(detail=said)
            case 60003:
                return RolesNotPermitted(NO_2FA, detail=said)
            case 50013 if role_id is None or await self._may_manage_roles(guild_id):
                return RoleAboveBot(detail=said)
            case 50013:
                return RolesNotPermitted(detail=said)
            case _:
                return translate(error)

    async def _may_manage_roles(self, guild_id: int) -> bool:
        """Asked of Discord, as the cache may be behind; when it does not say, the cache has to do."""
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


class RoleSync(commands.Cog):
    """Members who come back, and servers in which a role may be settable again."""

    def __init__(self, bot: DuesBot) -> None:
        self._bot = bot
        self._waking: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def cog_unload(self) -> None:
        """Stop what still waits."""
        for task in self._tasks:
            task.cancel()

    @commands.Cog.listener()
    async def on_member_join(self, member: discord.Member) -> None:
        """With the members intent: whoever is owed anything here gets it back at once. Else the look that
        decides whether a role is still ours waits for other bots, which may give back what they had."""
        who, ports = Binding(member.guild.id, member.id), self._bot.ports
        try:
            state = await ports.ledger.load_member_state(who.guild_id, who.member_id)
        except DuesError as error:
            log.warning("a member who came back is left to the sweep: %s", error)
            return
        if decide(state.subscriptions, state.overrides, state.plans, ports.now(), ports.grace):
            await self._mark(who, "rejoined")
        elif state.granted:
            self._begin(self._mark_restored(who))

    async def _mark_restored(self, who: Binding) -> None:
        await asyncio.sleep(RESTORING)
        await self._mark(who, "rejoined")

    @commands.Cog.listener()
    async def on_member_seen(self, guild_id: int, member_id: int, pending: bool) -> None:
        """With the members intent: who has just passed the server's screening gets what waited for it."""
        if pending:
            return
        try:
            state = await self._bot.ports.ledger.load_member_state(guild_id, member_id)
        except DuesError as error:
            log.warning("a member who was screened is left to the sweep: %s", error)
            return
        if state.parked and MembershipPending.tell in state.parked:
            await self._mark(Binding(guild_id, member_id), "screened")

    async def _mark(self, who: Binding, why: str) -> None:
        ports = self._bot.ports
        try:
            await ports.ledger.record_marks([who], why, ports.now())
        except DuesError as error:
            log.warning("a member is left to the sweep: %s", error)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """The bot's own roles; of other members nothing is kept, so nothing is heard."""
        if after.id == self._bot.own_id and before.roles != after.roles:
            self._wake(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """Moved, or permitted something else."""
        if (before.position, before.permissions) != (after.position, after.permissions):
            self._wake(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_create(self, role: discord.Role) -> None:
        """Other roles may have moved with it."""
        self._wake(role.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """The same."""
        self._wake(role.guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Invited again."""
        self._wake(guild.id)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Back from an outage of Discord's."""
        self._wake(guild.id)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Much may have changed while nobody listened."""
        for guild in self._bot.guilds:
            self._wake(guild.id)

    def _wake(self, guild_id: int) -> None:
        """Mark the parked members of a server once things have settled."""
        if guild_id not in self._waking:
            self._waking.add(guild_id)
            self._begin(self._mark_parked(guild_id))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _mark_parked(self, guild_id: int) -> None:
        await asyncio.sleep(SETTLING)
        self._waking.discard(guild_id)
        ledger = self._bot.ports.ledger
        try:
            parked = [Binding(guild_id, member) for member, _ in await ledger.load_parked(guild_id)]
            if parked:
                await ledger.record_marks(parked, "roles changed", self._bot.ports.now())
        except DuesError as error:
            log.warning("parked members are left to the sweep: %s", error)
