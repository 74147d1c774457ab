"""Serves POST /webhooks/{provider}. A provider repeats a notification unless the answer is 200."""

from __future__ import annotations

import logging
from functools import cache, partial
from time import perf_counter
from typing import Any

from aiohttp import web

from billing.errors import LedgerError, NotificationError, ProviderError
from billing.model import Event
from billing.ports import Clock, Ledger, Provider, RoleLatency
from billing.use_cases.ingest import ingest
from billing.webhook_arrivals import Arrivals
from i18n.plain import plain_words
from web.connections import Handler
from web.log_sampler import Sampler
from web.metrics import Metrics
from web.request_bodies import Bodies, NotTaken, check_framing

log = logging.getLogger(__name__)


class Webhooks:
    """Reads, authenticates and stores the notifications that providers send.

    `arrivals` records the outcome of each notification; `pace` measures the time until a role is given.
    """

    def __init__(self, ledger: Ledger, clock: Clock, arrivals: Arrivals, metrics: Metrics) -> None:
        self._ledger, self._clock, self._metrics = ledger, clock, metrics
        self._arrivals, self.pace = arrivals, RoleLatency()
        self._bodies, self._sampler = Bodies(), Sampler()

    def handler(self, provider: Provider) -> Handler:
        """Return the handler of POST /webhooks/{provider} for this provider."""
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
                self._arrivals.refuse(provider.name, self._clock.now())
                self._metrics.refused.labels(provider.name).inc()
            count(status, outcome, events, took)
            return web.Response(status=status, text=outcome)

        return receive

    async def _receive(self, provider: Provider, request: web.Request) -> tuple[int, str, list[Event]]:
        """Store a notification; return the answer's status and text, and the notification's events.

        The status is 200 only once the events are stored. After a 503 the provider sends the notification
        again; after any other status it gives up after some attempts.
        """
        try:
            check_framing(request)
            if not request.content.is_eof():
                provider.judge(request.headers, self._clock.now())
            body = await self._bodies.read(request)
            events, new = await ingest(self._ledger, self._clock, provider, body, request.headers)
        except NotTaken as refusal:
            return refusal.status, plain_words(refusal.message), []
        except NotificationError as error:
            return 400, plain_words(error.user_message), []
        except LedgerError as error:
            self._arrivals.fail_to_store(provider.name, self._clock.now())
            return 503, plain_words(error.user_message), []
        except ProviderError as error:
            return 503, plain_words(error.user_message), []
        if new:
            self.pace.arrive(event.id for event in events)
        if events:  # if empty, it belongs to another mode or account and says nothing about ours
            self._arrivals.accept(provider.name, self._clock.now())
        return 200, f"stored {new}", events
