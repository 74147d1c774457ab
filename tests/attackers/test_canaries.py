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
from tests.app.forged_presses import ADMINS, MEMBERS, leaves, something
from tests.app.harness import TOKEN, AppHarness
from tests.app.program_process import Program, is_ready, run, settings_of, until
from tests.app.sale import paypal_of
from tests.attackers.post import by_paypal, by_stripe, event, written

EMAIL, NAME, CARD = "canary@mail.example", "Canarina Birdsong", "4000056655665556"
QUOTED = "The key canary-key of canary@mail.example, card 4000056655665556, was canary-said."
STATUSES = (400, 401, 402, 403, 404)


def canaries(app: AppHarness) -> dict[str, str]:
    """The secrets that must appear nowhere. PayPal's access tokens begin with A21AA."""
    paypal = paypal_of(app)
    pair = f"{paypal.client_id}:{paypal.client_secret}".encode()
    return {
        "key of Stripe": app.stripe.api_key,
        "webhook secret": app.secret,
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


async def open_shop(app: AppHarness) -> None:
    paypal = paypal_of(app)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    options = {"name": "Gold", "role": app.gold, "stripe_price": app.price, "paypal_plan": sold}
    assert "Now on sale" in (await app.ada.run(app.guild, "plans add", options)).text


async def buy_both(app: AppHarness) -> list[str]:
    """Bob by Stripe, Cleo by PayPal; the addresses to pay at."""
    links = []
    for who, provider in ((app.bob, "Stripe"), (app.cleo, "PayPal")):
        reply = await who.run(app.guild, "subscribe", {"plan": "Gold"})
        links += [button.url for button in reply.buttons if button.url and provider in button.label]
    app.stripe.pay_checkout(links[0], card=CARD, name=NAME, email=EMAIL)
    paypal_of(app).approve(links[1], EMAIL, *NAME.split())
    await until(app, lambda: all("Gold" in app.roles(who) for who in (app.bob, app.cleo)))
    return links


async def use_all(app: AppHarness) -> list[str]:
    """Every command with all of its options, and every button of every answer; the links that were shown."""
    links = []
    commands = leaves(app)
    assert commands.keys() == ADMINS | MEMBERS
    for name in (*sorted(MEMBERS), "doctor", "revoke", *sorted(ADMINS - {"doctor", "revoke"})):
        options = {option["name"]: something(app, option) for option in commands[name]}
        for who in (app.bob, app.cleo) if name in MEMBERS else (app.ada,):
            for option in (o["name"] for o in commands[name] if o.get("autocomplete")):
                await who.autocomplete(app.guild, name, option, "", options)
            kept = {o["name"] for o in commands[name] if o["name"] != "subscription" or o.get("required")}
            given = {key: value for key, value in options.items() if key in kept}
            links += [url async for url in _shown(await who.run(app.guild, name, given))]
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


async def knock(app: AppHarness) -> list[str]:
    """Forged, and rightly signed, with what they hold; every answer of the listener."""
    stripe = event(app, "stripe", "sub_canary", note="canary-posted")
    paypal = event(app, "paypal", "I-CANARY", note="canary-posted")
    letters = [by_stripe(app, written(stripe)), by_paypal(app, written(paypal))]
    letters += [letter.but("Stripe-Signature", b"canary-header") for letter in letters[:1]]
    letters += [letter.but("PAYPAL-TRANSMISSION-SIG", b"canary-header") for letter in letters[1:2]]
    letters += [by_stripe(app, b"canary-posted"), by_paypal(app, b"canary-posted")]
    base, said = f"http://127.0.0.1:{app.port}", []
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
async def test_no_secret_appears_in_log_ledger_replies_metrics_or_check(
    idle_app: AppHarness, tmp_path: Path, form: str, statuses: tuple[int, ...]
) -> None:
    app = idle_app
    feed = app.world.subscribe()
    settings = settings_of(app, LOG_LEVEL="debug", LOG_FORMAT=form)
    program = Program(tmp_path, settings)
    await program.start()
    await is_ready(app)
    await open_shop(app)
    links = await buy_both(app)
    for status in statuses:
        for server in (app.stripe, paypal_of(app)):
            server.faults.add("status", status=status, times=None)
        links += await use_all(app)
        await app.ada.run(app.guild, "plans add", {"name": "G", "role": app.gold, "stripe_price": "price_x"})
        app.stripe.faults.clear()
        paypal_of(app).faults.clear()
    answers = await knock(app)
    app.stripe.faults.add("status", status=500, times=4)
    paypal_of(app).faults.add("status", status=500, times=4)
    links += await use_all(app)
    assert any("/p/session/" in link for link in links), "a portal was opened"
    answers += await knock(app)
    await backup(app.path, tmp_path / "backup.db")
    assert await program.stop() == 0
    lines = program.output.splitlines()
    assert len(lines) > 40
    assert form == "text" or all(json.loads(line) for line in lines)
    checks = [await run_check(tmp_path, settings, app, status) for status in (None, 401)]
    written_down = {
        "the log": program.output,
        "answers": "\n".join(answers),
        "replies": "\n".join(seen(feed)),
        "the check": "\n".join(checks),
        "the ledger": content(app.path),
        "the backup": content(tmp_path / "backup.db"),
    }
    found = {
        (where, name)
        for where, text in written_down.items()
        for name, c in canaries(app).items()
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


async def run_check(folder: Path, settings: dict[str, str], app: AppHarness, status: int | None) -> str:
    """The output and the log of `bot.py check`."""
    place = folder / f"check {status}"
    place.mkdir()
    for server in (app.stripe, paypal_of(app)):
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
