"""Autocomplete for the option `stripe_price`: the account's prices by name and amount."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from billing.errors import DuesError
from billing.ports import NamedPrice
from billing.use_cases.list_prices import list_prices
from cogs.autocomplete import Choice, matching
from cogs.core.bot_interface import Interaction
from cogs.core.interactions import locale_of, require_admin
from cogs.views.charges import sale_words

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds; Discord waits three for suggestions


async def suggest_stripe_prices(interaction: Interaction, typed: str) -> list[Choice]:
    """Suggest prices at Stripe to an admin who may see them; others type the id."""
    try:
        guild_id = await require_admin(interaction, interaction.guild_id)
        ports = interaction.client.ports
        async with asyncio.timeout(PATIENCE):
            found = await list_prices(ports, guild_id, "stripe", interaction.user.id)
    except (DuesError, TimeoutError) as error:
        log.info("no suggestions: %s", error)
        return []
    return matching(label_prices(found, locale_of(interaction)), typed)


def label_prices(found: list[NamedPrice], locale: str) -> list[tuple[str, str]]:
    """Return the label and id of each price. Prices that read alike show the end of their ids as well."""
    said = [f"{named.name[:60]} · {sale_words(named.price, locale)}".lstrip(" ·") for named in found]
    alike = Counter(said)
    return [
        (f"{words} (…{named.price.id[-6:]})" if alike[words] > 1 else words, named.price.id)
        for words, named in zip(said, found, strict=True)
    ]
