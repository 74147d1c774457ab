"""Runs the local Stripe: its sockets, clock task and deliveries, and the Python API to control them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from standins import clock_task
from standins.clock import date_answers
from standins.delivery import Delivery
from standins.faults import Faults
from standins.rate_limits import RateLimits
from standins.stripe import buyers, catalog, clockwork, discounts, notices, portal, taxes
from standins.stripe.api import Api, Exchange
from standins.stripe.cards import GOOD
from standins.stripe.dashboard import Dashboard
from standins.stripe.delivery import Deliverer, DeliveryFaults
from standins.stripe.pages import Pages
from standins.stripe.state import Clock, Obj, Settings, World

Watcher = Callable[[Exchange], None]
EXPIRY = "12/40"


class StripeServer:
    """A Stripe with one account.

    `api_key` decides its mode (sk_test_… or sk_live_…). `watch`: receives every exchange. `limits`: by
    default those that Stripe documents (docs.stripe.com/rate-limits, read 2026-11).
    """

    def __init__(
        self,
        clock: Clock,
        api_key: str = "sk_test_local",
        *,
        settings: Settings | None = None,
        watch: Watcher | None = None,
    ) -> None:
        self.clock = clock
        self.api_key = api_key
        live = api_key.startswith(("sk_live_", "rk_live_"))
        self.world = World(clock, live, settings=settings or Settings())
        self.faults = Faults()
        self.dashboard = Dashboard(self.world, self.acted)
        self.exchanges: deque[Exchange] = deque(maxlen=1000)
        self._watchers: list[Watcher] = [self.exchanges.append, *([watch] if watch else [])]
        self._deliverer = Deliverer(self.world, self._tell)
        self._feeds: list[asyncio.Queue[tuple[str, object]]] = []
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._down = False
        self._runner: web.AppRunner | None = None
        self._clockwork: asyncio.Task[None] | None = None
        self.limits = RateLimits(account=100 if live else 25, endpoint=25)
        self._api = Api(
            self.world, api_key, self.faults, self.catch_up, self._watched, self._stopping, self.limits
        )
        self._pages = Pages(self.world, self.acted)
        self.world.listeners += [self._deliverer.on_event, lambda event: self._tell("event", event)]

    # Starting and stopping

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Start listening; return the base address for `base_addresses={"api": …}`."""
        app = web.Application(middlewares=[self._gate])
        date_answers(app, self.clock.now)
        self._pages.add_to(app)
        app.router.add_get("/v2/core/events/{id}", self._thin)
        app.router.add_route("*", "/v1/{rest:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, host, port)
        await self._site.start()
        bound = self._runner.addresses[0][1]
        self.host, self.port = host, bound
        self.world.url = f"http://{host}:{bound}"
        await self._deliverer.start()
        self._clockwork = asyncio.create_task(
            clock_task.turn(self.clock, lambda: clockwork.play(self.world), self._wake)
        )
        return self.url

    async def stop(self) -> None:
        self._stopping.set()
        if self._clockwork:
            self._clockwork.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clockwork
        await self._deliverer.stop()
        if self._runner:
            await self._runner.cleanup()

    async def __aenter__(self) -> StripeServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return self.world.url

    async def go_down(self) -> None:
        """Close all connections and refuse new ones until come_back()."""
        self._down = True
        await self._site.stop()

    async def come_back(self) -> None:
        assert self._runner is not None, "Start the server first."  # noqa: S101 - the caller's own mistake
        self._site = web.TCPSite(self._runner, self.host, self.port, reuse_address=True)
        await self._site.start()
        self._down = False

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self._down:
            if request.transport:
                request.transport.abort()
            return web.Response(status=503)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        answer = await self._api.handle(request)
        self.acted()
        return answer

    async def _thin(self, request: web.Request) -> web.StreamResponse:
        found = self.world.hidden.get(request.match_info["id"])
        if found is None:
            return web.json_response(
                {"error": {"code": "not_found", "message": "No such event."}}, status=404
            )
        return web.json_response(found)

    # Time

    def catch_up(self) -> int:
        """Run everything that is due by now; return the number of jobs run."""
        return clockwork.catch_up(self.world)

    def acted(self) -> None:
        self._wake.set()

    async def settle(self) -> None:
        """Wait until everything due has run and been delivered.

        Deliveries that wait for a retry do not count.
        """
        self.catch_up()
        await self._deliverer.quiet()

    # Actions of people and of the owner

    def add_product(self, name: str, **more: Any) -> Obj:
        return catalog.create_product(self.world, {"name": name, **more})

    def add_price(
        self,
        product: str | Obj,
        unit_amount: int,
        interval: str = "month",
        currency: str = "usd",
        **more: Any,
    ) -> Obj:
        """Create a recurring price of `unit_amount` minor units.

        `more`: other parameters of the API, and `interval_count`.
        """
        product_id = product if isinstance(product, str) else product["id"]
        recurring = {"interval": interval} | {
            k: more.pop(k) for k in ("interval_count", "trial_period_days") if k in more
        }
        given = {"product": product_id, "unit_amount": unit_amount, "currency": currency, **more}
        return catalog.create_price(self.world, {**given, "recurring": recurring})

    def add_code(self, code: str, **coupon: Any) -> Obj:
        """Create a coupon from the API's parameters, and a promotion code for it; return the coupon."""
        made = discounts.create_coupon(self.world, coupon)
        discounts.create_code(
            self.world, {"code": code, "promotion": {"type": "coupon", "coupon": made["id"]}}
        )
        return made

    def add_tax(self, percentage: float, *, inclusive: bool) -> Obj:
        """Create a tax rate, in percent; `inclusive`: prices already contain the tax."""
        given = {"display_name": "VAT", "percentage": percentage, "inclusive": inclusive}
        return taxes.create_rate(self.world, given)

    def add_endpoint(self, url: str, events: list[str] | None = None, api_version: str | None = None) -> Obj:
        """Create a webhook endpoint. Only this answer contains its `secret`."""
        given: Obj = {"url": url, "enabled_events": events or ["*"], "api_version": api_version}
        return notices.create_endpoint(self.world, given)

    def pay_checkout(
        self,
        session: str,
        card: str = GOOD,
        name: str = "Ada Member",
        email: str = "ada@example.com",
        expiry: str = EXPIRY,
        code: str = "",
    ) -> Obj:
        """Pay as a person on the checkout page.

        `session`: its id or URL. `code`: a promotion code. Raises StripeRefusal 402 if the card is declined.
        """
        self.catch_up()
        found = self.world.get("checkout.session", session.rsplit("/", 1)[-1].partition("#")[0])
        paid = buyers.pay(self.world, found, number=card, expiry=expiry, name=name, email=email, code=code)
        self.acted()
        return paid

    def portal(self, url: str) -> Obj:
        """Return the portal session behind a link. Raises KeyError if the link is not valid."""
        self.catch_up()
        session = buyers.open_portal(self.world, url.rsplit("/", 1)[-1])
        if session is None:
            raise KeyError("This portal link has expired.")
        return session

    def portal_cancel(self, url: str, subscription_id: str) -> Obj:
        return self._acting(buyers.portal_cancel(self.world, self.portal(url), subscription_id))

    def portal_renew(self, url: str, subscription_id: str) -> Obj:
        return self._acting(buyers.portal_renew(self.world, self.portal(url), subscription_id))

    def portal_switch(self, url: str, subscription_id: str, price_id: str) -> Obj:
        return self._acting(buyers.portal_switch(self.world, self.portal(url), subscription_id, price_id))

    def portal_card(self, url: str, card: str = GOOD, expiry: str = EXPIRY) -> Obj:
        return self._acting(buyers.portal_card(self.world, self.portal(url), number=card, expiry=expiry))

    def portal_link(self, customer_id: str) -> str:
        """Return a portal link that uses the owner's default configuration.

        That configuration is created if it does not exist.
        """
        if not self.world.all("billing_portal.configuration", is_default=True):
            self.dashboard.save_portal_settings()
        return str(portal.create_portal_session(self.world, {"customer": customer_id})["url"])

    def _acting(self, found: Obj) -> Obj:
        self.acted()
        return found

    # Events and deliveries

    @property
    def events(self) -> list[Obj]:
        """Return every event so far, oldest first."""
        return self.world.all("event")

    @property
    def deliveries(self) -> list[Delivery]:
        return self._deliverer.log

    @property
    def delivery_faults(self) -> DeliveryFaults:
        return self._deliverer.faults

    def release(self, *, backwards: bool = False) -> None:
        """Send the deliveries that were held, in reverse order if `backwards`."""
        self._deliverer.release(backwards=backwards)

    def resend(self, event_id: str) -> None:
        self._deliverer.resend(self.world.get("event", event_id))

    async def forge(self, url: str, event: Obj, key: str = "whsec_forged", age: float = 0.0) -> int | None:
        """Post an event signed with `key`, dated `age` seconds ago.

        Returns the HTTP status of the answer, or None if none came.
        """
        moment = self.clock.now() - age
        status, _ = await self._deliverer.post_signed(url, json.dumps(event).encode(), [key], moment)
        return status

    def subscribe(self) -> asyncio.Queue[tuple[str, object]]:
        """Return a queue of everything that happens, as (kind, object) pairs.

        They are ("event", event), ("delivery", Delivery) and ("exchange", Exchange).
        """
        feed: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
        self._feeds.append(feed)
        return feed

    def unsubscribe(self, feed: asyncio.Queue[tuple[str, object]]) -> None:
        self._feeds.remove(feed)

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def _watched(self, exchange: Exchange) -> None:
        for watcher in self._watchers:
            watcher(exchange)
        self._tell("exchange", exchange)

    def _tell(self, kind: str, what: object) -> None:
        for feed in self._feeds:
            feed.put_nowait((kind, what))
