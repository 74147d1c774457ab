"""Hostile names of plans, servers and roles: shown, they ping nobody, hide nothing, format nothing and
begin no line of their own."""

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
from tests.app.harness import AppHarness
from tests.app.program_process import run, settings_of
from tests.app.sale import buy, paypal_of
from tests.contract.ledger.nouns import plan, price
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

    def __init__(self, app: AppHarness) -> None:
        self._feed = app.world.subscribe()

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


async def call(app: AppHarness, name: str) -> None:
    """Everything is called that."""
    ledger = app.ports.ledger
    (sold,) = await ledger.load_plans(app.guild.id)
    named = replace(sold, name=name, description=name, role_ids=(app.gold.id, app.silver.id))
    await ledger.record_plan(named, "1", app.ports.now())
    for role in (app.gold, app.silver):
        app.world.rename_role(role, name)
    app.bob.user.name = app.guild.name = name
    app.world.close_guild(app.guild)
    app.world.open_guild(app.guild)
    await app.settled()


async def look_everywhere(app: AppHarness, name: str) -> list[str]:
    """Each command's card, and what is suggested while somebody types."""
    bob, cleo, here = app.bob, app.cleo, app.guild
    for place in (here, None):
        for command in ("subscriptions", "subscribe", "manage"):
            await bob.run(place, command)
        await (await bob.run(place, "cancel")).press("Keep it")
    asked = await cleo.run(here, "revoke", {"member": bob, "when": "now", "reason": name.replace("\x00", "")})
    await asked.press("Keep access")
    for command in ("plans list", "doctor"):
        await cleo.run(here, command)
    suggested = [*await bob.autocomplete(here, "cancel", "subscription", "")]
    suggested += [*await bob.autocomplete(None, "subscribe", "plan", "")]
    suggested += [*await cleo.autocomplete(here, "plans edit", "plan", "")]
    return [choice["name"] for choice in suggested]


async def test_hostile_names_format_nothing_in_any_card_or_suggestion(
    app: AppHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "cogs")
    await buy(app, "stripe")
    watch = Watch(app)
    for name in NAUGHTY:
        await call(app, name)
        suggested = await look_everywhere(app, name)
        shown = list(watch.messages())
        assert len(shown) >= 13
        assert [fault for message in shown for fault in faults_of(message, name)] == []
        assert len(suggested) == 3
        assert all(s.isprintable() for s in suggested)
        assert name not in caplog.text
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []


async def test_hostile_names_format_nothing_in_any_receipt_or_message(app: AppHarness) -> None:
    """From a purchase to the lifting of a revocation, by both providers; and to the admins' channel."""
    await app.ada.run(app.guild, "plans settings", {"notice_channel": app.guild.channel()})
    await call(app, NAME)
    watch = Watch(app)
    await buy_named(app)
    asked = await app.bob.run(app.guild, "cancel")
    receipt = await asked.press("Cancel subscription")
    await receipt.press("Resume")
    options = {"member": app.bob, "when": "now", "refund": "last_payment", "reason": REASON}
    done = await (await app.ada.run(app.guild, "revoke", options)).press("Revoke access")
    await app.settled()
    note = await app.bob.dm_containing("Access revoked")
    await note.press("Ask the admins")
    await app.settled()
    told = await app.ada.message_containing(app.guild.channel(), "is asking about a revocation")
    assert "Reason for the revocation" in told.text
    await done.press("Undo")
    app.world.delete_role(app.silver)
    await app.settled()
    await app.ada.run(app.guild, "plans remove", {"plan": NAME})
    await app.settled()
    shown = list(watch.messages())
    kinds = ("Thank you", "Cancel ", "Cancelled", "revoked", "Access revoked", "no longer on sale")
    texts = [json.dumps(message, ensure_ascii=False) for message in shown]
    assert [kind for kind in kinds if not any(kind in text for text in texts)] == []
    for typed in PARTS:
        assert [fault for message in shown for fault in faults_of(message, typed)] == []


async def buy_named(app: AppHarness) -> None:
    for who, provider in ((app.bob, "Stripe"), (app.cleo, "PayPal")):
        reply = await who.run(app.guild, "subscribe")
        (link,) = [b.url for b in reply.buttons if b.url and provider in b.label]
        if provider == "Stripe":
            app.stripe.pay_checkout(link)
        else:
            paypal_of(app).approve(link)
        await app.settled()


@pytest.mark.parametrize("typed", [*UNSEEN, "\u200b", "\u202e \u2066", "\x1b"])
async def test_an_invisible_or_unprintable_plan_name_is_never_stored(app: AppHarness, typed: str) -> None:
    await app.ada.run(app.guild, "plans edit", {"plan": "Gold", "name": typed})
    (sold,) = await app.ports.ledger.load_plans(app.guild.id)
    assert sold.name.isprintable()
    assert sold.name.strip()


@pytest.mark.parametrize("typed", NAUGHTY)
def test_a_name_with_line_breaks_is_one_line_in_the_log(typed: str) -> None:
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
def test_a_name_with_line_breaks_is_one_line_in_the_table_of_check(typed: str) -> None:
    said = table([Finding(f"Price of {typed}", True, typed), Finding("x", False, typed, typed)])
    lines = said.split("\n")
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if line.startswith(("ok", "FAIL"))]) == 2


async def test_check_prints_no_control_characters_of_a_hostile_name(
    idle_app: AppHarness, tmp_path: Path
) -> None:
    app = idle_app
    async with await SqliteLedger.open(app.path) as ledger:
        for number, name in enumerate(("\x1b[2J\x1b]0;gone\x07ok", "Gold\nok    Stripe key   All is well")):
            await ledger.record_plan(plan(name, prices=(price(f"price_{number}"),)), "1", 10)
    _, said = await run(tmp_path, settings_of(app), "check")
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
async def test_the_return_page_shows_nothing_of_its_address(door: str, typed: str) -> None:
    given = {"from": typed, "subscription_id": typed, "token": typed, typed.replace("\x00", "") or "x": typed}
    async with aiohttp.ClientSession() as session, session.get(f"{door}/return", params=given) as answer:
        said = await answer.text()
        assert answer.status == 200
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    async with aiohttp.ClientSession() as session, session.get(f"{door}/return") as answer:
        assert await answer.text() == said


def test_an_invisible_name_does_not_break_a_menu() -> None:
    """Discord takes no empty label, and with it not the whole message."""
    menu = layout.select("Which?", "map", 0, "", [("\u200b", "7", "\u200b")])
    assert menu.to_component_dict()["components"][0]["options"][0]["label"] == "7"
