"""Updates recorded prices from the provider, and finds the subscriptions that hold a copy of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from billing.errors import ProviderError, ProviderNotFound, ProviderUnavailable
from billing.model import Plan, Price
from billing.ports import Ports, Provider

# Subscriptions fetched at once because one of their prices changed; the sweep fetches the rest.
AT_ONCE = 500


async def refresh_price(ports: Ports, provider: Provider, price_id: str) -> list[str]:
    """Update a price that plans use. Returns the ids of subscriptions that hold a copy of it and may show
    an outdated amount."""
    plans = await ports.ledger.load_plans(None, removed=True)
    known = next((price for price in _sold_at(provider, plans) if price.id == price_id), None)
    if known is not None:
        now = await _refresh(ports, provider, known)
        if provider.lists_all and _sums(now) == _sums(known):
            return []  # Stripe's amounts never change; the event is about a name, or the price was archived
    paying: list[str] = []
    for guild_id in dict.fromkeys(plan.guild_id for plan in plans):
        key = (provider.name, provider.account, price_id)
        left = AT_ONCE - len(paying)
        paying += [found.id for found in await ports.ledger.load_paying(guild_id, key, left)]
    return paying


async def refresh_product(ports: Ports, provider: Provider, product_id: str) -> None:
    """Update the prices of a product; an archived product cannot be bought at any of them."""
    plans = await ports.ledger.load_plans(None, removed=True)
    for price in {p.id: p for p in _sold_at(provider, plans) if p.product_id == product_id}.values():
        await _refresh(ports, provider, price)


async def refresh_prices(ports: Ports) -> None:
    """Fetch all prices on sale, each once; a price that cannot be fetched keeps its recorded data. Stop
    asking a provider that does not answer."""
    plans = await ports.ledger.load_plans(None)
    for provider in ports.providers.values():
        for price in {p.id: p for p in _sold_at(provider, plans, former=False)}.values():
            try:
                await _refresh(ports, provider, price)
            except ProviderUnavailable:
                break
            except ProviderError:
                continue


def _sold_at(provider: Provider, plans: Iterable[Plan], *, former: bool = True) -> Iterable[Price]:
    here = (provider.name, provider.account)
    for plan in plans:
        both = (*plan.prices, *plan.former_prices) if former else plan.prices
        yield from (price for price in both if (price.provider, price.account) == here)


async def _refresh(ports: Ports, provider: Provider, known: Price) -> Price:
    """Fetch and record a price; one that the provider no longer has becomes inactive."""
    try:
        now = await provider.fetch_price(known.id)
    except ProviderNotFound:
        now = replace(known, active=False)
    await ports.ledger.record_price(now)
    return now


def _sums(price: Price) -> Price:
    """The price without whether it can be bought, for comparing what it charges."""
    return replace(price, active=True)
