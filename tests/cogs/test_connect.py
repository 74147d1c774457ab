"""What Discord says of the application before the bot connects."""

from __future__ import annotations

import pytest

from billing.errors import DiscordUnavailable
from cogs.core.startup import fetch_application
from tests.cogs.town import TOKEN, Town


async def test_where_the_gateway_is(still_town: Town) -> None:
    assert (await fetch_application(TOKEN)).gateway_url == still_town.discord.gateway_url


async def test_an_outage_is_not_taken_for_having_no_gateway(still_town: Town) -> None:
    still_town.discord.faults.fail("GET", "/gateway/bot", 503)
    with pytest.raises(DiscordUnavailable):
        await fetch_application(TOKEN)


async def test_an_address_that_discord_does_not_name(still_town: Town) -> None:
    still_town.discord.faults.fail("GET", "/gateway/bot", 404)
    assert (await fetch_application(TOKEN)).gateway_url is None
