"""Keeps the bot connected to Discord's gateway in cases that discord.py 2.7 does not handle.

An unreadable event is dropped instead of breaking the connection, and the daily number of identifies is not
used up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import discord
import yarl

from i18n import tr

log = logging.getLogger(__name__)

# Without these there is no session, so an unreadable one causes a new connection.
_NEEDED = frozenset({"READY", "RESUMED"})
# The parts of a server that Dues reads. Channels, emojis and others are left out.
_OF_A_SERVER = (
    "id",
    "name",
    "owner_id",
    "icon",
    "roles",
    "members",
    "unavailable",
)

# Once only this many identifies are left, they are spread over the time until Discord resets the count: it
# resets the token of a bot that identifies more than a thousand times in a day (Discord, 'Session Start Limit
# Object').
FEW_IDENTIFIES = 25
TRIED_HOURLY = 3600  # seconds

# Discord, 'Gateway Close Event Codes': after these, Discord refuses a reconnect too, until a person acts.
FATAL_CLOSES = {
    4010: "setup.gateway_4010",
    4011: "setup.gateway_4011",
    4012: "setup.gateway_4012",
    4013: "setup.gateway_4013",
    4014: "setup.gateway_4014",
}


def why_closed(code: int) -> str:
    """Return a sentence for the owner: why Discord closed the gateway, and what to do."""
    return tr(FATAL_CLOSES.get(code, "setup.gateway_closed"), code=code)


@dataclass
class GatewayState:
    """Facts about Discord's gateway.

    `shards`: the number that Discord recommends. `at_once`: how many of them may identify in five seconds
    (`max_concurrency`). `identifies_left`: the number left of `identifies_a_day`, for another `reset_after`
    seconds; None until Discord says it. `dropped`: the number of events that discord.py could not read.
    `next_identify`: while few are left, when one of them may be used, in unix seconds. `waited`: the seconds
    that calls have waited for rate limits.
    """

    shards: int = 1
    at_once: int = 1
    identifies_left: int | None = None
    identifies_a_day: int = 1000
    reset_after: float = 0.0
    next_identify: float | None = None
    dropped: int = 0
    waited: float = 0.0

    def readings(self) -> dict[str, float]:
        """Return the gauges about the gateway for /metrics, by name."""
        told = {
            "dues_gateway_events_dropped": float(self.dropped),
            "dues_discord_limit_wait_seconds": self.waited,
        }
        left = self.identifies_left
        return told if left is None else {**told, "dues_discord_identifies_left": float(left)}


class IdentifiesLow(Exception):  # noqa: N818 - named by what happened, like the others
    """Raised when another identify might cost the token. `wait`: seconds until one is safe."""

    def __init__(self, wait: float) -> None:
        super().__init__(tr("setup.identifies_low", seconds=round(wait)))
        self.wait = wait


class GatewaySocket(discord.gateway.DiscordWebSocket):
    """discord.py's connection to the gateway."""

    fixed: ClassVar[yarl.URL | None] = None

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(socket, loop=loop)
        self._greetings = [self.wait_for(event, lambda _: True) for event in ("READY", "RESUMED")]

    @property
    def established(self) -> bool:
        """Return True once Discord has accepted a session or resumed it."""
        return any(greeting.done() for greeting in self._greetings)

    async def received_message(self, msg: Any, /) -> None:
        """Handle a message, but keep the gateway address that the owner configured, such as a proxy's.

        discord.py would replace it with the address that Discord names for resuming.
        """
        await super().received_message(msg)
        if self.fixed is not None:
            self.gateway = self.fixed


async def wait_until_ended(*connecting: asyncio.Task[Any]) -> None:
    """Wait until the first of the tasks ends, end the others, and raise the first error.

    If the caller is cancelled, all tasks are ended first.
    """
    try:
        await asyncio.wait(connecting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_all(connecting)
    for error in [task.exception() for task in connecting if not task.cancelled()]:
        if error is not None:
            raise error


async def end_all(connecting: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended.

    The libraries use `asyncio.wait_for`, which before Python 3.12 may drop a cancellation that arrives just
    as the connection fails (github.com/python/cpython/issues/86296). The program would then connect for ever
    instead of stopping, so the cancellation is repeated.
    """
    while left := [task for task in connecting if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.2)


def drop_unreadable(client: discord.Client, state: GatewayState) -> None:
    """Drop each event that discord.py cannot read, instead of giving up the whole connection."""
    parsers = client._connection.parsers
    for name, parse in parsers.items():
        if name not in _NEEDED:
            parsers[name] = _tolerant(name, parse, state)


def _tolerant(name: str, parse: Callable[[Any], None], state: GatewayState) -> Callable[[Any], None]:
    def parse_or_drop(data: Any) -> None:
        try:
            parse(data)
        except Exception:
            state.dropped += 1
            log.exception("Dropped a %s event of Discord's gateway that cannot be read", name)
            if name == "GUILD_CREATE":
                _parse_outline(parse, data)

    return parse_or_drop


def _parse_outline(parse: Callable[[Any], None], data: Any) -> None:
    """Read only a server's roles and the bot's own membership.

    This is used if another part of the server, such as a channel, is unreadable.
    """
    try:
        parse({key: data[key] for key in _OF_A_SERVER if key in data})
    except Exception:
        log.exception("The server stays unknown until Discord sends it again")


def tell_of_updates(client: discord.Client) -> None:
    """Dispatch `member_seen` for each update of a member.

    discord.py reports only updates of members in its cache, and this bot caches none.
    """
    parsers = client._connection.parsers
    parse = parsers["GUILD_MEMBER_UPDATE"]

    def parse_and_tell(data: Any) -> None:
        parse(data)
        pending = bool(data.get("pending"))
        client.dispatch("member_seen", int(data["guild_id"]), int(data["user"]["id"]), pending)

    parsers["GUILD_MEMBER_UPDATE"] = parse_and_tell


async def ask_gateway(client: discord.Client, state: GatewayState) -> bool:
    """Ask Discord how many shards it recommends and how many identifies are left today.

    Returns False if it does not answer; the state then stays as it was.
    """
    try:
        answer = await client.http.request(discord.http.Route("GET", "/gateway/bot"))
        shards, limit = int(answer["shards"]), answer["session_start_limit"]
        left, a_day = int(limit["remaining"]), int(limit.get("total", 1000))
        wait, at_once = limit["reset_after"] / 1000, int(limit.get("max_concurrency", 1))
    except (
        discord.DiscordException,
        aiohttp.ClientError,
        OSError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        log.warning("Discord did not say how many identifies are left: %s", type(error).__name__)
        return False
    state.shards, state.at_once = max(shards, 1), max(at_once, 1)
    state.identifies_left, state.identifies_a_day, state.reset_after = left, a_day, wait
    return True


async def check_identifies(client: discord.Client, state: GatewayState, now: float) -> None:
    """Raise IdentifiesLow if another identify is not safe now.

    If Discord does not say how many are left, identifying is allowed; the pauses between connections limit
    the rate. `now`: in unix seconds.
    """
    if not await ask_gateway(client, state) or state.identifies_left is None:
        return
    left, wait = state.identifies_left, state.reset_after
    if left >= min(FEW_IDENTIFIES, state.identifies_a_day // 2) or wait <= 0:
        state.next_identify = None
        return
    due, state.next_identify = state.next_identify, now + wait / max(left, 1)
    if due is None or left == 0:
        raise IdentifiesLow(state.next_identify - now)
    if now < due:
        state.next_identify = due
        raise IdentifiesLow(due - now)
