"""`python bot.py check` looks at everything, says what it found, and leaves everything as it was."""

from __future__ import annotations

import sqlite3
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization

from db import SqliteLedger
from db.sqlite.schema import load_migrations, prepare
from i18n.plain import plain_words
from standins.paypal.certs import issue, key
from tests.app.harness import AppHarness
from tests.app.program_process import Program, is_ready, run, settings_of
from tests.contract.ledger.nouns import plan
from tests.db.test_inspection import state
from web.reachability import check_public


async def check(app: AppHarness, folder: Path, **more: str) -> tuple[int, str]:
    """Exit code, and the table as one line."""
    code, output = await run(folder, settings_of(app, **more), "check")
    return code, " ".join(output.split())


async def test_check_creates_neither_ledger_nor_folder(app: AppHarness, tmp_path: Path) -> None:
    place = tmp_path / "new" / "folder"
    code, output = await check(app, tmp_path, DATABASE_URL=f"sqlite:///{place}/ledger.db")
    assert code == 0, output
    assert f"note Ledger There's no ledger at {place}/ledger.db yet" in output
    assert [path.name for path in tmp_path.iterdir()] == ["output.txt"]


async def test_check_does_not_migrate_the_ledger(app: AppHarness, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with closing(sqlite3.connect(home / "old.db", isolation_level=None)) as db:
        prepare(db, load_migrations()[:6])
    before = state(home)
    code, output = await check(app, tmp_path, DATABASE_URL=f"sqlite:///{home}/old.db")
    assert code == 0, output
    assert f"It has schema 6 and will be upgraded to schema {len(load_migrations())}" in output
    assert state(home) == before


@pytest.mark.parametrize(("version", "says"), [(9999, "newer version"), (None, "damaged")])
async def test_check_reports_an_unreadable_ledger(
    app: AppHarness, tmp_path: Path, version: int | None, says: str
) -> None:
    path = tmp_path / "home" / "odd.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version or 1}")
    if version is None:
        path.write_bytes(b"this is no ledger at all" * 1000)
    before = state(path.parent)
    code, output = await check(app, tmp_path, DATABASE_URL=f"sqlite:///{path}")
    assert code == 1
    assert "FAIL Ledger" in output
    assert says in output
    assert state(path.parent) == before


async def test_check_shows_everything_in_a_terminal_that_cannot_show_a_name(
    app: AppHarness, tmp_path: Path
) -> None:
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.record_plan(plan(name="Gold \N{GLOWING STAR}"), "1", 10)
    for encoding in ("ascii", "latin-1", "cp1252"):
        _, output = await check(app, tmp_path, PYTHONIOENCODING=encoding)
        assert "Price of Gold \\U0001f31f" in output
        assert "Traceback" not in output


async def test_check_exits_0_if_it_has_only_notes(app: AppHarness, tmp_path: Path) -> None:
    code, output = await check(app, tmp_path)
    assert code == 0, output
    assert "FAIL" not in output
    for note in ("PUBLIC_URL http://127.0.0.1", "Secret key SECRET_KEY isn't set", "Backups The bot hasn"):
        assert f"note {note}" in output


async def test_check_says_whether_the_bot_is_in_a_server(app: AppHarness, tmp_path: Path) -> None:
    _, output = await check(app, tmp_path)
    assert "ok Discord servers The bot is in Pottery" in output
    async with await SqliteLedger.open(app.path) as ledger:
        await ledger.record_plan(plan(guild_id=77), "1", 10)
    code, output = await check(app, tmp_path)
    assert code == 1
    assert "Plans are on sale in server 77, but the bot isn't in that server." in output


async def test_check_shows_the_invite_link_of_a_bot_in_no_server(app: AppHarness, tmp_path: Path) -> None:
    app.world.uninstall(app.application, app.guild)
    code, output = await check(app, tmp_path)
    assert code == 1
    assert "FAIL Discord servers The bot isn't in any server yet" in output
    assert f"client_id={app.application.id}" in output


async def test_check_reports_a_port_that_is_taken(app: AppHarness, tmp_path: Path) -> None:
    _, output = await check(app, tmp_path)
    assert f"ok HTTP listener 127.0.0.1:{app.port} is free" in output
    async with answering(200, "not ours") as port:
        code, output = await check(app, tmp_path, HTTP_PORT=str(port))
    assert code == 1
    assert "FAIL HTTP listener Another program is using" in output


async def test_check_does_not_report_the_port_of_the_running_bot(
    app: AppHarness, program: Program, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    code, output = await check(app, other, PUBLIC_URL="https://dues.invalid")
    assert "ok Ledger A running bot is using the ledger" in output
    assert "HTTP listener" not in output
    assert "note PUBLIC_URL The bot couldn't test https://dues.invalid/healthz from this machine" in output
    assert code == 1, "the webhook leads elsewhere"


async def test_a_misspelt_setting_fails_check_and_warns_at_the_start(app: AppHarness, tmp_path: Path) -> None:
    lines = {**settings_of(app), "GRACE_DAY": "3", "MY_OWN": "x"}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    code, output = await run(tmp_path, {}, "check")
    assert code == 1
    assert "FAIL  Settings" in output
    misspelt = "GRACE_DAY in .env isn't a setting, so it has no effect. Did you mean GRACE_DAYS?"
    assert misspelt in " ".join(output.split())
    assert "MY_OWN" not in output
    program = Program(tmp_path, {})
    await program.start()
    await is_ready(app)
    assert await program.stop() == 0
    assert "WARNING dues: GRACE_DAY in .env isn't a setting" in program.output


async def test_a_refused_start_names_a_misspelt_setting(app: AppHarness, tmp_path: Path) -> None:
    lines = settings_of(app)
    lines["STRIPE_WEBHOK_SECRET"] = lines.pop("STRIPE_WEBHOOK_SECRET")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    code, output = await run(tmp_path, {})
    assert code == 2
    assert "Did you mean STRIPE_WEBHOOK_SECRET?" in output


# -- the address that providers and browsers use ---------------------------------------------------------


@asynccontextmanager
async def answering(
    status: int, text: str, context: ssl.SSLContext | None = None, location: str = ""
) -> AsyncIterator[int]:
    """The port of a server that says this to everything."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers={"Location": location} if location else {})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    assert site._server is not None
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a server `localhost` whose certificate this machine trusts."""
    holder = issue("localhost", key("localhost"), now=time.time())
    pem = holder.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = tmp_path / "localhost.pem"
    both.write_bytes(pem + holder.pem())
    trusting = ssl.create_default_context(cadata=holder.pem().decode())
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@pytest.mark.parametrize(
    ("status", "text", "ok", "says"),
    [
        (200, "ok\n", True, "The bot is responding at"),
        (200, "<html>Welcome to nginx!</html>", False, "Something other"),
        (502, "bad gateway", False, "returned 502"),
        (404, "not found", False, "returned 404"),
        (301, "", False, "redirects to another address (301)"),
    ],
)
async def test_check_says_what_answers_at_the_public_address(
    certified: ssl.SSLContext, status: int, text: str, ok: bool, says: str
) -> None:
    location = "https://www.example.com/" if status == 301 else ""
    async with answering(status, text, certified, location) as port:
        found = await check_public(f"https://localhost:{port}", loopback=False, running=True)
    assert found.ok is ok
    assert not found.note
    assert says in plain_words(found.message)
    assert ok or found.cure


async def test_check_reports_an_untrusted_certificate(
    certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context())
    async with answering(200, "ok", certified) as port:
        found = await check_public(f"https://localhost:{port}", loopback=False, running=True)
    assert not found.ok
    assert "certificate" in plain_words(found.message)


@pytest.mark.parametrize("host", ["dues.invalid", "127.0.0.1:9"])
async def test_check_notes_a_public_address_that_it_cannot_reach(host: str) -> None:
    found = await check_public(f"https://{host}", loopback=False, running=True)
    assert found.ok
    assert found.note
    assert "couldn't test" in plain_words(found.message)


async def test_check_reports_plain_http_except_for_this_machine() -> None:
    for running in (True, False):
        outside = await check_public("http://dues.example.org", loopback=False, running=running)
        assert not outside.ok
        here = await check_public("http://127.0.0.1:8080", loopback=True, running=running)
        assert (here.ok, here.note) == (True, True)
    waits = await check_public("https://dues.example.org", loopback=False, running=False)
    assert (waits.ok, waits.note) == (True, True)
