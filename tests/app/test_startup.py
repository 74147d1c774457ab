"""The bot asks Discord about the application before it connects."""

from __future__ import annotations

import pytest

from billing.errors import DiscordUnavailable
from cogs.core.startup import fetch_application
from tests.app.harness import TOKEN, AppHarness


async def test_the_gateways_address_is_read_from_discord(idle_app: AppHarness) -> None:
    assert (await fetch_application(TOKEN)).gateway_url == idle_app.discord.gateway_url


async def test_an_outage_is_not_taken_for_a_missing_gateway(idle_app: AppHarness) -> None:
    idle_app.discord.faults.fail("GET", "/gateway/bot", 503)
    with pytest.raises(DiscordUnavailable):
        await fetch_application(TOKEN)


async def test_no_gateway_address_is_set_if_discord_names_none(idle_app: AppHarness) -> None:
    idle_app.discord.faults.fail("GET", "/gateway/bot", 404)
    assert (await fetch_application(TOKEN)).gateway_url is None
