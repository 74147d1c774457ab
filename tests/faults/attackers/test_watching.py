"""What an owner can see from outside: a line for each notification and each member looked at, whether it is
ready, and how long anything has waited."""

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
from tests.cogs.town import DAY, Town
from tests.faults.attackers.post import by_paypal, by_stripe, event, send, written
from tests.faults.attackers.shop import buy, paypal_of
from tests.faults.neighbours.ways import GIVES, patiently
from web.readiness import WAITS_TOO_LONG

EMAIL, NAME = "canary@mail.example", "Canarina Birdsong"
NOTIFIED = re.compile(r"notification (stripe|paypal) (\S+): (\d{3}) (.+) in \d+\.\d ms(?: event=(\S+))?")
CONVERGED = re.compile(r"converge: (.+) in \d+\.\d ms server=(\d+) member=(\d+)")
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


async def test_a_line_for_each_notification(town: Town, lines: pytest.LogCaptureFixture) -> None:
    paypal = paypal_of(town)
    await town.settled()
    lines.clear()
    seen = len(town.stripe.deliveries), len(paypal.deliveries)
    link = (await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})).buttons[0].url
    assert link
    town.stripe.pay_checkout(link, name=NAME, email=EMAIL)
    await town.settled()
    await buy(town, "paypal", town.cleo)
    sent = [d.event["id"] for d in (*town.stripe.deliveries[seen[0] :], *paypal.deliveries[seen[1] :])]
    told = said(lines, NOTIFIED, "notification")
    assert sorted(told_id for *_, told_id in told) == sorted(sent)
    outcomes = {outcome for *_, outcome, _ in told}
    assert outcomes == {"stored 1", "nothing new"}
    assert ("customer.subscription.created", "200") in {(kind, status) for _, kind, status, *_ in told}


async def test_one_payment_can_be_followed_by_its_ids(town: Town, lines: pytest.LogCaptureFixture) -> None:
    subscription_id = await buy(town, "stripe")
    looked_at = said(lines, SYNCED, "sync")
    ours = [(server, member) for _, key, _, server, member in looked_at if key.endswith(subscription_id)]
    assert (str(town.guild.id), str(town.bob.id)) in ours
    rung = {told_id for *_, told_id in said(lines, NOTIFIED, "notification")}
    assert any(evidence.removeprefix("event ") in rung for _, _, evidence, *_ in looked_at)
    assert outcomes(town, lines).count("1 given") == 1


async def test_a_fetch_that_is_refused_is_a_warning_at_first_and_at_each_doubling(
    town: Town, lines: pytest.LogCaptureFixture
) -> None:
    subscription_id = await buy(town, "stripe")
    town.stripe.faults.add("status", f"subscriptions/{subscription_id}", method="GET", times=None, status=401)
    lines.clear()
    town.stripe.dashboard.cancel_at_period_end(subscription_id)
    async with asyncio.timeout(20):
        while sum(record.getMessage().startswith("sync: put off") for record in lines.records) < 4:
            town.clock.advance(60)
            await asyncio.sleep(0.05)
    levels = [record.levelname for record in lines.records if record.getMessage().startswith("sync: put")]
    assert levels[:4] == ["WARNING", "WARNING", "INFO", "WARNING"]


async def test_a_line_for_each_that_is_refused(town: Town, lines: pytest.LogCaptureFixture) -> None:
    await town.settled()
    lines.clear()
    body = written(event(town, "stripe", "sub_1", note=EMAIL))
    for letter in (by_stripe(town, body, secret="whsec_x"), by_stripe(town, b"x"), by_paypal(town, b"x")):
        assert await send(town, letter) == 400
    told = said(lines, NOTIFIED, "notification")
    assert [(provider, name, status) for provider, name, status, *_ in told] == [
        ("stripe", "-", "400"),
        ("stripe", "-", "400"),
        ("paypal", "-", "400"),
    ]
    assert "The signature does not fit." in told[0][3]
    assert "This is not an event." in told[1][3]


def outcomes(town: Town, lines: pytest.LogCaptureFixture, who: Person | None = None) -> list[str]:
    """What came of each look at a member since the last time."""
    mine = (str(town.guild.id), str((who or town.bob).id))
    found = [outcome for outcome, *whose in said(lines, CONVERGED, "converge") if tuple(whose) == mine]
    lines.clear()
    return found


async def test_a_line_for_each_member_that_is_looked_at(town: Town, lines: pytest.LogCaptureFixture) -> None:
    subscription_id = await buy(town, "stripe")
    told = outcomes(town, lines)
    assert told.count("1 given") == 1
    assert {*told} <= {"1 given", "in step"}
    town.stripe.dashboard.cancel_now(subscription_id)
    await patiently(town, lambda: town.roles() == [])
    assert "1 taken" in outcomes(town, lines)
    town.discord.faults.fail(*GIVES, 503, times=1)
    subscription_id = await buy(town, "stripe")
    told = outcomes(town, lines)
    assert told[0].startswith("put off, ")
    assert "1 given" in told
    town.world.remove_member(town.guild, town.bob)
    town.stripe.dashboard.cancel_at_period_end(subscription_id)
    await town.settled()
    assert "parked, MemberGone" in outcomes(town, lines)


async def look(town: Town) -> tuple[int, dict[str, Any], dict[str, float]]:
    """The status of /readyz, what it names, and the gauges."""
    base = f"http://127.0.0.1:{town.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/readyz") as answer:
            status, state = answer.status, await answer.json()
        async with session.get(f"{base}/metrics") as answer:
            text = await answer.text()
    gauges = dict(re.findall(r"^(dues_\w+) ([\d.e+-]+)$", text, re.MULTILINE))
    return status, state, {name: float(value) for name, value in gauges.items()}


async def test_not_ready_while_an_event_waits_too_long(town: Town) -> None:
    status, state, gauges = await look(town)
    assert (status, state["ready"], gauges["dues_ready"]) == (200, True, 1)
    assert gauges["dues_oldest_event_seconds"] == gauges["dues_inbox_events"] == 0
    town.stripe.faults.add("status", r"/subscriptions/sub_", method="GET", status=503, times=None)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    town.stripe.pay_checkout(next(b.url for b in reply.buttons if b.url and "Stripe" in b.label))
    await town.stripe.settle()
    town.clock.advance(WAITS_TOO_LONG - 20)
    status, _, gauges = await look(town)
    assert status == 200
    assert 0 < gauges["dues_oldest_event_seconds"] <= WAITS_TOO_LONG
    town.clock.advance(40)
    status, state, gauges = await look(town)
    assert (status, state["ready"], gauges["dues_ready"]) == (503, False, 0)
    assert "waited" in state["inbox"]
    assert state["members"] == state["ledger"] == state["discord"] == "ok"
    assert gauges["dues_oldest_event_seconds"] > WAITS_TOO_LONG
    assert gauges["dues_inbox_events"] >= 1
    town.stripe.faults.clear()
    await patiently(town, lambda: town.roles() == ["Gold"])
    status, _, gauges = await look(town)
    assert (status, gauges["dues_inbox_events"], gauges["dues_ready"]) == (200, 0, 1)


async def test_not_ready_while_a_member_waits_too_long(town: Town) -> None:
    town.discord.faults.fail(*GIVES, 503, times=None)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    town.stripe.pay_checkout(next(b.url for b in reply.buttons if b.url and "Stripe" in b.label))
    await town.settled()
    town.clock.advance(WAITS_TOO_LONG - 60)
    await town.settled()
    assert (await look(town))[0] == 200
    town.clock.advance(120)
    status, state, gauges = await look(town)
    assert (status, gauges["dues_ready"]) == (503, 0)
    assert "waited" in state["members"]
    assert state["inbox"] == "ok"
    assert gauges["dues_oldest_member_seconds"] > WAITS_TOO_LONG
    assert gauges["dues_members_to_converge"] == 1
    town.discord.faults.clear()
    await patiently(town, lambda: town.roles() == ["Gold"])
    status, _, gauges = await look(town)
    assert (status, gauges["dues_members_to_converge"]) == (200, 0)


async def test_what_waits_for_a_person_is_no_outage(town: Town) -> None:
    """A role above the bot's is told to the admins, and holds up nobody."""
    town.world.set_role_position(town.bot_role, 1)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    town.stripe.pay_checkout(next(b.url for b in reply.buttons if b.url and "Stripe" in b.label))
    await town.settled()
    await town.ada.dm_containing("A role could not be set")
    town.clock.advance(DAY)
    await town.settled()
    status, _, gauges = await look(town)
    assert (status, gauges["dues_members_to_converge"]) == (200, 0)


async def test_notifications_are_counted_by_their_answer(town: Town) -> None:
    async def count(provider: str, status: int) -> float:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{town.port}/metrics") as answer,
        ):
            text = await answer.text()
        label = rf'dues_notifications_total\{{provider="{provider}",status="{status}"\}} (\S+)'
        return float(next(iter(re.findall(label, text)), "0"))

    for provider, letter in (("stripe", by_stripe(town, b"x")), ("paypal", by_paypal(town, b"x"))):
        before = await count(provider, 400)
        assert await send(town, letter) == 400
        assert await count(provider, 400) == before + 1
    taken = await count("stripe", 200)
    await buy(town, "stripe")
    assert await count("stripe", 200) == taken + len(town.stripe.deliveries)
