"""Stand-ins for Discord and Stripe that answer at once, in the measuring process.

They answer the requests that are made for every event themselves. All other requests to Discord (login,
gateway, commands) are passed to the local Discord of standins/.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from bench.load import subscription_id
from standins.clock import MovableClock
from standins.discord import DiscordServer, DiscordWorld
from standins.discord.server import API

TOKEN = "bench.token"  # noqa: S105 - made up
PRICE = "price_bench"
MONTH = 31 * 86_400
_LIMITS = {
    "X-RateLimit-Limit": "1000000",
    "X-RateLimit-Remaining": "999999",
    "X-RateLimit-Reset-After": "1.000",
}


def member_of(number: int) -> int:
    """Return the id of the member who owns the subscription with that number."""
    return 10**17 + number


class StandIns:
    """Stand-ins that answer for any number of subscriptions.

    Subscriptions below `seeded` belong to members of one server and are paused until `resume`; the others
    belong to nobody.
    """

    def __init__(self, seeded: int) -> None:
        self.seeded = seeded
        self.called_at = 0.0  # these on time.perf_counter
        self._given: dict[int, asyncio.Future[float]] = {}
        self._resumed: set[int] = set()
        self._began = int(time.time())  # a real provider's clock
        self._roles: dict[int, list[str]] = {}
        self._world = DiscordWorld(MovableClock())
        owner = self._world.add_user("ada")
        self.guild = self._world.add_guild("Pottery", owner)
        dues = self._world.add_application(TOKEN, name="Dues", owner=owner)
        bot_role = self._world.install(dues, self.guild)
        self.role = self._world.add_role(self.guild, "Gold")
        self._world.set_role_position(bot_role, 90)
        self._discord = DiscordServer(self._world, requests_a_window=None)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve both stand-ins until the context is left; yield their common base URL."""
        await self._discord.start(0)
        member = f"{API}/guilds/{{guild}}/members/{{member}}"
        app = web.Application()
        app.router.add_get(member, self._member)
        app.router.add_put(f"{member}/roles/{{role}}", self._give)
        app.router.add_route("*", f"{API}/{{rest:.*}}", self._hand_on)
        app.router.add_get("/v1/subscriptions/{id}", self._subscription)
        app.router.add_get("/v1/subscriptions", self._subscriptions)
        app.router.add_get("/v1/{rest:.*}", _nothing)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
            await self._discord.stop()

    def given(self, member: int) -> asyncio.Future[float]:
        """Return a future that gets the time at which the member receives the role."""
        return self._given.setdefault(member, asyncio.get_running_loop().create_future())

    def resume(self, numbers: range) -> None:
        """Let Stripe report these subscriptions as active from now on."""
        self._resumed.update(numbers)

    def subscription(self, number: int) -> dict[str, Any]:
        """Return a subscription as Stripe shows it, with the fields that Dues reads and some more."""
        running = number in self._resumed or number >= self.seeded
        price = {
            "id": PRICE if number < self.seeded else "price_of_something_else",
            "product": "prod_bench" if number < self.seeded else "prod_of_something_else",
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "currency": "eur",
            "recurring": {"interval": "month", "interval_count": 1, "trial_period_days": None},
            "type": "recurring",
            "unit_amount": 500,
        }
        item = {
            "id": f"si_{number}",
            "object": "subscription_item",
            "current_period_start": self._began,
            "current_period_end": self._began + MONTH,
            "price": price,
            "quantity": 1,
        }
        return {
            "id": subscription_id(number),
            "object": "subscription",
            "cancel_at": None,
            "cancel_at_period_end": False,
            "created": self._began,
            "customer": f"cus_{number:014d}",
            "ended_at": None,
            "items": {"object": "list", "data": [item], "has_more": False},
            "latest_invoice": {"id": f"in_{number:020d}", "object": "invoice", "status": "paid"},
            "livemode": False,
            "metadata": {},
            "pause_collection": None,
            "schedule": None,
            "status": "active" if running else "paused",
            "trial_end": None,
        }

    async def _subscription(self, request: web.Request) -> web.Response:
        self.called_at = time.perf_counter()
        return _json(self.subscription(int(request.match_info["id"].removeprefix("sub_"))))

    async def _subscriptions(self, request: web.Request) -> web.Response:
        """Return a page of a hundred subscriptions, as a sweep requests them."""
        self.called_at = time.perf_counter()
        after = request.query.get("starting_after", "sub_-1").removeprefix("sub_")
        numbers = range(int(after) + 1, min(int(after) + 101, self.seeded))
        page = [self.subscription(number) for number in numbers]
        return _json({"object": "list", "data": page, "has_more": numbers.stop < self.seeded})

    async def _member(self, request: web.Request) -> web.Response:
        self.called_at = time.perf_counter()
        member = int(request.match_info["member"])
        user = {"id": str(member), "username": "bob", "discriminator": "0", "avatar": None}
        shown = {"user": user, "roles": self._roles.get(member, []), "joined_at": None, "flags": 0}
        return _json(shown, _LIMITS)

    async def _give(self, request: web.Request) -> web.Response:
        self.called_at = time.perf_counter()
        member = int(request.match_info["member"])
        self.given(member).set_result(self.called_at)
        self._roles.setdefault(member, []).append(request.match_info["role"])
        return web.Response(status=204, headers=_LIMITS)

    async def _hand_on(self, request: web.Request) -> web.Response:
        """Pass a request on to the local Discord of standins/."""
        self.called_at = time.perf_counter()
        address = f"http://127.0.0.1:{self._discord.port}{request.raw_path}"
        kept = ("Authorization", "Content-Type")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, address, headers=headers, data=await request.read()) as answer,
        ):
            body, kind = await answer.read(), answer.content_type
            return web.Response(status=answer.status, body=body, content_type=kind)


def _json(found: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return JSON with the bare content type that Discord sends and discord.py expects."""
    return web.Response(body=orjson.dumps(found), content_type="application/json", headers=headers)


async def _nothing(_: web.Request) -> web.Response:
    return _json({"object": "list", "data": [], "has_more": False})
