"""The program's edges without sockets and threads: Stripe's API, Discord's REST, the clock.

Behind them are the real libraries and the stand-ins; only the network and the thread between are left out.
Therefore a whole history runs in one thread on one event loop and gives the same result every time.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import discord
import stripe
from multidict import CIMultiDict

from cogs.core.bot_interface import BaseBot
from standins.discord import Application, DiscordWorld, Guild
from standins.discord import faults as discord_faults
from standins.discord.errors import ApiError
from standins.discord.rest import Answer, Call
from standins.discord.routes_guilds import get_member, give_role, list_roles, take_role
from standins.faults import Fault
from standins.stripe import StripeServer
from standins.stripe.state import Obj
from tests.simulation.paypal_rules import OVER, view_in

Pause = Callable[[], Awaitable[None]]
START = 1_800_000_000
NO_ANSWER = ("cut_before", "hang_before")
LOST_ANSWER = ("cut_after", "hang_after")


class ManualClock:
    """Stands still until it is turned; sleepers wake in the order of their moments."""

    def __init__(self, at: int) -> None:
        self.at = float(at)
        self._sleepers: list[tuple[float, float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.at + seconds, seconds, woken))
        await woken

    def next_wake(self, sleeps: Callable[[float], bool]) -> float | None:
        """When the next one wakes of those whose sleep is of such a length, in seconds."""
        self._sleepers = [s for s in self._sleepers if not s[2].done()]
        return min((at for at, length, _ in self._sleepers if sleeps(length)), default=None)

    def turn(self, to: float) -> None:
        """To a moment that is not past."""
        self.at = max(to, self.at)
        for at, _, woken in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if at <= self.at and not woken.done():
                woken.set_result(None)


def pauses(rng: Random) -> Pause:
    """Lets others run for a while, differently each time: what is under way together interleaves."""

    waits = (0, 0, 1, 2, 5)

    async def pause() -> None:
        for _ in range(waits[int(rng.random() * 5)]):
            await asyncio.sleep(0)

    return pause


# -- Stripe ---------------------------------------------------------------------------------------------


@dataclass
class _Request:
    """As much of aiohttp's request as the local Stripe reads."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: str
    transport: None = None

    async def text(self) -> str:
        return self.body


@dataclass
class Heard:
    """The answers that the program got from providers, and the requests it made.

    `seen`: each subscription as answered since everything was in step; `first`: as first answered;
    `confirmed`: how many answers showed it cancelled; `lies`: subscriptions whose last answer was altered by
    a fault.
    """

    seen: dict[str, list[Obj]] = field(default_factory=lambda: defaultdict(list))
    first: dict[str, Obj] = field(default_factory=dict)
    confirmed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lies: set[str] = field(default_factory=set)
    changes: list[tuple[str, str]] = field(default_factory=list)
    refunds: list[str] = field(default_factory=list)

    def hear(self, body: Any, *, bent: bool) -> None:
        if isinstance(body, dict) and body.get("object") == "list":
            for one in body["data"]:
                self.hear(one, bent=bent)
        elif isinstance(body, dict) and body.get("object") == "subscription":
            self.seen[body["id"]].append(body)
            self.first.setdefault(body["id"], body)
            (self.lies.add if bent else self.lies.discard)(body["id"])
            if body["cancel_at"] or body["status"] in ("canceled", "incomplete_expired"):
                self.confirmed[body["id"]] += 1

    def hear_paypal(self, body: Obj, *, bent: bool) -> None:
        """An agreement as PayPal showed it."""
        if "subscriber" not in body:
            return  # a page that nobody has agreed on
        self.seen[body["id"]].append(view_in(body))
        self.first.setdefault(body["id"], body)
        (self.lies.add if bent else self.lies.discard)(body["id"])
        if body["status"] in OVER:
            self.confirmed[body["id"]] += 1


class StripeWire(stripe.AIOHTTPClient):
    """The SDK's own client with the local Stripe behind it instead of a socket."""

    def __init__(self, server: StripeServer, heard: Heard, pause: Pause) -> None:
        super().__init__()
        self._server, self._heard, self._pause = server, heard, pause
        self.strange = 0  # so many answers show a status that nobody knows
        self.behind = 0  # so many answers show how it was at first

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return self._pause()

    async def close_async(self) -> None:
        """There is nothing to let go of."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        await self._pause()
        parts = urlsplit(url)
        request = _Request(method.upper(), parts.path, parts.query, CIMultiDict(headers), _text(post_data))
        fault = self._server.faults.take(request.method, request.path)
        if fault and fault.kind in NO_ANSWER:
            self._handle_request_error(TimeoutError())
        if request.method != "GET":
            self._note(request)
        status, body = await self._answered(request, fault)
        await self._pause()
        if fault and fault.kind in LOST_ANSWER:
            self._handle_request_error(aiohttp.ServerDisconnectedError())
        if status == 200:
            body = self._heard_now(body, changed=request.method != "GET")
        return json.dumps(body).encode(), status, {"request-id": "req_1"}

    async def _answered(self, request: _Request, fault: Fault | None) -> tuple[int, Any]:
        """The sandbox's own handler; of all faults it meets the one that this request met."""
        faults = self._server.faults
        others, faults.waiting = faults.waiting, []
        if fault and fault.kind not in LOST_ANSWER:
            faults.waiting = [Fault(fault.kind, status=fault.status)]
        try:
            answer = await self._server._api.handle(request)  # type: ignore[arg-type]  # a stand-in is opened up
        finally:
            faults.waiting = others
        return answer.status, json.loads(answer.text or "null")  # type: ignore[attr-defined]  # a stand-in is opened up

    def _note(self, request: _Request) -> None:
        where = request.path.split("/")
        if where[2] == "subscriptions" and len(where) == 4:
            self._heard.changes.append((request.method, where[3]))
        if where[2] == "refunds":
            self._heard.refunds.append(request.body)

    def _heard_now(self, body: Any, *, changed: bool) -> Any:
        bent = False
        if body.get("object") == "subscription" and not changed:
            if self.strange > 0:
                self.strange -= 1
                body, bent = {**body, "status": "hibernating"}, True
            elif self.behind > 0:
                self.behind -= 1
                body, bent = self._heard.first.get(body["id"], body), True
        self._heard.hear(body, bent=bent)
        return body


def _text(post_data: Any) -> str:
    return post_data.decode() if isinstance(post_data, bytes) else post_data or ""


# -- Discord --------------------------------------------------------------------------------------------


@dataclass
class KnownGuild:
    """A server in discord.py's cache; of what the bot may do there, the cache says nothing good."""

    world: DiscordWorld
    guild: Guild
    shard_id: int = 0
    me: Any = field(default_factory=lambda: SimpleNamespace(guild_permissions=discord.Permissions.none()))

    @property
    def unavailable(self) -> bool:
        return not self.guild.available

    @property
    def preferred_locale(self) -> str:
        return self.guild.locale

    async def query_members(self, *, user_ids: list[int], limit: int, cache: bool) -> list[Any]:
        """As the gateway tells of members by their ids."""
        assert len(user_ids) <= limit
        assert not cache
        here = [self.guild.members[one] for one in user_ids if one in self.guild.members]
        roles = [[SimpleNamespace(id=role) for role in member.roles] for member in here]
        return [
            SimpleNamespace(id=m.user_id, roles=r, pending=m.pending)
            for m, r in zip(here, roles, strict=True)
        ]


class DiscordWire:
    """As much of discord.py's client as DiscordRoles and RoleSync use, over the sandbox's own routes.

    `unclear` hears of a role that was asked for and whose outcome the program cannot know.
    """

    def __init__(
        self, world: DiscordWorld, app: Application, pause: Pause, unclear: Callable[[int, int, int], None]
    ) -> None:
        self.world, self.app, self.faults = world, app, discord_faults.Faults()
        self.http = self
        self.own_id = app.bot.id
        self.ports: Any = None
        self.owners = (frozenset[int](), math.inf)
        self._pause, self._unclear = pause, unclear

    def hears_any(self) -> bool:
        return True

    def hears(self, guild_id: int) -> bool:
        return True

    find_guild, may_be_in = BaseBot.find_guild, BaseBot.may_be_in

    def get_guild(self, guild_id: int) -> KnownGuild | None:
        """discord.py's cache."""
        guild = self.world.guilds.get(guild_id)
        return KnownGuild(self.world, guild) if guild and self.own_id in guild.members else None

    @property
    def guilds(self) -> list[Any]:
        return [SimpleNamespace(id=guild_id, shard_id=0) for guild_id in self.world.guilds]

    async def get_member(self, guild_id: int, user_id: int) -> Any:
        where = {"guild_id": str(guild_id), "user_id": str(user_id)}
        return await self._ask("GET", f"/guilds/{guild_id}/members/{user_id}", where, get_member)

    async def get_roles(self, guild_id: int) -> Any:
        return await self._ask("GET", f"/guilds/{guild_id}/roles", {"guild_id": str(guild_id)}, list_roles)

    async def add_role(self, guild_id: int, user_id: int, role_id: int, *, reason: str) -> None:
        await self._set(guild_id, user_id, role_id, reason, give=True)

    async def remove_role(self, guild_id: int, user_id: int, role_id: int, *, reason: str) -> None:
        await self._set(guild_id, user_id, role_id, reason, give=False)

    async def _set(self, guild_id: int, user_id: int, role_id: int, reason: str, *, give: bool) -> None:
        where = {"guild_id": str(guild_id), "user_id": str(user_id), "role_id": str(role_id)}
        path = f"/guilds/{guild_id}/members/{user_id}/roles/{role_id}"
        method, act = ("PUT", give_role) if give else ("DELETE", take_role)
        try:
            await self._ask(method, path, where, act, reason)
        except (discord.DiscordServerError, aiohttp.ClientError, asyncio.CancelledError):
            self._unclear(guild_id, user_id, role_id)
            raise

    async def _ask(
        self,
        method: str,
        path: str,
        where: dict[str, str],
        handler: Callable[[Call], Answer],
        reason: str = "",
    ) -> Any:
        await self._pause()
        fault = self.faults.take(method, path)
        if fault and fault.kind == discord_faults.SWALLOW:
            self._unclear(*(int(where[name]) for name in ("guild_id", "user_id", "role_id")))
        call = Call(self.world, self.app, where, {}, None, reason, "")
        try:
            answer = _met(fault) or handler(call)
        except ApiError as refused:
            raise _refusal(refused.status, refused.body()) from None
        await self._pause()
        if fault and fault.kind == discord_faults.LOST:
            raise discord.DiscordServerError(_response(502), "lost")
        return answer.body


def _met(fault: discord_faults.Fault | None) -> Answer | None:
    match fault.kind if fault else None:
        case discord_faults.STATUS | discord_faults.RATE_LIMIT:
            assert fault is not None
            raise discord.DiscordServerError(_response(fault.status), "injected")
        case discord_faults.HANG_UP:
            raise aiohttp.ServerDisconnectedError
        case discord_faults.SWALLOW:
            return Answer(204)
    return None


def _refusal(status: int, body: dict[str, Any]) -> discord.HTTPException:
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(status, discord.HTTPException)
    return (discord.DiscordServerError if status >= 500 else kind)(_response(status), body)


def _response(status: int) -> Any:
    return SimpleNamespace(status=status, reason="", headers={"Content-Type": "application/json"})
