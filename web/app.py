"""The HTTP server: its routes, and how it starts and stops listening."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import web, web_response
from aiohttp.http_exceptions import HttpProcessingError

from billing.errors import DuesError
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock, Ledger, Provider
from billing.webhook_arrivals import Arrivals
from i18n.plain import plain_words
from web.connections import PIECE, ConnectionLimiter, Handler
from web.heads import bound_heads, invite_later
from web.health import HealthPages, Readiness
from web.metrics import Metrics, Readings
from web.pages.return_page import return_page
from web.request_bodies import LARGEST_BODY
from web.webhooks import Webhooks

log = logging.getLogger(__name__)


LONGEST_LINGER = 1.0  # seconds to wait for the rest of a body that was already answered
BIND_PAUSES = (1, 2, 4, 8)  # seconds


class CannotListen(DuesError):  # noqa: N818 - named by what happened, like the others
    """Raised when the server cannot listen on its address.

    `exit_code`: the exit code of a program that cannot start because of this; 2 if the system denies
    permission, 75 if a later attempt may succeed.
    """

    def __init__(self, host: str, port: int, error: OSError) -> None:
        where = Verbatim(f"{host}:{port}")
        self.exit_code = 2 if error.errno in {errno.EACCES, errno.EPERM} else 75
        if error.errno == errno.EADDRINUSE:
            message = Text("error.port_taken", where=where)
        elif self.exit_code == 2:
            message = Text("error.port_forbidden", where=where)
        else:
            reason = Verbatim(error.strerror or str(error))
            message = Text("error.no_such_address", where=where, reason=reason)
        super().__init__(message)


class Listener:
    """Builds the aiohttp application from its pages, webhooks and metrics."""

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
        self._providers = providers
        self.arrivals = arrivals or Arrivals(clock.now())
        self._metrics = metrics or Metrics()
        self.webhooks = Webhooks(ledger, clock, self.arrivals, self._metrics)
        readiness = Readiness(ledger, clock, discord_fault, providers, self.arrivals, sync_interval)
        self._health = HealthPages(readiness, self._metrics, discord_readings)

    def application(self) -> web.Application:
        """Return the application, with a webhook route for every provider that is turned on."""
        app = web.Application(client_max_size=LARGEST_BODY)
        speakers = app[LIMITER] = ConnectionLimiter()
        for provider in self._providers.values():
            receive = speakers.track(self.webhooks.handler(provider))
            app.router.add_post(f"/webhooks/{provider.name}", receive, expect_handler=invite_later)
        pages: dict[str, Handler] = {
            "/healthz": self._health.healthz,
            "/readyz": self._health.readyz,
            "/metrics": self._health.metrics,
            "/return": self._return,
        }
        for path, page in pages.items():
            app.router.add_get(path, speakers.track(page), expect_handler=invite_later)
        app.cleanup_ctx.append(self._metrics.lag.running)
        return app

    async def _return(self, request: web.Request) -> web.Response:
        """Show the return page at once, and queue the checkout that the URL names to be checked.

        Only GET queues it, because that comes from a person's browser: link scanners often send HEAD.
        """
        if request.method == "GET":
            self.arrivals.come_back(request.query.get("checkout", ""))
        return await return_page(request)


LIMITER = web.AppKey("speakers", ConnectionLimiter)


@asynccontextmanager
async def listening(application: web.Application, host: str, port: int, drain: float) -> AsyncIterator[int]:
    """Serve the application while the context lasts, and yield the port.

    On exit, running requests get `drain` seconds to finish. Raises CannotListen if the address stays in use,
    is not allowed, or does not belong to this machine.
    """
    vars(web_response)["SERVER_SOFTWARE"] = "Dues"  # aiohttp would reveal its own version and Python's
    # Signatures cover the bytes as sent, and a body that is never decompressed cannot be a bomb.
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
    """Start listening, with several attempts.

    The previous process may not have ended yet, or the network may still be starting.
    """
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
    """Return False, to drop the record, for aiohttp's log records about requests that are not valid HTTP.

    Such requests are not the bot's fault, and each would log a traceback with a stranger's bytes.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
