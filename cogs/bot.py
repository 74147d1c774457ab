"""The Discord client that runs the commands, without a member cache and without privileged intents."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import DuesError
from cogs.brake import Brakes
from cogs.cancel import Cancel
from cogs.core.bot_interface import BaseBot, Interaction
from cogs.core.components import Action, dispatch, is_press
from cogs.core.discord_rate_limits import time_limits
from cogs.core.gateway_recovery import (
    GatewayState,
    ask_gateway,
    drop_unreadable,
    end_all,
    tell_of_updates,
    wait_until_ended,
)
from cogs.core.interactions import NOBODY, locale_of, remember_locale
from cogs.core.shards import (
    IdentifyTurns,
    ShardConnection,
    ShardCountChanged,
    number_shards,
    shard_of,
    why_down,
)
from cogs.core.startup import TokenRefused
from cogs.doctor import Doctor
from cogs.error_handler import LATE, is_worth_a_trace, report_error
from cogs.grant import Grants
from cogs.manage import Manage
from cogs.member import Member
from cogs.members import Members
from cogs.panel import PanelCog
from cogs.paywall_watch import PaywallWatch
from cogs.plans import Plans
from cogs.revoke import Revoke
from cogs.role_retries import RoleSync
from cogs.server_names import ServerNames
from cogs.settings import SettingsCog
from cogs.stats import StatsCog
from cogs.subscribe import Subscribe
from cogs.subscriptions import Subscriptions
from cogs.translator import Translator
from i18n import speak

if TYPE_CHECKING:
    from billing.ports import Ports

log = logging.getLogger(__name__)

# Seconds that discord.py silently waits for a rate limit. Longer waits are reported and tried again later.
LIMIT_PATIENCE = 30.0
STREAM_PAUSE = 0.5  # seconds without another server until "ready"; the bot does not wait for members
LOGIN_AGAIN = 15  # seconds
READY_PATIENCE = 20  # seconds
CLOSE_PATIENCE = 2  # seconds


class Tree(app_commands.CommandTree[BaseBot]):
    """The command tree: runs each command in the caller's language and reports errors to the user."""

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Set the caller's language, and accept the command.

        discord.py calls this in the command's own task.
        """
        speak(locale_of(interaction))
        return True

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Report the error to the user."""
        await report_error(interaction, error)


class DuesBot(BaseBot):
    """The Discord client; `serve` runs it.

    DiscordRoles and DiscordMessenger can be used once it is logged in.
    """

    def __init__(self, *, members_intent: bool = False) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=Tree,
            intents=discord.Intents(guilds=True, members=members_intent),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=STREAM_PAUSE,
            max_messages=None,
            allowed_mentions=NOBODY,
            max_ratelimit_timeout=LIMIT_PATIENCE,
        )
        logging.getLogger("discord.app_commands.tree").addFilter(is_worth_a_trace)
        self.actions: dict[str, Action] = {}
        self.server_names: dict[int, str] = {}
        self.memberships: dict[tuple[int, int], tuple[bool, float]] = {}
        self.owners: tuple[frozenset[int], float] = (frozenset(), 0.0)
        self.gateway = GatewayState()
        self.connections: list[ShardConnection] = []
        self._connecting: list[asyncio.Task[NoReturn]] = []
        self._closing = False
        tell_of_updates(self)
        drop_unreadable(self, self.gateway)
        time_limits(self, self.gateway)

    async def setup(self, ports: Ports) -> None:
        """Store the ports that the commands use. Call this once, before login."""
        self.ports = ports
        await self.tree.set_translator(Translator())
        members = (Subscriptions(), Manage(), Cancel(), Subscribe())
        member = Member(revoke := Revoke())
        admins = (revoke, member, Grants(), Plans(), Members(), StatsCog())
        for cog in (*members, *admins, Doctor(), Brakes(), PanelCog(), SettingsCog()):
            await self.add_cog(cog)
            self.actions |= cog.actions
        for watcher in (RoleSync(self), ServerNames(self), PaywallWatch(self)):
            await self.add_cog(watcher)
        for menu in member.menus:
            self.tree.add_command(menu)

    async def serve(self, token: str, ports: Ports, started: Callable[[], None]) -> None:
        """Log in and stay connected until cancelled; `started` is called once Discord accepts calls.

        The bot waits only briefly for the gateway, because roles are set over REST. Raises TokenRefused if
        Discord answers 401 to the token.
        """
        await self.setup(ports)
        await self._log_in(token)
        starting = asyncio.create_task(self._start_when_ready(started))
        try:
            await self.connect()
        finally:
            starting.cancel()

    async def connect(self, *, reconnect: bool = True) -> None:
        """Stay connected with as many shards as Discord recommends, until the bot is closed.

        Raises TokenRefused.
        """
        turns = IdentifyTurns(self)
        while True:
            await ask_gateway(self, self.gateway)
            if self._closing:
                return
            self.connections = number_shards(self, self.gateway.shards, turns)
            log.info("Connecting to Discord with %d shards", len(self.connections))
            self._connecting = [asyncio.create_task(one.stay_connected()) for one in self.connections]
            with contextlib.suppress(ShardCountChanged):
                await wait_until_ended(*self._connecting)

    def _get_websocket(
        self, guild_id: int | None = None, *, shard_id: int | None = None
    ) -> discord.gateway.DiscordWebSocket:
        """Return the socket over which discord.py asks for a server's members."""
        number = shard_of(guild_id or 0, len(self.connections)) if shard_id is None else shard_id
        socket = self.connections[number].socket
        if socket is None:
            raise RuntimeError("the shard is not connected")
        return socket

    async def _log_in(self, token: str) -> None:
        while True:
            try:
                await self.login(token)
            except discord.LoginFailure:
                raise TokenRefused from None
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                log.warning("no login just now, next try in %d s: %s", LOGIN_AGAIN, error)
                await self.http.close()
                # it was closed with the client; the next login creates one
                self.http.connector = discord.utils.MISSING
                await self.ports.clock.sleep(LOGIN_AGAIN)
            else:
                return

    async def _start_when_ready(self, started: Callable[[], None]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_PATIENCE):
                await self.wait_until_ready()
        started()

    async def close(self) -> None:
        """Finish pending answers, then close the client."""
        under_way = find_answers_under_way()
        if under_way and not self.is_closed():
            await asyncio.wait(under_way, timeout=CLOSE_PATIENCE)
        self._closing = True
        await end_all(self._connecting)
        await super().close()

    def is_online(self) -> bool:
        """Return True if every shard delivers events.

        discord.py's `is_ready` stays true after a connection breaks.
        """
        return bool(self.connections) and all(one.online for one in self.connections) and self.is_ready()

    def hears_any(self) -> bool:
        """Return True if at least one shard delivers events."""
        return any(one.online for one in self.connections)

    def hears(self, guild_id: int) -> bool:
        """Return True if the shard of this server delivers events."""
        many = len(self.connections)
        return bool(many) and self.connections[shard_of(guild_id, many)].online

    def why_offline(self) -> str | None:
        """Return the reason why the bot accepts no commands in all or some servers, for the owner.

        None while it accepts them, or while one of several shards has just broken.
        """
        return why_down(self.connections, self.ports.clock.now(), ready=self.is_ready())

    def readings(self) -> dict[str, float]:
        """Return the gauges for /metrics."""
        connected = sum(one.online for one in self.connections)
        return {
            **self.gateway.readings(),
            "dues_gateway_shards": float(len(self.connections)),
            "dues_gateway_shards_connected": float(connected),
        }

    async def setup_hook(self) -> None:
        """Register the commands after login, before the gateway connects.

        If registering fails, Discord keeps the commands that it has.
        """
        try:
            await self.sync_commands()
        except (discord.DiscordException, aiohttp.ClientError, OSError, DuesError) as error:
            log.warning("the commands could not be registered; they stay as Discord knows them: %s", error)

    async def sync_commands(self) -> bool:
        """Register the commands if they have changed or Discord has lost some.

        Returns True if that was necessary.
        """
        name = f"commands:{self.application_id}"
        translator = self.tree.translator or Translator()
        known = self.tree.get_commands()
        wanted = fingerprint([await each.get_translated_payload(self.tree, translator) for each in known])
        if await self.ports.ledger.load_value(name) == wanted:
            registered = {command.name for command in await self.tree.fetch_commands()}
            if registered == {command.name for command in self.tree.get_commands()}:
                return False
        await self.tree.sync()
        await self.ports.ledger.record_value(name, wanted)
        return True

    @property
    def own_id(self) -> int:
        """Return the bot's user id, 0 before login."""
        return self.user.id if self.user is not None else 0

    async def on_interaction(self, interaction: Interaction) -> None:
        """Handle buttons and menus, then remember the caller's language. The tree handles commands."""
        if is_press(interaction):
            speak(locale_of(interaction))
            try:
                await dispatch(interaction, self.actions)
            except Exception as error:  # noqa: BLE001 -- the handler of last resort: it logs and reports
                await report_error(interaction, error)
        await remember_locale(interaction)

    async def on_error(self, event: str, /, *_: Any, **__: Any) -> None:
        """Log that an event handler failed; the next sweep catches up on its work."""
        error = sys.exc_info()[1]
        if isinstance(error, discord.HTTPException) and error.code in LATE:
            log.info("%s came too late for Discord (code %s)", event, error.code)
        else:
            log.error("the handler of %s failed", event, exc_info=error)


def find_answers_under_way() -> list[asyncio.Task[Any]]:
    """Return the tasks in which discord.py runs commands and this bot handles buttons and menus."""
    names = {"CommandTree-invoker", f"discord.py: {DuesBot.on_interaction.__name__}"}
    return [task for task in asyncio.all_tasks() if task.get_name() in names]


def fingerprint(payload: Sequence[Mapping[str, Any]]) -> str:
    """Return a hash of the commands' definitions and translations.

    The commands are registered again when it changes.
    """
    text = json.dumps(sorted(payload, key=lambda command: str(command["name"])), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
