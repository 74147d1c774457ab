"""Updates recorded prices from the provider, and finds the subscriptions that contain a copy of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from billing.errors import ProviderMisread, ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import Price
from billing.paging import every
from billing.ports import Ports, Provider

# Subscriptions fetched at once because one of their prices changed; the sweep fetches the rest.
AT_ONCE = 500


async def refresh_price(ports: Ports, provider: Provider, price_id: str) -> list[str]:
    """Update a price that plans use, and return the ids of subscriptions that may show an outdated amount.

    These contain a copy of the price, in the servers that sell it or another price of its product.
    """
    key = (provider.name, provider.account, price_id)
    known = await ports.ledger.load_price(key)
    if known is None and provider.lists_all:
        return []  # no plan names it, and Stripe's amounts never change
    try:
        now = await _refresh(ports, provider, known) if known else await provider.fetch_price(price_id)
    except ProviderNotFound:
        return []
    if known is not None and provider.lists_all and _sums(now) == _sums(known):
        return []  # Stripe's amounts never change; the event is about a name, or the price was archived
    paying: list[str] = []
    plans = await ports.ledger.load_plans_of([now], 0, AT_ONCE)
    for guild_id in dict.fromkeys(plan.guild_id for plan in plans):
        left = AT_ONCE - len(paying)
        paying += [found.id for found in await ports.ledger.load_paying(guild_id, key, left)]
    return paying


async def refresh_product(ports: Ports, provider: Provider, product_id: str) -> None:
    """Update the prices of a product; if the product is archived, none of them can be bought."""
    load = partial(ports.ledger.load_product_prices, provider.name, provider.account, product_id)
    async for price in every(load, "", _id_of):
        await _refresh(ports, provider, price)


async def refresh_prices(ports: Ports) -> None:
    """Fetch all prices on sale, each once; a price that cannot be fetched keeps its recorded data.

    If a provider does not answer, its remaining prices are skipped.
    """
    for provider in ports.providers.values():
        with suppress(ProviderUnavailable):
            async for price in _on_sale(ports, provider):
                with suppress(ProviderRefused, ProviderMisread):
                    await _refresh(ports, provider, price)


def _on_sale(ports: Ports, provider: Provider) -> AsyncIterator[Price]:
    load = partial(ports.ledger.load_prices_on_sale, provider.name, provider.account)
    return every(load, "", _id_of)


def _id_of(price: Price) -> str:
    return price.id


async def _refresh(ports: Ports, provider: Provider, known: Price) -> Price:
    """Fetch and record a price; one that the provider no longer has becomes inactive."""
    try:
        now = await provider.fetch_price(known.id)
    except ProviderNotFound:
        now = replace(known, active=False)
    await ports.ledger.record_price(now)
    return now


def _sums(price: Price) -> Price:
    """Return the price as if it were active, so that two prices differ only in what they charge."""
    return replace(price, active=True)
