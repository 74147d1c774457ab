"""What /metrics tells, and what it means. No label says whose a thing is, and each has few values."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from billing.ports import Meter

# By the name of a metric: its value, or its values by the one label that it has.
Readings: TypeAlias = dict[str, float | Mapping[str, float]]


class Told(NamedTuple):
    """What a metric that is read at each scrape means, and its label."""

    means: str
    label: str = ""
    counts: bool = False  # only ever up


READ: Mapping[str, Told] = {
    "dues_ready": Told("1 while /readyz answers 200, else 0"),
    "dues_inbox_events": Told("Notifications that are stored and wait to be worked on"),
    "dues_oldest_event_seconds": Told(
        "How long the oldest stored notification has waited; 0 where none does"
    ),
    "dues_oldest_stale_seconds": Told(
        "How long the oldest subscription that is to be fetched has waited; 0 where none does"
    ),
    "dues_members_to_converge": Told("Members whose roles are to be looked at"),
    "dues_oldest_member_seconds": Told(
        "How long the first of the members whose roles are to be looked at has waited; 0 where none does"
    ),
    "dues_intents_pending": Told(
        "Cancellations, refunds and the like that a provider has not carried out yet"
    ),
    "dues_oldest_intent_seconds": Told(
        "How long the oldest thing that was asked of a provider has waited; 0 where none does"
    ),
    "dues_members_parked": Told(
        "Members whose roles cannot be what they should be, by reason, until somebody acts", "reason"
    ),
    "dues_braked_members": Told("Members who keep roles that nobody pays for until an admin decides"),
    "dues_notices_untold": Told("Notices that wait to be sent"),
    "dues_notices_unreached": Told("Notices that could be sent to nobody, by whom they are for", "to"),
    "dues_subscriptions_unasked": Told(
        "Subscriptions of a restored ledger that are held until their provider was asked"
    ),
    "dues_subscriptions_lacked": Told("Running subscriptions that a new ledger lacks"),
    "dues_unbound_subscriptions": Told(
        "Running subscriptions on prices sold here that belong to no known member and give nobody a role"
    ),
    "dues_sweep_last_success_timestamp_seconds": Told(
        "When the ledger was last compared with the provider from start to end, in unix time", "provider"
    ),
    "dues_sweep_failing_seconds": Told(
        "How long each comparison with the provider has failed; 0 after one that came through", "provider"
    ),
    "dues_clock_skew_seconds": Told(
        "How far this machine's clock is ahead of the provider's, by its last answer", "provider"
    ),
    "dues_ledger_size_bytes": Told("Bytes that the ledger takes on disk"),
    "dues_backup_failed": Told("1 while the last daily backup is one that failed, else 0"),
    "dues_backup_age_seconds": Told("Age of the newest backup; NaN where none is known"),
    "dues_discord_identifies_left": Told("Connections that Discord allows the bot before it counts anew"),
    "dues_discord_limit_wait_seconds": Told(
        "Seconds that calls have waited for Discord's limits", counts=True
    ),
    "dues_gateway_events_dropped": Told("Events of Discord's that could not be read", counts=True),
    "dues_event_loop_lag_seconds": Told("How late the program was at worst within the last minute"),
}
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_TO_ROLE = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)


class Metrics(Meter):
    """The owner's instruments, in a registry of their own. `build`: what this program is, by label."""

    def __init__(self, build: Mapping[str, str] | None = None) -> None:
        registry = self._registry = CollectorRegistry()
        self._read = _Read(build or {})
        registry.register(self._read)
        self.notifications = Counter(
            "dues_notifications",
            "Notifications by provider and the status they were answered with",
            ["provider", "status"],
            registry=registry,
        )
        self.refused = Counter(
            "dues_notifications_refused",
            "Notifications that were not believed or not readable; anybody can post them",
            ["provider"],
            registry=registry,
        )
        self._requests = Counter(
            "dues_provider_requests",
            "Requests to payment providers by what was asked and what came of it, tries again included",
            ["provider", "operation", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "dues_provider_request_duration_seconds",
            "How long payment providers took to answer",
            ["provider", "operation"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._roles = Counter(
            "dues_role_changes",
            "Roles that were given, taken, or refused by Discord",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("given", "taken", "refused"):
            self._roles.labels(outcome)  # told from the start, as 0
        self._to_role = Histogram(
            "dues_notification_to_role_seconds",
            "From the first notification to the role that it gives, for those that no restart lies between",
            buckets=_TO_ROLE,
            registry=registry,
        )
        self.lag = LoopLag()

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Count and time it."""
        self._requests.labels(provider, operation, outcome).inc()
        self._seconds.labels(provider, operation).observe(seconds)

    def changed_role(self, outcome: str) -> None:
        """Count it."""
        self._roles.labels(outcome).inc()

    def gave_role(self, seconds: float) -> None:
        """Time it."""
        self._to_role.observe(seconds)

    def text(self, readings: Readings) -> bytes:
        """As Prometheus reads it."""
        self._read.readings = {**readings, "dues_event_loop_lag_seconds": self.lag.worst()}
        return generate_latest(self._registry)


class _Read(Collector):
    """What is read at each scrape. What is not known then is left out."""

    def __init__(self, build: Mapping[str, str]) -> None:
        self.readings: Readings = {}
        self.build = build

    def collect(self) -> Iterator[Metric]:
        if self.build:
            info = GaugeMetricFamily("dues_build_info", "Always 1: what runs here", labels=list(self.build))
            info.add_metric(list(self.build.values()), 1.0)
            yield info
        for name, value in self.readings.items():
            told = READ[name]
            family = CounterMetricFamily if told.counts else GaugeMetricFamily
            labels = [told.label] if told.label else []
            metric = family(name, told.means, labels=labels)
            for of, one in value.items() if isinstance(value, Mapping) else (("", value),):
                metric.add_metric([of] if told.label else [], one)
            yield metric


class LoopLag:
    """How late the event loop is: a timer each second, which costs some microseconds of it."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=60)

    def worst(self) -> float:
        """Seconds, within the last minute."""
        return max(self._late, default=0.0)

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        """While the application serves."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(1.0, self._tick, loop, loop.time() + 1.0)
        yield
        self._timer.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._late.append(max(loop.time() - due, 0.0))
        self._timer = loop.call_later(1.0, self._tick, loop, loop.time() + 1.0)
