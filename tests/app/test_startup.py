"""What Discord says of the application before the bot connects."""

from __future__ import annotations

import pytest

from billing.errors import DiscordUnavailable
from cogs.core.startup import fetch_application
from tests.app.harness import TOKEN, AppHarness


async def test_where_the_gateway_is(idle_app: AppHarness) -> None:
    assert (await fetch_application(TOKEN)).gateway_url == idle_app.discord.gateway_url


async def test_an_outage_is_not_taken_for_having_no_gateway(idle_app: AppHarness) -> None:
    idle_app.discord.faults.fail("GET", "/gateway/bot", 503)
    with pytest.raises(DiscordUnavailable):
        await fetch_application(TOKEN)


async def test_an_address_that_discord_does_not_name(idle_app: AppHarness) -> None:
    idle_app.discord.faults.fail("GET", "/gateway/bot", 404)
    assert (await fetch_application(TOKEN)).gateway_url is None
