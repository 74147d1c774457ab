"""Signals that an owner sees from outside: a log line for each notification and each member that was
checked, readiness, and the age of waiting work."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from logs import TextFormatter
from standins.discord import Person
from tests.app.harness import DAY, AppHarness
from tests.app.sale import buy, paypal_of
from tests.attackers.post import by_paypal, by_stripe, event, send, written
from tests.outages.helpers import GIVES, patiently
from web.health import WAITS_TOO_LONG

EMAIL, NAME = "canary@mail.example", "Canarina Birdsong"
NOTIFIED = re.compile(r"notification (stripe|paypal) (\S+): (\d{3}) (.+) in \d+\.\d ms(?: event=(\S+))?")
CONVERGED = re.compile(r"reconcile: (.+) in \d+\.\d ms server=(\d+) member=(\d+)")
SYNCED = re.compile(r"sync: (.+) in \d+\.\d ms subscription=(\S+) event=(.+?)(?: server=(\d+) member=(\d+))?")
LINE = TextFormatter()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that the program logs at its usual level."""
    caplog.set_level(logging.INFO)
    yield caplog
    for private in (EMAIL, *NAME.split(), "whsec_", "sk_test", "4242"):
        assert private not in caplog.text


def said(lines: pytest.LogCaptureFixture, pattern: re.Pattern[str], start: str) -> list[tuple[str, ...]]:
    """The parts of every line that begins so, its fields included; each must be of that form."""
    found = [LINE.format(r).split(": ", 1)[1] for r in lines.records if r.getMessage().startswith(start)]
    matched = [(line, pattern.fullmatch(line)) for line in found]
    assert [line for line, match in matched if match is None] == []
    return [match.groups() for _, match in matched if match]


async def test_the_log_has_a_line_for_each_notification(
    app: AppHarness, lines: pytest.LogCaptureFixture
) -> None:
    paypal = paypal_of(app)
    await app.settled()
    lines.clear()
    seen = len(app.stripe.deliveries), len(paypal.deliveries)
    link = (await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})).buttons[0].url
    assert link
    app.stripe.pay_checkout(link, name=NAME, email=EMAIL)
    await app.settled()
    await buy(app, "paypal", app.cleo)
    sent = [d.event["id"] for d in (*app.stripe.deliveries[seen[0] :], *paypal.deliveries[seen[1] :])]
    told = said(lines, NOTIFIED, "notification")
    assert sorted(told_id for *_, told_id in told) == sorted(sent)
    outcomes = {outcome for *_, outcome, _ in told}
    assert outcomes == {"stored 1", "stored 0"}
    assert ("customer.subscription.created", "200") in {(kind, status) for _, kind, status, *_ in told}


async def test_one_payment_can_be_followed_by_its_ids(
    app: AppHarness, lines: pytest.LogCaptureFixture
) -> None:
    subscription_id = await buy(app, "stripe")
    looked_at = said(lines, SYNCED, "sync")
    ours = [(server, member) for _, key, _, server, member in looked_at if key.endswith(subscription_id)]
    assert (str(app.guild.id), str(app.bob.id)) in ours
    rung = {told_id for *_, told_id in said(lines, NOTIFIED, "notification")}
    assert any(evidence.removeprefix("event ") in rung for _, _, evidence, *_ in looked_at)
    assert outcomes(app, lines).count("1 given") == 1


async def test_a_fetch_that_is_refused_is_a_warning_at_first_and_at_each_doubling(
    app: AppHarness, lines: pytest.LogCaptureFixture
) -> None:
    subscription_id = await buy(app, "stripe")
    app.stripe.faults.add("status", f"subscriptions/{subscription_id}", method="GET", times=None, status=401)
    lines.clear()
    app.stripe.dashboard.cancel_at_period_end(subscription_id)
    async with asyncio.timeout(20):
        while sum(record.getMessage().startswith("sync: put off") for record in lines.records) < 4:
            app.clock.advance(60)
            await asyncio.sleep(0.05)
    levels = [record.levelname for record in lines.records if record.getMessage().startswith("sync: put")]
    assert levels[:4] == ["WARNING", "WARNING", "INFO", "WARNING"]


async def test_the_log_has_a_line_for_each_refused_notification(
    app: AppHarness, lines: pytest.LogCaptureFixture
) -> None:
    await app.settled()
    lines.clear()
    body = written(event(app, "stripe", "sub_1", note=EMAIL))
    for letter in (by_stripe(app, body, secret="whsec_x"), by_stripe(app, b"x"), by_paypal(app, b"x")):
        assert await send(app, letter) == 400
    told = said(lines, NOTIFIED, "notification")
    assert [(provider, name, status) for provider, name, status, *_ in told] == [
        ("stripe", "-", "400"),
        ("stripe", "-", "400"),
        ("paypal", "-", "400"),
    ]
    assert "The signature doesn't match." in told[0][3]
    assert "This request doesn't contain a valid event." in told[1][3]


def outcomes(app: AppHarness, lines: pytest.LogCaptureFixture, who: Person | None = None) -> list[str]:
    """The result of each check of a member since the last call."""
    mine = (str(app.guild.id), str((who or app.bob).id))
    found = [outcome for outcome, *whose in said(lines, CONVERGED, "reconcile") if tuple(whose) == mine]
    lines.clear()
    return found


async def test_the_log_has_a_line_for_each_checked_member(
    app: AppHarness, lines: pytest.LogCaptureFixture
) -> None:
    subscription_id = await buy(app, "stripe")
    told = outcomes(app, lines)
    assert told.count("1 given") == 1
    assert {*told} <= {"1 given", "unchanged"}
    app.stripe.dashboard.cancel_now(subscription_id)
    await patiently(app, lambda: app.roles() == [])
    assert "1 taken" in outcomes(app, lines)
    app.discord.faults.fail(*GIVES, 503, times=1)
    subscription_id = await buy(app, "stripe")
    told = outcomes(app, lines)
    assert told[0].startswith("put off, ")
    assert "1 given" in told
    app.world.remove_member(app.guild, app.bob)
    app.stripe.dashboard.cancel_at_period_end(subscription_id)
    await app.settled()
    assert "parked, MemberGone" in outcomes(app, lines)


async def look(app: AppHarness) -> tuple[int, dict[str, Any], dict[str, float]]:
    """The status of /readyz, what it names, and the gauges."""
    base = f"http://127.0.0.1:{app.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/readyz") as answer:
            status, state = answer.status, await answer.json()
        async with session.get(f"{base}/metrics") as answer:
            text = await answer.text()
    gauges = dict(re.findall(r"^(dues_\w+) ([\d.e+-]+)$", text, re.MULTILINE))
    return status, state, {name: float(value) for name, value in gauges.items()}


async def test_the_bot_is_not_ready_while_an_event_waits_too_long(app: AppHarness) -> None:
    status, state, gauges = await look(app)
    assert (status, state["ready"], gauges["dues_ready"]) == (200, True, 1)
    assert gauges["dues_oldest_event_seconds"] == gauges["dues_inbox_events"] == 0
    app.stripe.faults.add("status", r"/subscriptions/sub_", method="GET", status=503, times=None)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    app.stripe.pay_checkout(next(b.url for b in reply.buttons if b.url and "Stripe" in b.label))
    await app.stripe.settle()
    app.clock.advance(WAITS_TOO_LONG - 20)
    status, _, gauges = await look(app)
    assert status == 200
    assert 0 < gauges["dues_oldest_event_seconds"] <= WAITS_TOO_LONG
    app.clock.advance(40)
    status, state, gauges = await look(app)
    assert (status, state["ready"], gauges["dues_ready"]) == (503, False, 0)
    assert "waiting" in state["inbox"]
    assert state["members"] == state["ledger"] == state["discord"] == "ok"
    assert gauges["dues_oldest_event_seconds"] > WAITS_TOO_LONG
    assert gauges["dues_inbox_events"] >= 1
    app.stripe.faults.clear()
    await patiently(app, lambda: app.roles() == ["Gold"])
    status, _, gauges = await look(app)
    assert (status, gauges["dues_inbox_events"], gauges["dues_ready"]) == (200, 0, 1)


async def test_the_bot_is_not_ready_while_a_member_waits_too_long(app: AppHarness) -> None:
    app.discord.faults.fail(*GIVES, 503, times=None)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    app.stripe.pay_checkout(next(b.url for b in reply.buttons if b.url and "Stripe" in b.label))
    await app.settled()
    app.clock.advance(WAITS_TOO_LONG - 60)
    await app.settled()
    assert (await look(app))[0] == 200
    app.clock.advance(120)
    status, state, gauges = await look(app)
    assert (status, gauges["dues_ready"]) == (503, 0)
    assert "waiting" in state["members"]
    assert state["inbox"] == "ok"
    assert gauges["dues_oldest_member_seconds"] > WAITS_TOO_LONG
    assert gauges["dues_members_to_converge"] == 1
    app.discord.faults.clear()
    await patiently(app, lambda: app.roles() == ["Gold"])
    status, _, gauges = await look(app)
    assert (status, gauges["dues_members_to_converge"]) == (200, 0)


async def test_the_bot_is_ready_while_work_waits_only_for_a_person(app: AppHarness) -> None:
    """A role above the bot's is told to the admins, and holds up nobody."""
    app.world.set_role_position(app.bot_role, 1)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    app.stripe.pay_checkout(next(b.url for b in reply.buttons if b.url and "Stripe" in b.label))
    await app.settled()
    await app.ada.dm_containing("The bot couldn't set a role")
    app.clock.advance(DAY)
    await app.settled()
    status, _, gauges = await look(app)
    assert (status, gauges["dues_members_to_converge"]) == (200, 0)


async def test_notifications_are_counted_by_their_answer(app: AppHarness) -> None:
    async def count(provider: str, status: int) -> float:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{app.port}/metrics") as answer,
        ):
            text = await answer.text()
        label = rf'dues_notifications_total\{{provider="{provider}",status="{status}"\}} (\S+)'
        return float(next(iter(re.findall(label, text)), "0"))

    for provider, letter in (("stripe", by_stripe(app, b"x")), ("paypal", by_paypal(app, b"x"))):
        before = await count(provider, 400)
        assert await send(app, letter) == 400
        assert await count(provider, 400) == before + 1
    taken = await count("stripe", 200)
    await buy(app, "stripe")
    assert await count("stripe", 200) == taken + len(app.stripe.deliveries)
