"""Serves GET /healthz (is the process alive?), /readyz (does everything work?) and /metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from billing.errors import LedgerDamaged, LedgerError
from billing.ports import Clock, Health, Ledger, Provider
from billing.rules.park_reasons import REASONS
from billing.sweep_state import SweepState, failing_text, load_sweep
from billing.webhook_arrivals import Arrivals
from i18n import tr
from i18n.plain import plain_words
from web.metrics import Metrics, Readings

WAITS_TOO_LONG = 300.0


@dataclass(frozen=True)
class Readiness:
    """Finds out what does not work, and reads the gauges of the program's state.

    `discord` returns why the bot accepts no commands, or None while it does. `sync_interval`: seconds.
    """

    ledger: Ledger
    clock: Clock
    discord: Callable[[], str | None]
    providers: Mapping[str, Provider]
    arrivals: Arrivals
    sync_interval: float = 3600.0

    async def faults(self) -> tuple[dict[str, str], Readings]:
        """Return the current faults by part of the program, and the gauges that they are derived from.

        If the ledger cannot be read, its gauges are missing.
        """
        fault = self.discord()
        found = {**({} if fault is None else {"discord": fault}), **dict(self._unheard())}
        readings: Readings = {"dues_clock_skew_seconds": self._skews(), **self._paces()}
        try:
            health = await self.ledger.load_health(int(self.clock.now()))
            sweeps = {name: await load_sweep(self.ledger, one) for name, one in self.providers.items()}
        except LedgerError as error:
            return {**found, "ledger": plain_words(error.user_message)}, readings
        if health.lacks:
            found["ledger"] = tr("health.new_ledger", n=health.lacks)
        if health.damage:
            fault = plain_words(LedgerDamaged.user_message)
            found["ledger"] = tr("health.damaged_ledger", fault=fault, damage=health.damage)
        ages = {"inbox": health.oldest_event_age or 0.0, "members": health.oldest_member_age or 0.0}
        late = {
            name: tr("health.waited", seconds=round(age))
            for name, age in ages.items()
            if age > WAITS_TOO_LONG
        }
        for name, state in sweeps.items():
            if state.too_long(self.clock.now(), self.sync_interval):
                failing = plain_words(failing_text(self.providers[name].title, state))
                found[name] = f"{found[name]} {failing}" if name in found else failing
        readings |= {**_of_ledger(health), **_of_sweeps(sweeps, self.clock.now())}
        return {**found, **late}, readings

    def _unheard(self) -> Iterator[tuple[str, str]]:
        for name, provider in self.providers.items():
            arrival = self.arrivals.of(name)
            if arrival.lost_since is not None:
                fault = provider.unheard(refused=arrival.lost_refused)
                yield name, f"{plain_words(fault.message)} {plain_words(fault.cure)}"

    def _paces(self) -> Readings:
        paces = {name: provider.pace for name, provider in self.providers.items()}
        return {
            "dues_provider_calls_waiting": {name: pace.waiting for name, pace in paces.items()},
            "dues_provider_pace": {name: pace.share for name, pace in paces.items()},
            "dues_provider_limited": {name: pace.limited for name, pace in paces.items()},
        }

    def _skews(self) -> dict[str, float]:
        skews = {name: provider.clock_skew for name, provider in self.providers.items()}
        return {name: skew for name, skew in skews.items() if skew is not None}


def _of_ledger(health: Health) -> Readings:
    return {
        "dues_inbox_events": health.inbox,
        "dues_members_to_converge": health.members,
        "dues_intents_pending": health.intents,
        "dues_notices_untold": health.notices,
        "dues_notices_unreached": {"members": health.unreached_members, "admins": health.unreached_admins},
        "dues_members_parked": {reason: health.parked.get(reason, 0) for reason in REASONS},
        "dues_braked_members": health.braked,
        "dues_subscriptions_unasked": health.unasked,
        "dues_subscriptions_lacked": health.lacks,
        "dues_unbound_subscriptions": health.unbound,
        "dues_backup_failed": float(bool(health.backup_failed)),
        "dues_backup_age_seconds": math.nan if health.backup_age is None else health.backup_age,
        "dues_ledger_size_bytes": health.size,
        "dues_oldest_event_seconds": health.oldest_event_age or 0.0,
        "dues_oldest_stale_seconds": health.oldest_stale_age or 0.0,
        "dues_oldest_member_seconds": health.oldest_member_age or 0.0,
        "dues_oldest_intent_seconds": health.oldest_intent_age or 0.0,
    }


def _of_sweeps(sweeps: Mapping[str, SweepState], now: float) -> Readings:
    """Return gauges of the sweeps: the time of the last success (unix seconds), and the seconds of failing.

    Providers without a successful sweep have no time.
    """
    good = {name: state.good_at for name, state in sweeps.items()}
    since = {name: state.failing_since for name, state in sweeps.items()}
    return {
        "dues_sweep_last_success_timestamp_seconds": {n: at for n, at in good.items() if at is not None},
        "dues_sweep_failing_seconds": {
            n: max(now - (now if t is None else t), 0.0) for n, t in since.items()
        },
    }


class HealthPages:
    """Answers the programs that monitor the bot: a service manager, a load balancer, Prometheus."""

    def __init__(
        self, readiness: Readiness, metrics: Metrics, discord_readings: Callable[[], Readings]
    ) -> None:
        self._readiness, self._metrics, self._discord_readings = readiness, metrics, discord_readings

    async def healthz(self, request: web.Request) -> web.Response:
        """Answer 200 as long as the process is alive."""
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.Response:
        """Answer 200 if everything works, otherwise 503.

        The body is a JSON object with `ready`, and for each part `ok` or a description of its fault.
        """
        faults, _ = await self._readiness.faults()
        names = ("ledger", "discord", "inbox", "members", *self._readiness.providers)
        state = {name: faults.get(name, "ok") for name in names}
        return web.json_response({"ready": not faults, **state}, status=503 if faults else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer with all metrics in Prometheus' text format."""
        faults, readings = await self._readiness.faults()
        text = self._metrics.text({**readings, **self._discord_readings(), "dues_ready": float(not faults)})
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4"})
