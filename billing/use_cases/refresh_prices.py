"""What the provider now says about prices that are sold, and who holds a copy of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from billing.errors import ProviderError, ProviderNotFound, ProviderUnavailable
from billing.model import Plan, Price
from billing.ports import Ports, Provider

# So many subscriptions are fetched at once because a price of theirs changed; the sweep fetches the others.
AT_ONCE = 500


async def refresh_price(ports: Ports, provider: Provider, price_id: str) -> list[str]:
    """Record what a price costs now, where a plan names it. The answer: which subscriptions may show another
    sum than is charged, as they hold a copy."""
    plans = await ports.ledger.load_plans(None, removed=True)
    known = next((price for price in _sold_at(provider, plans) if price.id == price_id), None)
    if known is not None:
        now = await _refresh(ports, provider, known)
        if provider.lists_all and _sums(now) == _sums(known):
            return []  # Stripe's amounts never change; what it tells of is a name, or that it was archived
    paying: list[str] = []
    for guild_id in dict.fromkeys(plan.guild_id for plan in plans):
        key = (provider.name, provider.account, price_id)
        left = AT_ONCE - len(paying)
        paying += [found.id for found in await ports.ledger.load_paying(guild_id, key, left)]
    return paying


async def refresh_product(ports: Ports, provider: Provider, product_id: str) -> None:
    """An archived product can be bought no more, whichever its price."""
    plans = await ports.ledger.load_plans(None, removed=True)
    for price in {p.id: p for p in _sold_at(provider, plans) if p.product_id == product_id}.values():
        await _refresh(ports, provider, price)


async def refresh_prices(ports: Ports) -> None:
    """Fetch the prices on sale again, each once; one that cannot be had keeps what is known. A provider that
    does not answer is asked no further."""
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
    """One that the provider does not have any more cannot be bought."""
    try:
        now = await provider.fetch_price(known.id)
    except ProviderNotFound:
        now = replace(known, active=False)
    await ports.ledger.record_price(now)
    return now


def _sums(price: Price) -> Price:
    """What is charged for it, without whether it can be bought."""
    return replace(price, active=True)
