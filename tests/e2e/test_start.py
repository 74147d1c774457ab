"""How the program starts, refuses to start, checks itself and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from billing.ports import Ledger
from db import SqliteLedger
from i18n.plain import plain_words
from standins.clock import MovableClock
from tests.app.harness import TOKEN, AppHarness
from tests.app.program_process import Program, is_ready, run, settings_of
from tests.contract.ledger.nouns import ANNA, plan, subscription, sync
from web.app import CannotListen, Listener, listening


async def test_a_refused_start_names_all_wrong_settings_and_no_secret(tmp_path: Path) -> None:
    settings = {
        "STRIPE_API_KEY": "sk_test_canary",
        "HTTP_PORT": "x",
        "STRIPE_API_URL": "https://evil.example",
    }
    code, output = await run(tmp_path, settings)
    assert code == 2
    for name in ("DISCORD_TOKEN", "STRIPE_WEBHOOK_SECRET", "HTTP_PORT", "STRIPE_API_URL"):
        assert name in output
    assert "canary" not in output


async def test_check_shows_wrong_settings_in_its_table(tmp_path: Path) -> None:
    code, output = await run(tmp_path, {"STRIPE_API_KEY": "sk_test_canary", "HTTP_PORT": "x"}, "check")
    assert code == 1
    rows = [line for line in output.splitlines() if line.startswith("FAIL  Settings  ")]
    for name in ("DISCORD_TOKEN", "STRIPE_WEBHOOK_SECRET", "HTTP_PORT"):
        assert any(name in row for row in rows)
    assert "canary" not in output


@pytest.mark.parametrize("arguments", [("chekc",), ("check", "twice"), ("--help",)])
async def test_unknown_arguments_start_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, output = await run(tmp_path, {}, *arguments)
    assert code == 2
    assert "python bot.py check" in output
    assert "DISCORD_TOKEN" not in output


async def test_a_refused_discord_token_exits_as_a_wrong_setting(app: AppHarness, tmp_path: Path) -> None:
    code, output = await run(tmp_path, settings_of(app, DISCORD_TOKEN="wrong.token"))
    assert code == 2
    assert "DISCORD_TOKEN" in output
    assert "wrong.token" not in output


async def test_a_port_that_is_taken_exits_75(app: AppHarness, program: Program, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    code, output = await run(other, settings_of(app, DATABASE_URL="sqlite:///other.db"))
    assert code == 75
    assert output.count("Trying again") == 4
    assert "Another program is using" in output


async def test_the_environment_takes_precedence_over_the_dotenv_file(app: AppHarness, tmp_path: Path) -> None:
    lines = settings_of(app, DISCORD_TOKEN="wrong.token")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    assert (await run(tmp_path, {}))[0] == 2
    program = Program(tmp_path, {"DISCORD_TOKEN": TOKEN})
    await program.start()
    await is_ready(app)
    assert await program.stop() == 0


async def test_a_second_process_is_refused_the_ledger(
    app: AppHarness, program: Program, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    code, output = await run(second, settings_of(app, HTTP_PORT="0"))
    assert code == 3
    assert "Another process" in output


@pytest.mark.parametrize("kind", ["damaged", "newer"])
async def test_an_unreadable_ledger_is_not_changed(app: AppHarness, tmp_path: Path, kind: str) -> None:
    if kind == "damaged":
        app.path.write_bytes(b"this is no ledger at all" * 1000)
    else:
        with sqlite3.connect(app.path) as db:
            db.execute("PRAGMA user_version = 9999")
        db.close()
    before = app.path.read_bytes()
    code, _ = await run(tmp_path, settings_of(app))
    assert code == 4
    assert app.path.read_bytes() == before


async def test_an_unavailable_listening_address_exits_75(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.app.BIND_PAUSES", (0,))
    application = Listener(cast("Ledger", None), {}, MovableClock(), lambda: None).application()
    with pytest.raises(CannotListen) as met:
        async with listening(application, "192.0.2.1", 0, 1.0):
            pass
    assert met.value.exit_code == 75
    assert "192.0.2.1" in plain_words(met.value.user_message)


async def test_sighup_is_logged_and_ignored(app: AppHarness, program: Program) -> None:
    os.kill(program.pid, signal.SIGHUP)
    async with asyncio.timeout(20):
        while "SIGHUP is ignored" not in program.output:  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.05)
    await is_ready(app)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_program_with_exit_code_0(
    app: AppHarness, tmp_path: Path, number: int
) -> None:
    program = Program(tmp_path, settings_of(app), fresh=True)
    await program.start()
    await is_ready(app)
    assert await program.stop(number) == 0


async def test_health_and_readiness_are_reported_separately(app: AppHarness, program: Program) -> None:
    base = f"http://127.0.0.1:{app.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"{base}/metrics") as answer:
            assert "dues_ready 1.0" in await answer.text()
        async with session.get(f"{base}/return?from=paid") as answer:
            assert "Thank you" in await answer.text()
        async with session.post(f"{base}/webhooks/paypal") as answer:
            assert answer.status == 404


async def test_a_program_without_discord_is_alive_but_not_ready(app: AppHarness, tmp_path: Path) -> None:
    program = Program(tmp_path, settings_of(app))
    await program.start()
    await is_ready(app)
    await app.discord.stop()
    base, status, told = f"http://127.0.0.1:{app.port}", 200, {"discord": "ok"}
    async with aiohttp.ClientSession() as session:
        while told["discord"] == "ok":
            async with session.get(f"{base}/readyz") as answer:
                status, told = answer.status, await answer.json()
        assert status == 503
        async with session.get(f"{base}/healthz") as answer:
            assert answer.status == 200
    assert await program.stop() == 0


async def test_check_reports_no_fault_in_a_correct_setup(app: AppHarness, tmp_path: Path) -> None:
    code, output = await run(tmp_path, settings_of(app), "check")
    assert code == 0, output
    assert "Logged in as" in output
    assert "Stripe accepts the key" in output


async def test_check_does_not_promise_a_retry_while_discord_is_down(app: AppHarness, tmp_path: Path) -> None:
    app.discord.faults.fail(status=503, times=None)
    code, output = await run(tmp_path, settings_of(app), "check")
    assert code == 1
    assert "Discord isn't responding right now." in " ".join(output.split())


async def test_check_says_what_to_do_about_each_fault(app: AppHarness, tmp_path: Path) -> None:
    settings = settings_of(app, STRIPE_API_KEY="sk_test_canary", DISCORD_TOKEN="wrong.token")
    code, output = await run(tmp_path, settings, "check")
    assert code == 1
    assert output.count("FAIL") >= 2
    assert "docs/setup-discord.md" in output
    assert "STRIPE_API_KEY" in output
    assert "canary" not in output


async def test_check_names_subscriptions_at_an_account_no_longer_connected(
    app: AppHarness, tmp_path: Path
) -> None:
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.record_plan(plan(), "1", 10)
        await sync(ledger, subscription(binding=ANNA))
    code, output = await run(tmp_path, settings_of(app, DATABASE_URL="sqlite:///ledger.db"), "check")
    assert code == 1
    assert "FAIL  Disconnected accounts" in output
    assert "no longer connected to Stripe (acct)" in " ".join(output.split())


async def test_commands_are_registered_only_at_a_start_after_they_changed(
    app: AppHarness, tmp_path: Path
) -> None:
    feed = app.world.subscribe()
    for _ in range(2):
        program = Program(tmp_path, settings_of(app))
        await program.start()
        await is_ready(app)
        assert await program.stop() == 0
    seen = [feed.get_nowait()["kind"] for _ in range(feed.qsize())]
    assert seen.count("commands_registered") == 1


async def test_a_normal_start_logs_no_warning(app: AppHarness, tmp_path: Path) -> None:
    program = Program(tmp_path, settings_of(app), fresh=True)
    await program.start()
    await is_ready(app)
    assert await program.stop() == 0
    assert "INFO" in program.output
    warned = [line for line in program.output.splitlines() if "WARNING" in line or "ERROR" in line]
    assert len(warned) == 1
    assert f"There was no ledger at {app.path}, so a new and empty one was made" in warned[0]
