"""Runs the local PayPal: its sockets, clock task and deliveries, and the Python API to control them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from standins import clock_task
from standins.clock import date_answers
from standins.delivery import Delivery, DeliveryFaults
from standins.faults import Faults
from standins.paypal import buyers, catalog, clockwork, notices
from standins.paypal.api import Api, Exchange
from standins.paypal.auth import Desk
from standins.paypal.certs import Authority
from standins.paypal.dashboard import Dashboard
from standins.paypal.delivery import Deliverer
from standins.paypal.forgery import PLACE, Forger, Trap, forge
from standins.paypal.pages import Pages
from standins.paypal.sample_plans import make_plan
from standins.paypal.state import Clock, Obj, Settings, Subscription, World
from standins.rate_limits import RateLimits

Watcher = Callable[[Exchange], None]
LONGEST_BODY = 4 * 1024 * 1024


class PayPalServer:
    """A PayPal with one merchant's account. `watch`: receives every exchange.

    PayPal publishes no rate limits, so `limits` has none until a test sets them.
    """

    def __init__(
        self,
        clock: Clock,
        client_id: str = "local-client",
        client_secret: str = "local-secret",  # noqa: S107 - valid at this server only
        *,
        settings: Settings | None = None,
        watch: Watcher | None = None,
    ) -> None:
        self.clock = clock
        self.client_id, self.client_secret = client_id, client_secret
        self.world = World(clock, settings=settings or Settings())
        self.faults = Faults()
        self.dashboard = Dashboard(self.world, self.acted)
        self.trap = Trap()
        self.exchanges: deque[Exchange] = deque(maxlen=1000)
        self._watchers: list[Watcher] = [self.exchanges.append, *([watch] if watch else [])]
        self._deliverer = Deliverer(self.world, self._tell, self._sign)
        self._feeds: list[asyncio.Queue[tuple[str, object]]] = []
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._down = False
        self._runner: web.AppRunner | None = None
        self._clockwork: asyncio.Task[None] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._desk = Desk(self.world, client_id, client_secret)
        self.limits = RateLimits(None, None)
        self._api = Api(
            self.world, self._desk, self.faults, self.catch_up, self._watched, self._stopping, self.limits
        )
        self._pages = Pages(self.world, self.acted)
        self.world.send = self._deliverer.resend
        self.world.listeners += [self._deliverer.on_event, lambda event: self._tell("event", event)]
        self.certificate_asks: list[str] = []  # ids of the certificates that were fetched, in order

    # Starting and stopping

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Start listening, and return the base address for PAYPAL_API_URL.

        `ca_file` is the value for PAYPAL_CA_FILE.
        """
        app = web.Application(middlewares=[self._gate], client_max_size=LONGEST_BODY)
        date_answers(app, self.clock.now)
        self._pages.add_to(app)
        app.router.add_post("/v1/oauth2/token", self._api.token)
        app.router.add_get(f"{PLACE}{{id}}", self._certificate)
        app.router.add_route("*", "/{version:v[12]}/{rest:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, host, port)
        await self._site.start()
        self.host, self.port = host, self._runner.addresses[0][1]
        self.world.url = f"http://{self.host}:{self.port}"
        await self.trap.start()
        self._make_certificates()
        await self._deliverer.start()
        self._clockwork = asyncio.create_task(
            clock_task.turn(self.clock, lambda: clockwork.play(self.world), self._wake)
        )
        return self.url

    def _make_certificates(self) -> None:
        self.authority = Authority("Local PayPal", self.clock.now())
        self._folder = tempfile.TemporaryDirectory(prefix="local-paypal-")
        self.ca_file = Path(self._folder.name) / "root.pem"
        self.ca_file.write_bytes(self.authority.root.pem())
        self.rotate_certificate()

    def rotate_certificate(self, name: str = "leaf") -> str:
        """Sign with a new certificate at a new address from now on; the old one is still served."""
        leaf = self.authority.leaf(own_key=name)
        self.cert_url = (
            f"{self.url}{PLACE}{self.world.shelf.put([leaf, self.authority.between], genuine=True)}"
        )
        self.forger = Forger(
            self.url, self.world.shelf, self.authority, leaf, self.cert_url, self.trap, self.clock.now
        )
        return self.cert_url

    async def stop(self) -> None:
        self._stopping.set()
        if self._clockwork:
            self._clockwork.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clockwork
        await self._deliverer.stop()
        if self._runner:
            await self._runner.cleanup()
        await self.trap.stop()
        if self._folder:
            self._folder.cleanup()

    async def __aenter__(self) -> PayPalServer:
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
        assert self._runner is not None, "Start the server first."  # noqa: S101 - a caller's mistake
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

    async def _certificate(self, request: web.Request) -> web.StreamResponse:
        """Serve a certificate to anyone, without a token, as PayPal does."""
        cert_id = request.match_info["id"]
        self.certificate_asks.append(cert_id)
        if cert_id in self.forger.redirects:
            raise web.HTTPFound(self.forger.redirects[cert_id])
        pem = self.world.shelf.pems.get(cert_id)
        return web.Response(status=200 if pem else 404, body=pem, content_type="application/x-pem-file")

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
        return catalog.create_product(self.world, {"name": name, "type": "DIGITAL", **more})

    def add_plan(
        self, product: str | Obj, price: str, interval: str = "MONTH", currency: str = "USD", **more: Any
    ) -> Obj:
        """Create a plan at `price` ("5.00") per interval.

        `more` may contain `count` (intervals per period), `total_cycles`, `trials` as (price, interval,
        cycles) with "0" for free, `threshold`, `setup_fee`, and the API's own fields.
        """
        plan = make_plan(
            product if isinstance(product, str) else product["id"], price, interval, currency, more
        )
        return catalog.create_plan(self.world, catalog.PLAN(plan, ""))

    def add_webhook(self, url: str, events: list[str] | None = None) -> Obj:
        """Create a webhook for `events`, or for all if None; its id is the value for PAYPAL_WEBHOOK_ID."""
        given = {"url": url, "event_types": [{"name": one} for one in events or ["*"]]}
        return notices.create_webhook(self.world, given)

    def approve(
        self, link: str, email: str = "ada@example.com", given_name: str = "Ada", surname: str = "Member"
    ) -> str:
        """Approve as a buyer on the approval page, and return the URL that the browser is sent to.

        Raises PayPalRefusal if the link has been used.
        """
        self.catch_up()
        back = buyers.approve(self.world, link, self.world.buyer(email, given_name, surname))
        self.acted()
        return back

    def decline(self, link: str) -> str:
        """Decline as a buyer on the approval page, and return the URL that the browser is sent to."""
        return buyers.decline(self.world, link)

    def cancel_automatic_payment(self, subscription_id: str, email: str = "ada@example.com") -> None:
        """Cancel a subscription as a buyer on the automatic payments page."""
        self.catch_up()
        buyers.cancel_automatic(self.world, self.world.buyer(email), subscription_id)
        self.acted()

    @property
    def autopay_url(self) -> str:
        return f"{self.url}/myaccount/autopay/"

    def subscription(self, subscription_id: str) -> Subscription:
        return self.world.subscription(subscription_id)

    def revoke_token(self) -> None:
        """Invalidate the access token in use before its announced expiry."""
        self._desk.revoke()

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
        self._deliverer.resend(self.world.get("event", event_id), self.world.all("webhook"))

    async def forge(self, kind: str, webhook: Obj, event: Obj) -> int | None:
        """Send a forgery (`forgery.KINDS`) of an event to a webhook.

        Returns the HTTP status of the answer, or None if none came.
        """
        body, headers = forge(self.forger, kind, event, webhook["id"])
        status, _ = await self._deliverer.post(webhook["url"], body, headers)
        return status

    def _sign(self, body: bytes, webhook_id: str) -> Any:
        return self.forger.genuine(body, webhook_id)

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
