"""Keeps one connection to Discord's gateway open for each shard, all in this process.

discord.py's own loop is not used: after a break it starts a new session instead of resuming the old one, it
tries a first connection for ever, it closes all shards if Discord closes one for good, and while one shard
connects the others wait.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

import aiohttp
import discord
from discord.backoff import ExponentialBackoff
from discord.gateway import ReconnectWebSocket

from billing.errors import DuesError
from billing.use_cases.operators import tell_gateway_closed
from cogs.core.gateway_recovery import (
    TRIED_HOURLY,
    GatewaySocket,
    IdentifiesLow,
    ask_gateway,
    check_identifies,
    why_closed,
)
from cogs.core.startup import TokenRefused
from i18n import tr

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

log = logging.getLogger(__name__)

CONNECT_PATIENCE = 60.0  # seconds until Discord greets
CLOSE_PATIENCE = 2.0  # seconds until Discord confirms that a connection is closed
IDENTIFY_PAUSE = 5.0  # seconds between two identifies of a group of shards (Discord, 'Max Concurrency')
GATEWAY_AGAIN = 5  # seconds
# Seconds between identifies while connections keep breaking: Discord resets the token of a bot that
# identifies a thousand times in a day.
LONGEST_PAUSE, HELD = 160, 600
SHARD_PATIENCE = 60  # seconds that one shard of several may be down before it counts as a fault
SHARDS_NAMED = 10  # in one sentence
AUTHENTICATION_FAILED, INVALID_SHARD, SHARDING_REQUIRED = 4004, 4010, 4011  # 'Gateway Close Event Codes'
_PASSING = (discord.HTTPException, discord.ConnectionClosed, aiohttp.ClientError, OSError)


class ShardCountChanged(Exception):  # noqa: N818 - named by what happened, like the others
    """Raised when Discord refuses the number of shards and recommends another."""


class IdentifyTurns:
    """Lets one shard identify in five seconds in each of `max_concurrency` groups."""

    def __init__(self, bot: BaseBot) -> None:
        self._bot = bot
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last: dict[int, float] = {}  # by group, in loop time

    @asynccontextmanager
    async def take(self, number: int) -> AsyncIterator[None]:
        """Wait until this shard may identify, which it does inside the block. Raises IdentifiesLow."""
        group, clock = number % self._bot.gateway.at_once, asyncio.get_running_loop().time
        async with self._locks[group]:
            await check_identifies(self._bot, self._bot.gateway, self._bot.ports.clock.now())
            await asyncio.sleep(self._last.get(group, -math.inf) + IDENTIFY_PAUSE - clock())
            try:
                yield
            finally:
                self._last[group] = clock()


class ShardConnection:
    """One shard's connection to the gateway.

    `fault`: a sentence for the owner while waiting is not enough. `down_since`: when the connection last
    broke, or was first tried, in unix seconds.
    """

    def __init__(self, bot: BaseBot, number: int, turns: IdentifyTurns) -> None:
        self._bot, self.number, self._turns = bot, number, turns
        self.socket: GatewaySocket | None = None
        self.fault: str | None = None
        self.down_since = bot.ports.clock.now()
        self._closed_at: int | None = None  # since when Discord has closed it for good
        self._backoff = ExponentialBackoff()
        self._was_up = False  # in the last try
        self._broken = 0  # unreadable connections in quick succession

    @property
    def online(self) -> bool:
        """Return True while the shard delivers events."""
        return self.socket is not None and self.socket.established and self.socket.open

    async def stay_connected(self) -> NoReturn:
        """Connect, and connect again after each break, until cancelled.

        Raises TokenRefused, and ShardCountChanged if Discord wants another number of shards.
        """
        while True:
            pause = await self._connect()
            await self._bot.ports.clock.sleep(pause)

    async def _connect(self) -> float:
        """Stay connected until the connection breaks, and return the seconds until the next try."""
        began, self._was_up = asyncio.get_running_loop().time(), False
        try:
            await self._listen()
        except ReconnectWebSocket as wanted:
            if not wanted.resume:
                return IDENTIFY_PAUSE  # Discord wants a pause after an invalid session too
            return 0.0 if self._was_up else self._backoff.delay()
        except IdentifiesLow as low:
            log.warning("%s", low)
            self.fault = str(low)
            return low.wait
        except _PASSING as error:
            if isinstance(error, discord.ConnectionClosed) and error.code != 1000:
                return await self._after_fatal(error.code)
            pause = self._backoff.delay()
            log.warning(
                "The connection of shard %d to Discord broke (%s: %s); connecting again in %.1f s",
                self.number,
                type(error).__name__,
                error,
                pause,
            )
            return pause
        except Exception:
            log.exception("Shard %d received something unreadable; connecting again", self.number)
            self._forget_session()
            held = asyncio.get_running_loop().time() - began >= HELD
            self._broken = 0 if held else self._broken + 1
            return min(GATEWAY_AGAIN << self._broken, LONGEST_PAUSE)

    async def _listen(self) -> NoReturn:
        socket = self.socket = await self._open()
        code = 4000  # keeps the session, so that it can be resumed
        try:
            while True:
                await socket.poll_event()
        except asyncio.CancelledError:
            code = 1000
            raise
        finally:
            if socket.established:
                self._was_up = True
                self.down_since, self.fault, self._closed_at = self._bot.ports.clock.now(), None, None
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_PATIENCE):
                    await socket.close(code)
            self._bot.dispatch("shard_disconnect", self.number)

    async def _open(self) -> GatewaySocket:
        """Connect, and resume the session if there is one, otherwise identify."""
        before, bot = self.socket, self._bot
        if before is None or before.session_id is None:
            async with self._turns.take(self.number), asyncio.timeout(CONNECT_PATIENCE):
                return await GatewaySocket.from_client(bot, initial=True, shard_id=self.number)
        async with asyncio.timeout(CONNECT_PATIENCE):
            return await GatewaySocket.from_client(
                bot,
                shard_id=self.number,
                resume=True,
                gateway=before.gateway,
                session=before.session_id,
                sequence=before.sequence,
            )

    async def _after_fatal(self, code: int) -> float:
        """Report that Discord keeps the shard closed until a person acts; return the seconds to wait.

        Roles can still be set over REST, and the providers' notifications are still accepted.
        """
        if code == AUTHENTICATION_FAILED:
            raise TokenRefused
        self._forget_session()
        if code in (INVALID_SHARD, SHARDING_REQUIRED):
            answered = await ask_gateway(self._bot, self._bot.gateway)
            if self._bot.gateway.shards != self._bot.shard_count:
                raise ShardCountChanged
            if not answered:
                return LONGEST_PAUSE
        self.fault = why_closed(code)
        since = self._closed_at = self._closed_at or self._bot.ports.now()
        log.error("%s Commands are not taken until then; the next try is in an hour.", self.fault)
        try:
            await tell_gateway_closed(self._bot.ports, code, since)
        except DuesError as error:
            log.warning("the closed gateway is told of later: %s", error)
        return TRIED_HOURLY

    def _forget_session(self) -> None:
        if self.socket is not None:
            self.socket.session_id = None


def shard_of(guild_id: int, many: int) -> int:
    """Return the number of the shard that receives a server's events (Discord, 'Sharding Formula')."""
    return (guild_id >> 22) % many


def number_shards(bot: BaseBot, count: int, turns: IdentifyTurns) -> list[ShardConnection]:
    """Tell discord.py how many shards there are, and return their connections, which are not open yet.

    The servers that discord.py has cached stay cached.
    """
    state = bot._connection
    for task in (*state._ready_tasks.values(), state._ready_task):
        if task is not None:
            task.cancel()
    state._ready_tasks, state._ready_states, state._ready_task = {}, {}, None
    state.shard_ids = range(count)
    bot.shard_count = state.shard_count = count
    return [ShardConnection(bot, number, turns) for number in range(count)]


def why_down(shards: list[ShardConnection], now: float, *, ready: bool) -> str | None:
    """Return a sentence for the owner about the shards that are down; None if there is nothing to say.

    Discord asks shards to reconnect several times a day, so one of several shards that has just broken is
    left out. `ready`: all shards have been up once.
    """
    down = [shard for shard in shards if not shard.online]
    fault = next((shard.fault for shard in down if shard.fault), None)
    if fault is not None:
        return fault
    if len(down) == len(shards):
        return tr("setup.not_connected")
    if ready:
        down = [shard for shard in down if now - shard.down_since >= SHARD_PATIENCE]
    if not down:
        return None if ready else tr("setup.not_connected")
    numbers = ", ".join(str(shard.number) for shard in down[:SHARDS_NAMED])
    return tr("setup.shards_down", n=len(down), all=len(shards), numbers=numbers)
