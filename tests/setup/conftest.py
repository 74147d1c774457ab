from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import setup_wizard
from cogs.core.gateway_recovery import GatewaySocket
from standins.clock import MovableClock
from standins.discord import DiscordServer, DiscordWorld
from standins.paypal import PayPalServer
from standins.stripe import StripeServer
from tests.app.harness import TOKEN, calling
from tests.setup.owner import KEY, Owner


@pytest.fixture
async def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Owner]:
    async def checked(*_: object) -> int:
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(setup_wizard, "check", checked)
    monkeypatch.setattr(GatewaySocket, "fixed", None)
    clock = MovableClock()
    world = DiscordWorld(clock)
    application = world.add_application(TOKEN, name="Dues")
    discord = DiscordServer(world)
    await discord.start(0)
    async with StripeServer(clock, KEY) as stripe, PayPalServer(clock) as paypal:
        with calling(discord):
            found = Owner(tmp_path, application, discord, stripe, paypal)
            found.settings()
            yield found
    await discord.stop()
