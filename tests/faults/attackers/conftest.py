from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket

from tests.cogs.town import Town, make_town, running
from tests.faults.attackers.shop import open_shop

# The number of open files is raised and the size of one is limited, as POSIX lets a process do.
collect_ignore = ["test_crowds.py", "test_notifications.py"] if sys.platform == "win32" else []


@pytest.fixture
async def still_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """The stand-ins, PayPal's among them; the program does not run yet."""
    async with AsyncExitStack() as stack:
        town = await make_town(stack, tmp_path / "ledger.db", None, paypal=True)
        monkeypatch.setattr(discord.http.Route, "BASE", town.discord.rest_url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(town.discord.gateway_url))
        yield town


@pytest.fixture
async def town(still_town: Town) -> AsyncIterator[Town]:
    """With the program running and Gold on sale through both."""
    async with running(still_town):
        await open_shop(still_town)
        yield still_town
