"""Whatever people call their plans, servers and roles: what is shown pings nobody, hides nothing, formats
nothing and begins no line of its own."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from billing.model import Finding
from check import table
from cogs.views import layout
from db import SqliteLedger
from logs import JsonFormatter, TextFormatter
from standins.clock import MovableClock
from standins.discord.components import TEXT, walk
from tests.cogs.town import Town
from tests.contract.ledger.nouns import plan
from tests.e2e.process import run, settings_of
from tests.faults.attackers.shop import buy, paypal_of
from web.app import Listener, listening

MARKUP = [
    "@everyone and @here",
    "<@1> <@!2> <@&3> <#4> </cancel:5> <t:6> <:e:7>",
    "[free](https://evil.example)",
    "<https://evil.example>",
    "**a** __b__ ~~c~~ ||d|| `e` *f* _g_",
    "```ansi",
    "# big",
    "-# small",
    "> quoted",
    ">>> all of it",
    "- item",
    "\\*\\[twice",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://evil.example")',
    "+1+1",
]
UNSEEN = [
    "\u202egold\u202c\u2066x\u2069",
    "go\u200bl\u200dd\ufeff\u00ad",
    "a\nb\r\nc\u2028d\u2029e\x85f",
    "\x1b[31mred\x1b[0m\x07\x00\x9b",
    "\ue000\U000e0041",
]
NAUGHTY = [*MARKUP, *UNSEEN]
NAME = "@everyone [x](https://e.example) <@1> **b** \u202e\x1b[31m"
REASON = f"{NAME} # and `more`"
PARTS = ["**b**", "[x](https://e.example)", "<@1>", "@everyone", "`more`"]
MARKED = {typed for typed in (*MARKUP, *PARTS) if set(typed) & set("*_~`|[]<@#>-+")}


class Watch:
    """All that was shown in Discord since."""

    def __init__(self, town: Town) -> None:
        self._feed = town.world.subscribe()

    def messages(self) -> Iterator[dict[str, Any]]:
        while not self._feed.empty():
            item = self._feed.get_nowait()
            if item["kind"] in ("message_created", "message_updated"):
                yield item["message"]


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def faults_of(message: dict[str, Any], typed: str) -> list[str]:
    """Whether it pings somebody, hides something, or lets what was typed format it."""
    texts = [part["content"] for part in walk(message["components"]) if part["type"] == TEXT]
    pings = message["mentions"] or message["mention_roles"] or message["mention_everyone"]
    found = ["pings"] if pings else []
    seen = [text.replace("\n", "").replace("\xa0", "") for text in strings(message["components"])]
    found += [f"hides something: {text!r}" for text in seen if not text.isprintable()]
    if typed in MARKED:
        before = "(?m)^" if typed[0] in "#>-+" else r"(?<!\\)"
        raw = re.compile(before + re.escape(typed))
        found += [f"formatted: {text!r}" for text in texts if raw.search(text)]
    return found


async def call(town: Town, name: str) -> None:
    """Everything is called that."""
    ledger = town.ports.ledger
    (sold,) = await ledger.load_plans(town.guild.id)
    named = replace(sold, name=name, description=name, role_ids=(town.gold.id, town.silver.id))
    await ledger.record_plan(named, "1", town.ports.now())
    for role in (town.gold, town.silver):
        town.world.rename_role(role, name)
    town.bob.user.name = town.guild.name = name
    town.world.close_guild(town.guild)
    town.world.open_guild(town.guild)
    await town.settled()


async def look_everywhere(town: Town, name: str) -> list[str]:
    """Each command's card, and what is suggested while somebody types."""
    bob, cleo, here = town.bob, town.cleo, town.guild
    for place in (here, None):
        for command in ("subscriptions", "subscribe", "manage"):
            await bob.run(place, command)
        await (await bob.run(place, "cancel")).press("Keep it")
    asked = await cleo.run(here, "revoke", {"member": bob, "when": "now", "reason": name.replace("\x00", "")})
    await asked.press("Leave it")
    for command in ("plans list", "doctor"):
        await cleo.run(here, command)
    suggested = [*await bob.autocomplete(here, "cancel", "subscription", "")]
    suggested += [*await bob.autocomplete(None, "subscribe", "plan", "")]
    suggested += [*await cleo.autocomplete(here, "plans edit", "plan", "")]
    return [choice["name"] for choice in suggested]


async def test_every_card_and_suggestion(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "cogs")
    await buy(town, "stripe")
    watch = Watch(town)
    for name in NAUGHTY:
        await call(town, name)
        suggested = await look_everywhere(town, name)
        shown = list(watch.messages())
        assert len(shown) >= 13
        assert [fault for message in shown for fault in faults_of(message, name)] == []
        assert len(suggested) == 3
        assert all(s.isprintable() for s in suggested)
        assert name not in caplog.text
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []


async def test_every_receipt_and_message(town: Town) -> None:
    """From a purchase to the lifting of a revocation, by both providers; and to the admins' channel."""
    await town.ada.run(town.guild, "plans settings", {"notice_channel": town.guild.channel()})
    await call(town, NAME)
    watch = Watch(town)
    await buy_named(town)
    asked = await town.bob.run(town.guild, "cancel")
    receipt = await asked.press("Cancel subscription")
    await receipt.press("Resume")
    options = {"member": town.bob, "when": "now", "refund": "last_payment", "reason": REASON}
    done = await (await town.ada.run(town.guild, "revoke", options)).press("Revoke access")
    await town.settled()
    note = await town.bob.dm_containing("Access revoked")
    await note.press("Ask the admins")
    await town.settled()
    told = await town.ada.message_containing(town.guild.channel(), "asks about a revocation")
    assert "The reason given was" in told.text
    await done.press("Undo")
    town.world.delete_role(town.silver)
    await town.settled()
    await town.ada.run(town.guild, "plans remove", {"plan": NAME})
    await town.settled()
    shown = list(watch.messages())
    kinds = ("Thank you", "Cancel ", "Cancelled", "revoked", "Access revoked", "no longer on sale")
    texts = [json.dumps(message, ensure_ascii=False) for message in shown]
    assert [kind for kind in kinds if not any(kind in text for text in texts)] == []
    for typed in PARTS:
        assert [fault for message in shown for fault in faults_of(message, typed)] == []


async def buy_named(town: Town) -> None:
    for who, provider in ((town.bob, "Stripe"), (town.cleo, "PayPal")):
        reply = await who.run(town.guild, "subscribe")
        (link,) = [b.url for b in reply.buttons if b.url and provider in b.label]
        if provider == "Stripe":
            town.stripe.pay_checkout(link)
        else:
            paypal_of(town).approve(link)
        await town.settled()


@pytest.mark.parametrize("typed", [*UNSEEN, "\u200b", "\u202e \u2066", "\x1b"])
async def test_a_plans_name_is_what_can_be_seen(town: Town, typed: str) -> None:
    await town.ada.run(town.guild, "plans edit", {"plan": "Gold", "name": typed})
    (sold,) = await town.ports.ledger.load_plans(town.guild.id)
    assert sold.name.isprintable()
    assert sold.name.strip()


@pytest.mark.parametrize("typed", NAUGHTY)
def test_a_line_in_the_log_is_one_line(typed: str) -> None:
    record = logging.LogRecord("dues", logging.INFO, "f", 1, "sub %s done", (typed,), None)
    said = TextFormatter().format(record)
    assert said.isprintable()
    assert " INFO    dues: sub " in said
    line = json.loads(JsonFormatter().format(record))
    assert line["message"].isprintable()


def test_a_fault_in_a_strangers_words_is_logged_all_the_same() -> None:
    error = ValueError("half a character: \ud800")
    record = logging.LogRecord("x", 40, "f", 1, "\ud800", (), (ValueError, error, None))
    line = json.loads(JsonFormatter().format(record))
    assert "ValueError" in line["exception"]
    assert line["message"] == "\\ud800"


@pytest.mark.parametrize("typed", NAUGHTY)
def test_a_line_in_the_checks_table_is_one_line(typed: str) -> None:
    said = table([Finding(f"Price of {typed}", True, typed), Finding("x", False, typed, typed)])
    lines = said.split("\n")
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if line.startswith(("ok", "FAIL"))]) == 2


async def test_the_check_speaks_to_a_terminal(still_town: Town, tmp_path: Path) -> None:
    town = still_town
    async with await SqliteLedger.open(town.path) as ledger:
        for name in ("\x1b[2J\x1b]0;gone\x07ok", "Gold\nok    Stripe key   All is well"):
            await ledger.record_plan(replace(plan(), id=0, name=name), "1", 10)
    _, said = await run(tmp_path, settings_of(town), "check")
    assert "Price of \\x1b[2J" in said
    assert "Price of Gold\\nok" in said
    assert "\x1b" not in said


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[str]:
    """A listener that runs; its address."""
    async with (
        await SqliteLedger.open(tmp_path / "ledger.db") as ledger,
        listening(
            Listener(ledger, {}, MovableClock(), lambda: None).application(), "127.0.0.1", 0, 1.0
        ) as port,
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("typed", [*NAUGHTY, '"><svg onload=alert(1)>', "{0.__class__}", "%s"])
async def test_the_page_to_return_to_shows_nothing_of_the_address(door: str, typed: str) -> None:
    given = {"from": typed, "subscription_id": typed, "token": typed, typed.replace("\x00", "") or "x": typed}
    async with aiohttp.ClientSession() as session, session.get(f"{door}/return", params=given) as answer:
        said = await answer.text()
        assert answer.status == 200
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    async with aiohttp.ClientSession() as session, session.get(f"{door}/return") as answer:
        assert await answer.text() == said


def test_a_name_of_nothing_visible_does_not_spoil_a_menu() -> None:
    """Discord takes no empty label, and with it not the whole message."""
    menu = layout.select("Which?", "map", 0, "", [("\u200b", "7", "\u200b")])
    assert menu.to_component_dict()["components"][0]["options"][0]["label"] == "7"
