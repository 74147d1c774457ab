from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket

from tests.app.harness import AppHarness, make_app, running
from tests.app.sale import open_shop
from tests.e2e.conftest import no_program_of_a_failed_test
from tests.ledgers import copy_schema

__all__ = ["no_program_of_a_failed_test"]

# The tests raise the limit on open files and lower the limit on a file's size, which only POSIX allows.
collect_ignore = ["test_crowds.py", "test_notifications.py"] if sys.platform == "win32" else []


@pytest.fixture(autouse=True)
def new_ledgers_copy_their_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    copy_schema(monkeypatch)


@pytest.fixture
async def idle_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AppHarness]:
    """The stand-ins, including PayPal's; the program is not running yet."""
    async with AsyncExitStack() as stack:
        app = await make_app(stack, tmp_path / "ledger.db", None, paypal=True)
        monkeypatch.setattr(discord.http.Route, "BASE", app.discord.rest_url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(app.discord.gateway_url))
        yield app


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    """The program is running and sells Gold through Stripe and PayPal."""
    async with running(idle_app):
        await open_shop(idle_app)
        yield idle_app
