"""The metrics of /metrics with their HELP texts. No label identifies a person, and each has few values."""

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

# By name of a metric: its value, or its values by its only label.
Readings: TypeAlias = dict[str, float | Mapping[str, float]]


class Reading(NamedTuple):
    """A metric that is read at each scrape: its HELP text, and its label if it has one."""

    help: str
    label: str = ""
    counts: bool = False  # a counter, which only ever increases


READ: Mapping[str, Reading] = {
    "dues_ready": Reading("1 while /readyz answers 200, else 0"),
    "dues_inbox_events": Reading("Stored notifications that wait to be processed"),
    "dues_oldest_event_seconds": Reading(
        "How long the oldest stored notification has waited; 0 if none waits"
    ),
    "dues_oldest_stale_seconds": Reading(
        "How long the oldest subscription to be fetched has waited; 0 if none waits"
    ),
    "dues_members_to_converge": Reading("Members whose roles wait to be checked"),
    "dues_oldest_member_seconds": Reading(
        "How long the first member whose roles are to be checked has waited; 0 if none waits"
    ),
    "dues_intents_pending": Reading(
        "Cancellations, refunds and other requests that a provider has not carried out yet"
    ),
    "dues_oldest_intent_seconds": Reading(
        "How long the oldest request to a provider has waited; 0 if none waits"
    ),
    "dues_members_parked": Reading(
        "Members whose roles the bot cannot set until somebody acts, by reason", "reason"
    ),
    "dues_braked_members": Reading("Members who keep roles that nobody pays for until an admin decides"),
    "dues_notices_untold": Reading("Notices that wait to be sent"),
    "dues_notices_unreached": Reading("Notices that could not be delivered to anybody, by recipient", "to"),
    "dues_subscriptions_unasked": Reading(
        "Subscriptions of a restored ledger that are on hold until their provider has answered"
    ),
    "dues_subscriptions_lacked": Reading("Running subscriptions that a new ledger does not know"),
    "dues_unbound_subscriptions": Reading(
        "Running subscriptions on prices sold here that belong to no known member and give nobody a role"
    ),
    "dues_sweep_last_success_timestamp_seconds": Reading(
        "When the ledger was last compared with the provider from start to end, in unix time", "provider"
    ),
    "dues_sweep_failing_seconds": Reading(
        "How long comparing the ledger with the provider has failed; 0 after a success", "provider"
    ),
    "dues_clock_skew_seconds": Reading(
        "How far this machine's clock is ahead of the provider's, by its last answer", "provider"
    ),
    "dues_provider_calls_waiting": Reading("Calls that wait for their turn at the provider", "provider"),
    "dues_provider_pace": Reading(
        "Share of the provider's rate limit that the slowest kind of call runs at; 1 unless a limit was met",
        "provider",
    ),
    "dues_provider_limited": Reading(
        "Calls that the provider answered with 429, too many requests", "provider", counts=True
    ),
    "dues_ledger_size_bytes": Reading("Bytes that the ledger takes on disk"),
    "dues_backup_failed": Reading("1 if the last daily backup failed, else 0"),
    "dues_backup_age_seconds": Reading("Age of the newest backup; NaN if none is known"),
    "dues_discord_identifies_left": Reading("Connections that Discord still allows the bot in this period"),
    "dues_discord_limit_wait_seconds": Reading(
        "Seconds that calls have waited for Discord's rate limits", counts=True
    ),
    "dues_gateway_shards": Reading(
        "Connections to Discord that the bot needs, one for a part of the servers"
    ),
    "dues_gateway_shards_connected": Reading("Connections to Discord that are open"),
    "dues_gateway_events_dropped": Reading("Events from Discord that could not be read", counts=True),
    "dues_event_loop_lag_seconds": Reading("How late the event loop was at worst within the last minute"),
}
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_TO_ROLE = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)


class Metrics(Meter):
    """The program's metrics, in their own Prometheus registry. `build`: the labels of `dues_build_info`."""

    def __init__(self, build: Mapping[str, str] | None = None) -> None:
        registry = self._registry = CollectorRegistry()
        self._read = _Read(build or {})
        registry.register(self._read)
        self.notifications = Counter(
            "dues_notifications",
            "Notifications by provider and by the status of the answer",
            ["provider", "status"],
            registry=registry,
        )
        self.refused = Counter(
            "dues_notifications_refused",
            "Notifications that were not authentic or not readable; anybody can post them",
            ["provider"],
            registry=registry,
        )
        self._requests = Counter(
            "dues_provider_requests",
            "Requests to payment providers by operation and outcome, retries included",
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
            self._roles.labels(outcome)  # shown as 0 from the start
        self._to_role = Histogram(
            "dues_notification_to_role_seconds",
            "From the first notification to the role that it gives, if no restart came between",
            buckets=_TO_ROLE,
            registry=registry,
        )
        self.lag = LoopLag()

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one call to a provider with its outcome, and record its duration in seconds."""
        self._requests.labels(provider, operation, outcome).inc()
        self._seconds.labels(provider, operation).observe(seconds)

    def changed_role(self, outcome: str) -> None:
        """Count a role that was 'given' or 'taken', or that Discord 'refused' to change."""
        self._roles.labels(outcome).inc()

    def gave_role(self, seconds: float) -> None:
        """Record how many seconds after the first notification a role was given."""
        self._to_role.observe(seconds)

    def text(self, readings: Readings) -> bytes:
        """Return all metrics in Prometheus' text format, encoded as UTF-8."""
        self._read.readings = {**readings, "dues_event_loop_lag_seconds": self.lag.worst()}
        return generate_latest(self._registry)


class _Read(Collector):
    """Collects the metrics that are read at each scrape. Values unknown at that time are left out."""

    def __init__(self, build: Mapping[str, str]) -> None:
        self.readings: Readings = {}
        self.build = build

    def collect(self) -> Iterator[Metric]:
        if self.build:
            info = GaugeMetricFamily(
                "dues_build_info", "Always 1; the labels say which version runs", labels=list(self.build)
            )
            info.add_metric(list(self.build.values()), 1.0)
            yield info
        for name, value in self.readings.items():
            known = READ[name]
            family = CounterMetricFamily if known.counts else GaugeMetricFamily
            labels = [known.label] if known.label else []
            metric = family(name, known.help, labels=labels)
            for of, one in value.items() if isinstance(value, Mapping) else (("", value),):
                metric.add_metric([of] if known.label else [], one)
            yield metric


class LoopLag:
    """Measures how late the event loop is, with a timer every second that takes a few microseconds."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=60)

    def worst(self) -> float:
        """Return the longest delay within the last minute, in seconds."""
        return max(self._late, default=0.0)

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        """Measure while the aiohttp application runs."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(1.0, self._tick, loop, loop.time() + 1.0)
        yield
        self._timer.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._late.append(max(loop.time() - due, 0.0))
        self._timer = loop.call_later(1.0, self._tick, loop, loop.time() + 1.0)
