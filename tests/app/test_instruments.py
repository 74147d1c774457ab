"""Metrics, readiness, and the notice for owners who use neither."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from billing.model import Notice, WrongClock
from billing.sweep_state import PATIENCE
from billing.use_cases.sweep import sweep
from tests.app.harness import AppHarness
from web.metrics import READ, Metrics

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
HOUR = 3_600


async def scrape(app: AppHarness) -> str:
    url = f"http://127.0.0.1:{app.port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def value(app: AppHarness, line: str) -> float:
    """The value of one line of /metrics; NaN if it is missing."""
    found = re.search(rf"^{re.escape(line)} (\S+)$", await scrape(app), re.MULTILINE)
    return float(found[1]) if found else math.nan


async def ready(app: AppHarness) -> tuple[int, dict[str, Any]]:
    url = f"http://127.0.0.1:{app.port}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.json()


async def test_a_sale_is_counted_and_timed(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    assert await value(app, 'dues_role_changes_total{outcome="given"}') == 1
    assert await value(app, "dues_notification_to_role_seconds_count") == 1
    assert 0 < await value(app, "dues_notification_to_role_seconds_sum") < 60
    fetched = '{operation="GET subscriptions/{id}",outcome="ok",provider="stripe"}'
    assert await value(app, f"dues_provider_requests_total{fetched}") >= 1
    timed = '{operation="POST checkout/sessions",provider="stripe"}'
    assert await value(app, f"dues_provider_request_duration_seconds_count{timed}") == 1
    assert await value(app, "dues_ledger_size_bytes") > 10_000
    assert abs(await value(app, 'dues_clock_skew_seconds{provider="stripe"}')) < 60
    assert await value(app, 'dues_provider_pace{provider="stripe"}') == 1
    assert await value(app, 'dues_provider_limited_total{provider="stripe"}') == 0
    assert await value(app, "dues_discord_identifies_left") > 0
    assert await value(app, "dues_gateway_events_dropped_total") == 0


async def test_no_metric_label_identifies_a_person(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    text = await scrape(app)
    assert not re.search(r"\d{6}|sub_|cus_|price_|cs_|in_|evt_", " ".join(re.findall(r"\{.*\}", text)))


async def test_refused_role_changes_and_parked_members_are_counted_by_reason(app: AppHarness) -> None:
    await app.sell()
    app.world.set_role_position(app.bot_role, 1)
    await app.buy()
    assert await value(app, 'dues_members_parked{reason="role_above_bot"}') == 1
    assert await value(app, 'dues_members_parked{reason="member_left"}') == 0
    assert await value(app, 'dues_role_changes_total{outcome="refused"}') >= 1


async def test_the_metrics_show_the_age_of_the_oldest_work(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.stripe.faults.add("status", r"/subscriptions/sub_", method="GET", status=503, times=None)
    (sub,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    app.stripe.dashboard.cancel_at_period_end(sub.key.id)
    await app.settled()
    app.clock.advance(100)
    assert await value(app, "dues_oldest_stale_seconds") >= 100
    failed = '{operation="GET subscriptions/{id}",outcome="unavailable",provider="stripe"}'
    assert await value(app, f"dues_provider_requests_total{failed}") >= 1


async def test_calls_that_wait_for_discords_rate_limits_are_timed(app: AppHarness) -> None:
    await app.sell()
    before = await value(app, "dues_discord_limit_wait_seconds_total")
    app.discord.faults.rate_limit("PUT", "/guilds/*/roles/*", retry_after=0.3)
    await app.buy()
    assert await value(app, "dues_discord_limit_wait_seconds_total") - before >= 0.3


async def test_a_sweep_that_fails_for_long_is_reported_until_it_succeeds(app: AppHarness) -> None:
    await app.sell()
    await sweep(app.ports)
    good = await value(app, 'dues_sweep_last_success_timestamp_seconds{provider="stripe"}')
    assert abs(good - app.clock.now()) < 60
    app.stripe.faults.add("status", r"/v1/subscriptions\b", method="GET", status=401, times=None)
    await sweep(app.ports)
    failed_at = app.ports.now()
    assert (await ready(app))[0] == 200, "a passing fault is none"
    app.clock.advance(PATIENCE * HOUR + 5)
    status, state = await ready(app)
    assert (status, state["ready"], state["ledger"]) == (503, False, "ok")
    assert "able to compare its records with Stripe since" in state["stripe"]
    assert "401" in state["stripe"], "why, for whoever reads it"
    assert await value(app, 'dues_sweep_failing_seconds{provider="stripe"}') >= PATIENCE * HOUR
    for _ in range(2):
        await sweep(app.ports)
    card = await app.ada.dm_containing("can't compare its records with Stripe")
    assert f"<t:{failed_at}:f>" in card.text
    await app.settled()
    assert sum("can't compare" in dm.text for dm in app.ada.dms) == 1
    app.stripe.faults.clear()
    await sweep(app.ports)
    assert (await ready(app))[1]["stripe"] == "ok"
    assert await value(app, 'dues_sweep_failing_seconds{provider="stripe"}') == 0


async def test_an_internal_error_in_a_sweep_is_reported(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.ports.providers["stripe"], "list_disputes", lambda: 1 / 0)
    (fault,) = await sweep(app.ports)
    assert "ZeroDivisionError" in fault
    app.clock.advance(PATIENCE * HOUR + 5)
    assert "ZeroDivisionError" in (await ready(app))[1]["stripe"]


async def test_each_metric_has_a_help_text_and_is_documented(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    text = await scrape(app)
    helped = dict(re.findall(r"^# HELP (dues_\w+) (.*)$", text, re.MULTILINE))
    told = {name for name in helped if not name.endswith("_created")}
    built = {"dues_build_info"}  # bot.py knows what it runs
    documented = set(re.findall(r"^\| `(dues_\w+?)[`{]", OPERATIONS.read_text("utf-8"), re.MULTILINE))
    known = {f"{name}_total" if READ[name].counts else name for name in READ}
    assert documented == told | built | known
    assert all(len(means) > 20 for means in helped.values())
    alerts = set(re.findall(r"dues_\w+", OPERATIONS.read_text("utf-8")))
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in alerts} <= documented


def test_the_metrics_name_the_running_version() -> None:
    info = b'dues_build_info{schema="3",version="1.2"} 1.0'
    assert info in Metrics({"version": "1.2", "schema": "3"}).text({})


async def test_a_wrong_clock_is_reported_with_its_cure(app: AppHarness) -> None:
    body = WrongClock(-2 * HOUR)
    await app.ports.ledger.record_notice(Notice("clock", app.guild.id, None, body, app.ports.now()))
    card = await app.ada.dm_containing("clock on the bot's machine is wrong")
    assert "2 hours behind the payment provider's" in card.text
    assert "timedatectl set-ntp true" in card.text
