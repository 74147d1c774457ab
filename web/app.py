"""Routes of the listener. Statuses are those that make each provider send again what we could not store."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from time import perf_counter
from typing import Any, cast

from aiohttp import web, web_response
from aiohttp.http_exceptions import HttpProcessingError

from billing.errors import DuesError, LedgerError, NotificationError, ProviderError
from billing.model import Event
from billing.ports import Clock, Ledger, Provider, RoleLatency
from billing.use_cases.ingest import ingest
from billing.webhook_arrivals import Arrivals
from i18n.plain import plain_words
from web.connections import PIECE, ConnectionLimiter, Handler
from web.heads import bound_heads, invite_later
from web.log_sampler import Sampler
from web.metrics import Metrics, Readings
from web.pages.return_page import return_page
from web.readiness import Readiness
from web.request_bodies import LARGEST_BODY, Bodies, NotTaken, check_framing

log = logging.getLogger(__name__)


LONGEST_LINGER = 1.0  # for the rest of a body that was answered already
BIND_PAUSES = (1, 2, 4, 8)  # seconds


class CannotListen(DuesError):  # noqa: N818 - named by what happened, like the others
    """`exit_code`: of a program that cannot start because of it; 75 where that may pass by itself."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        where, number = f"{host}:{port} (HTTP_HOST, HTTP_PORT)", error.errno
        self.exit_code = 2 if number in {errno.EACCES, errno.EPERM} else 75
        if number == errno.EADDRINUSE:
            tell = f"Another program listens at {where}. Stop it, or choose another port."
        elif self.exit_code == 2:
            tell = f"Dues may not listen at {where}. Choose a port above 1023."
        else:
            tell = f"This machine has no address {where} just now ({error.strerror or error})."
        super().__init__(tell)


class Listener:
    """The aiohttp application, with its own metrics registry."""

    def __init__(
        self,
        ledger: Ledger,
        providers: Mapping[str, Provider],
        clock: Clock,
        discord_fault: Callable[[], str | None],
        arrivals: Arrivals | None = None,
        *,
        sync_interval: float = 3600.0,
        metrics: Metrics | None = None,
        discord_readings: Callable[[], Readings] = dict,
    ) -> None:
        self._ledger, self._providers, self._clock = ledger, providers, clock
        self.arrivals = arrivals or Arrivals(clock.now())
        self._readiness = Readiness(ledger, clock, discord_fault, providers, self.arrivals, sync_interval)
        self._metrics, self.pace = metrics or Metrics(), RoleLatency()
        self._discord_readings = discord_readings
        self._bodies, self._sampler = Bodies(), Sampler()

    def application(self) -> web.Application:
        """Routes for every provider that is on; the others answer 404."""
        app = web.Application(client_max_size=LARGEST_BODY)
        speakers = app[LIMITER] = ConnectionLimiter()
        for provider in self._providers.values():
            receive = speakers.track(self._receiver(provider))
            app.router.add_post(f"/webhooks/{provider.name}", receive, expect_handler=invite_later)
        pages: dict[str, Handler] = {
            "/healthz": _healthz,
            "/readyz": self._readyz,
            "/metrics": self._tell_metrics,
            "/return": self._return,
        }
        for path, page in pages.items():
            app.router.add_get(path, speakers.track(page), expect_handler=invite_later)
        app.cleanup_ctx.append(self._metrics.lag.running)
        return app

    def _receiver(self, provider: Provider) -> Callable[[web.Request], Awaitable[web.Response]]:
        counter = cache(lambda status: self._metrics.notifications.labels(provider.name, str(status)))

        def tell(status: int, outcome: str, events: list[Event], seconds: float) -> None:
            kinds, took = ",".join(event.kind for event in events) or "-", seconds * 1000
            ids = {"ids": {"event": ",".join(event.id for event in events)}} if events else None
            said = ("notification %s %s: %d %s in %.1f ms", provider.name, kinds, status, outcome, took)
            log.info(*said, extra=ids)

        def count(status: int, *told: Any) -> None:
            counter(status).inc()
            if status == 200:
                tell(status, *told)
            else:
                alike = f"notification {provider.name}: {status} {told[0]}"
                self._sampler.note(alike, partial(tell, status, *told))

        async def receive(request: web.Request) -> web.Response:
            started = perf_counter()
            status, outcome, events = await self._receive(provider, request)
            took = perf_counter() - started
            if status in (400, 413):
                self.arrivals.refuse(provider.name, self._clock.now())
                self._metrics.refused.labels(provider.name).inc()
            count(status, outcome, events, took)
            return web.Response(status=status, text=outcome)

        return receive

    async def _receive(self, provider: Provider, request: web.Request) -> tuple[int, str, list[Event]]:
        """200 only once stored; 503 makes the provider send it again; nothing else is retried for ever."""
        try:
            check_framing(request)
            if not request.content.is_eof():
                provider.judge(request.headers, self._clock.now())
            body = await self._bodies.read(request)
            events, new = await ingest(self._ledger, self._clock, provider, body, request.headers)
        except NotTaken as refusal:
            return refusal.status, refusal.outcome, []
        except NotificationError as error:
            return 400, plain_words(error.user_message), []
        except LedgerError as error:
            self.arrivals.fail_to_store(provider.name, self._clock.now())
            return 503, plain_words(error.user_message), []
        except ProviderError as error:
            return 503, plain_words(error.user_message), []
        if new:
            self.pace.arrive(event.id for event in events)
        if events:  # none: it belongs to another mode or account, and says nothing of ours
            self.arrivals.accept(provider.name, self._clock.now())
        return 200, f"stored {new}" if new else "nothing new", events

    async def _return(self, request: web.Request) -> web.Response:
        """The answer is the same and goes out at once, whatever the id is; what it names is looked at later.
        Only a person's browser asks with GET: scanners of links often ask for the head alone."""
        if request.method == "GET":
            self.arrivals.come_back(request.query.get("checkout", ""))
        return await return_page(request)

    async def _readyz(self, request: web.Request) -> web.Response:
        faults, _ = await self._readiness.faults()
        names = ("ledger", "discord", "inbox", "members", *self._providers)
        state = {name: faults.get(name, "ok") for name in names}
        return web.json_response({"ready": not faults, **state}, status=503 if faults else 200)

    async def _tell_metrics(self, request: web.Request) -> web.Response:
        faults, readings = await self._readiness.faults()
        text = self._metrics.text({**readings, **self._discord_readings(), "dues_ready": float(not faults)})
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4"})


LIMITER = web.AppKey("speakers", ConnectionLimiter)


@asynccontextmanager
async def listening(application: web.Application, host: str, port: int, drain: float) -> AsyncIterator[int]:
    """Serve until left, then let what runs finish for `drain` seconds; the port it listens on. CannotListen
    where the address stays taken or is not this machine's."""
    vars(web_response)["SERVER_SOFTWARE"] = "Dues"  # aiohttp would name its version and Python's
    # Signatures are over the bytes as sent, and what is not unpacked cannot be a bomb.
    patience: dict[str, Any] = {
        "shutdown_timeout": drain,
        "lingering_time": LONGEST_LINGER,
        "read_bufsize": PIECE,
        "max_field_size": 4096,
        "max_headers": 48,
    }
    bound_heads()
    runner = web.AppRunner(application, access_log=None, auto_decompress=False, **patience)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    await runner.setup()
    application[LIMITER].watch(cast("web.Server", runner.server))
    closing = asyncio.create_task(application[LIMITER].close_idle())
    try:
        await _bind(runner, host, port)
        log.info("Listening on %s", runner.addresses)
        yield int(runner.addresses[0][1])
    finally:
        closing.cancel()
        await runner.cleanup()


async def _bind(runner: web.AppRunner, host: str, port: int) -> None:
    """Tried for a while: the former process may not have gone yet, or the network is only coming up."""
    for pause in (*BIND_PAUSES, None):
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            fault = CannotListen(host, port, error)
            if pause is None or fault.exit_code == 2:
                raise fault from None
            log.warning("%s Trying again in %d s", plain_words(fault.user_message), pause)
            await asyncio.sleep(pause)
        else:
            return


def _is_ours(record: logging.LogRecord) -> bool:
    """What a stranger sends that is no HTTP is no fault of ours; logged, it would be a trace with their bytes
    for each."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def _healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")
