"""Finds the servers that sell plans, without reading the plans of all servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

from billing.model import Subscription
from billing.paging import every
from billing.ports import Ledger


async def load_sellers(ledger: Ledger, name: str, account: str) -> list[int]:
    """Return the ids of the first two servers that sell or sold something at this account.

    If there are two, only the application's owner or team may assign subscriptions and see how many have no
    owner.
    """
    return await ledger.load_sellers(0, 2, (name, account))


async def sells_at(ledger: Ledger, guild_id: int, name: str, account: str) -> bool:
    """Return True if this server sells or sold something at this account."""
    return await ledger.load_sellers(guild_id - 1, 1, (name, account)) == [guild_id]


async def every_seller(ledger: Ledger, *, removed: bool = True) -> AsyncIterator[int]:
    """Yield the ids of all servers that sell plans, in order.

    `removed`: also yield servers whose plans have all been removed.
    """

    async def load(after: int, limit: int) -> list[int]:
        return await ledger.load_sellers(after, limit, removed=removed)

    async for guild_id in every(load, 0, int):
        yield guild_id


async def is_sold(ledger: Ledger, subscription: Subscription) -> bool:
    """Return True if a plan of any server sells or sold what this subscription pays for."""
    return bool(await ledger.load_sold([item.price for item in subscription.items]))
