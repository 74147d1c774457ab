"""Secrets, and what providers know of payers, in everything that the program writes: looked for after a whole
run of every command, with providers whose errors quote all of it."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from db.sqlite.backup import backup
from standins.discord import Reply
from standins.paypal.errors import PayPalRefusal
from standins.stripe import faults
from tests.cogs.town import TOKEN, Town
from tests.e2e.process import Program, is_ready, run, settings_of, until
from tests.faults.attackers.hands import ADMINS, MEMBERS, leaves, something
from tests.faults.attackers.post import by_paypal, by_stripe, event, written
from tests.faults.attackers.shop import paypal_of

EMAIL, NAME, CARD = "canary@mail.example", "Canarina Birdsong", "4000056655665556"
QUOTED = "The key canary-key of canary@mail.example, card 4000056655665556, was canary-said."
STATUSES = (400, 401, 402, 403, 404)


def canaries(town: Town) -> dict[str, str]:
    """What must stand nowhere. An access token of PayPal's begins with A21AA."""
    paypal = paypal_of(town)
    pair = f"{paypal.client_id}:{paypal.client_secret}".encode()
    return {
        "key of Stripe": town.stripe.api_key,
        "webhook secret": town.secret,
        "bot token": TOKEN,
        "secret of PayPal": paypal.client_secret,
        "both of PayPal, packed": base64.b64encode(pair).decode(),
        "access token": "A21AA",
        "e-mail": EMAIL,
        "e-mail, packed": base64.b64encode(EMAIL.encode()).decode(),
        "name": "Canarina",
        "family name": "Birdsong",
        "card": CARD,
        "card's end": '"last4": "5556"',
        "provider's words": "canary-said",
        "a stranger's words": "canary-posted",
        "a stranger's secret": "canary-header",
    }


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers whose errors quote what they know."""
    for status in (*STATUSES, 429, 500, 503):
        monkeypatch.setitem(faults.MESSAGES, status, ("card_error", None, QUOTED))

    def body(refusal: PayPalRefusal, debug_id: str) -> dict[str, Any]:
        details = [{"issue": "SOME_ISSUE", "description": QUOTED, "value": QUOTED, "field": QUOTED}]
        named = {"name": refusal.name, "message": QUOTED, "debug_id": debug_id, "details": details}
        return {**named, "links": [{"href": QUOTED}], "error_description": QUOTED}

    monkeypatch.setattr(PayPalRefusal, "body", body)


async def open_shop(town: Town) -> None:
    paypal = paypal_of(town)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price, "paypal_plan": sold}
    assert "Now on sale" in (await town.ada.run(town.guild, "plans add", options)).text


async def buy_both(town: Town) -> list[str]:
    """Bob by Stripe, Cleo by PayPal; the addresses to pay at."""
    links = []
    for who, provider in ((town.bob, "Stripe"), (town.cleo, "PayPal")):
        reply = await who.run(town.guild, "subscribe", {"plan": "Gold"})
        links += [button.url for button in reply.buttons if button.url and provider in button.label]
    town.stripe.pay_checkout(links[0], card=CARD, name=NAME, email=EMAIL)
    paypal_of(town).approve(links[1], EMAIL, *NAME.split())
    await until(town, lambda: all("Gold" in town.roles(who) for who in (town.bob, town.cleo)))
    return links


async def use_all(town: Town) -> list[str]:
    """Every command with all of its options, and every button of every answer; the links that were shown."""
    links = []
    commands = leaves(town)
    assert commands.keys() == ADMINS | MEMBERS
    for name in (*sorted(MEMBERS), "doctor", "revoke", *sorted(ADMINS - {"doctor", "revoke"})):
        options = {option["name"]: something(town, option) for option in commands[name]}
        for who in (town.bob, town.cleo) if name in MEMBERS else (town.ada,):
            for option in (o["name"] for o in commands[name] if o.get("autocomplete")):
                await who.autocomplete(town.guild, name, option, "", options)
            kept = {o["name"] for o in commands[name] if o["name"] != "subscription" or o.get("required")}
            given = {key: value for key, value in options.items() if key in kept}
            links += [url async for url in _shown(await who.run(town.guild, name, given))]
    return links


async def _shown(reply: Reply) -> Any:
    """The links of an answer, and of those to its buttons."""
    for button in reply.buttons:
        if button.url:
            yield button.url
        elif button in reply.buttons and not button.disabled and button.custom_id:
            for further in (await reply.press(button.custom_id)).buttons:
                if further.url:
                    yield further.url


async def knock(town: Town) -> list[str]:
    """Forged, and rightly signed, with what they hold; every answer of the listener."""
    stripe = event(town, "stripe", "sub_canary", note="canary-posted")
    paypal = event(town, "paypal", "I-CANARY", note="canary-posted")
    letters = [by_stripe(town, written(stripe)), by_paypal(town, written(paypal))]
    letters += [letter.but("Stripe-Signature", b"canary-header") for letter in letters[:1]]
    letters += [letter.but("PAYPAL-TRANSMISSION-SIG", b"canary-header") for letter in letters[1:2]]
    letters += [by_stripe(town, b"canary-posted"), by_paypal(town, b"canary-posted")]
    base, said = f"http://127.0.0.1:{town.port}", []
    async with aiohttp.ClientSession() as session:
        for letter in letters:
            headers = [(name, value.decode()) for name, value in letter.headers]
            where = f"{base}/webhooks/{letter.provider}?x=canary-posted"
            async with session.post(where, data=letter.body, headers=headers) as answer:
                said.append(await answer.text())
        for path in (
            "metrics",
            "readyz",
            "healthz",
            "canary-posted",
            "return?from=canary-posted&token=canary-header",
        ):
            async with session.get(f"{base}/{path}") as answer:
                said.append(await answer.text())
    return said


def seen(feed: asyncio.Queue[dict[str, Any]]) -> Iterator[str]:
    """All that was shown to anybody in Discord."""
    while not feed.empty():
        item = feed.get_nowait()
        if item["kind"] in ("message_created", "message_updated"):
            yield json.dumps(item["message"], ensure_ascii=False)


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize(("form", "statuses"), [("text", STATUSES), ("json", STATUSES[:1])])
async def test_no_canary_sings(
    still_town: Town, tmp_path: Path, form: str, statuses: tuple[int, ...]
) -> None:
    town = still_town
    feed = town.world.subscribe()
    settings = settings_of(town, LOG_LEVEL="debug", LOG_FORMAT=form)
    program = Program(tmp_path, settings)
    await program.start()
    await is_ready(town)
    await open_shop(town)
    links = await buy_both(town)
    for status in statuses:
        for server in (town.stripe, paypal_of(town)):
            server.faults.add("status", status=status, times=None)
        links += await use_all(town)
        await town.ada.run(
            town.guild, "plans add", {"name": "G", "role": town.gold, "stripe_price": "price_x"}
        )
        town.stripe.faults.clear()
        paypal_of(town).faults.clear()
    answers = await knock(town)
    town.stripe.faults.add("status", status=500, times=4)
    paypal_of(town).faults.add("status", status=500, times=4)
    links += await use_all(town)
    assert any("/p/session/" in link for link in links), "a portal was opened"
    answers += await knock(town)
    await backup(town.path, tmp_path / "backup.db")
    assert await program.stop() == 0
    lines = program.output.splitlines()
    assert len(lines) > 40
    assert form == "text" or all(json.loads(line) for line in lines)
    checks = [await run_check(tmp_path, settings, town, status) for status in (None, 401)]
    written_down = {
        "the log": program.output,
        "answers": "\n".join(answers),
        "replies": "\n".join(seen(feed)),
        "the check": "\n".join(checks),
        "the ledger": content(town.path),
        "the backup": content(tmp_path / "backup.db"),
    }
    found = {
        (where, name)
        for where, text in written_down.items()
        for name, c in canaries(town).items()
        if c in text
    }
    assert found == set()
    private = {
        link
        for link in links
        for where in ("the log", "the ledger", "the check")
        if link in written_down[where]
    }
    assert private == set()


async def run_check(folder: Path, settings: dict[str, str], town: Town, status: int | None) -> str:
    """What `bot.py check` prints and logs."""
    place = folder / f"check {status}"
    place.mkdir()
    for server in (town.stripe, paypal_of(town)):
        server.faults.clear()
        if status is not None:
            server.faults.add("status", status=status, times=None)
    _, said = await run(place, settings, "check")
    assert "Settings" in said
    return said


def content(path: Path) -> str:
    """Every row, and every byte of the file, what was deleted too."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        dump = "\n".join(db.iterdump())
    return dump + "".join(f.read_bytes().decode("latin-1") for f in path.parent.glob(f"{path.name}*"))
