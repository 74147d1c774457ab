"""Fetches one subscription because somebody is about to make a decision about it."""

from __future__ import annotations

import asyncio

from billing.errors import ProviderError
from billing.model import Subscription
from billing.ports import Ports
from billing.use_cases.sync import record_snapshot

PATIENCE = 5  # seconds that a person waits for it


async def refresh(ports: Ports, subscription: Subscription) -> tuple[Subscription, bool]:
    """Fetch and record the subscription; return it, and True.

    If the provider does not answer in time, returns the recorded subscription and False.
    """
    key = subscription.key
    try:
        provider = ports.provider_of(key)
        async with asyncio.timeout(PATIENCE), ports.locks.lock(key):
            snapshot = await provider.fetch_subscription(key.id)
            await record_snapshot(ports, provider, snapshot, "provider", "fetched", "command")
    except (ProviderError, TimeoutError):
        return subscription, False
    return await ports.ledger.load_subscription(key) or subscription, True
