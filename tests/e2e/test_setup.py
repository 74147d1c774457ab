"""`python bot.py setup` leads from a token and a key to the first sale."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from dotenv import dotenv_values

from providers.stripe.setup import EVENTS
from tests.app.harness import TOKEN, AppHarness
from tests.app.program_process import Program, is_ready, run, settings_of
from tests.e2e.test_story import buy, open_shop


async def test_setup_by_options_ends_in_a_bot_that_sells(app: AppHarness, tmp_path: Path) -> None:
    """An endpoint with an unknown secret sends to the same address, so setup replaces it."""
    (former,) = app.stripe.world.all("webhook_endpoint")
    addresses = ("DISCORD_API_URL", "STRIPE_API_URL", "DATABASE_URL", "HTTP_PORT")
    before = "".join(f"{name}={settings_of(app)[name]}\n" for name in addresses) + "# mine\nGRACE_DAYS=3\n"
    env, token, key = (tmp_path / name for name in (".env", "token", "key"))
    env.write_text(before)
    token.write_text(f"{TOKEN}\n")
    key.write_text(f"{app.stripe.api_key}\n")
    files = ("--token-file", str(token), "--stripe-key-file", str(key))
    url = f"http://127.0.0.1:{app.port}"

    code, output = await run(tmp_path, {}, "setup", *files, "--public-url", url, "--yes")
    assert code == 0, output

    assert f"client_id={app.application.id}&scope=bot+applications.commands&permissions=268435456" in output
    assert "FAIL" not in output
    (endpoint,) = app.stripe.world.all("webhook_endpoint")
    assert endpoint["id"] != former["id"]
    assert endpoint["url"] == f"{url}/webhooks/stripe"
    assert sorted(endpoint["enabled_events"]) == sorted(EVENTS)
    written = dotenv_values(env)
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert env.read_text().startswith(before)
    assert len(bytes.fromhex(written["SECRET_KEY"] or "")) == 32
    (kept,) = tmp_path.glob(".env.*")
    assert kept.read_text() == before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    hidden = (TOKEN, app.stripe.api_key, written["SECRET_KEY"], written["STRIPE_WEBHOOK_SECRET"])
    assert [secret for secret in hidden if secret and secret in output] == []
    assert str(written["STRIPE_WEBHOOK_SECRET"]) not in json.dumps(endpoint)

    program = Program(tmp_path, {})
    await program.start()
    await is_ready(app)
    await open_shop(app)
    await buy(app)
    assert await program.stop() == 0
    assert {delivery.state for delivery in app.stripe.deliveries} == {"delivered"}
