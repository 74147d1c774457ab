"""Handles subscriptions for which the provider's answer lacks data that the mapping needs."""

from __future__ import annotations

import logging

from billing.errors import ProviderError, ProviderMisread
from billing.model import Binding, Notice, SubscriptionKey, Unreadable
from billing.ports import Ports, StaleSubscription
from billing.use_cases.selling_servers import is_sold

log = logging.getLogger(__name__)

# About a quarter of an hour.
UNREADABLE_TRIES = 8


async def give_up_unparsable(ports: Ports, stale: StaleSubscription, error: ProviderMisread) -> bool:
    """Return True if retrying should stop, because the subscription has no owner and is not sold here.

    This is decided after some attempts, from the ledger and the checkout. If the subscription belongs to a
    member, the admins are notified and retrying goes on.
    """
    if stale.attempts < UNREADABLE_TRIES:
        return False
    try:
        owner = await _fetch_owner(ports, stale.key)
    except ProviderError:
        return False  # not known; the next attempt asks again
    if owner is not None:
        await ports.ledger.record_notice(_told(stale.key, owner, ports.now()))
        return False
    if await _is_sold(ports, stale.key):
        return False
    log.warning("Gave up subscription %s, which is nobody's here: %s", stale.key, error)
    return True


async def _fetch_owner(ports: Ports, key: SubscriptionKey) -> Binding | None:
    """Return the subscription's owner, or the member who would own it once it can be parsed; None if neither.

    Raises ProviderError if its checkout cannot be fetched.
    """
    known = await ports.ledger.load_subscription(key)
    if known is not None:
        return known.binding
    found = await ports.provider_of(key).fetch_checkout(key.id)
    ours = await ports.ledger.load_checkout(found.checkout_id) if found and found.checkout_id else None
    return Binding(ours.guild_id, ours.member_id) if ours else None


async def _is_sold(ports: Ports, key: SubscriptionKey) -> bool:
    known = await ports.ledger.load_subscription(key)
    return known is not None and await is_sold(ports.ledger, known)


def _told(key: SubscriptionKey, owner: Binding, now: int) -> Notice:
    return Notice(f"unreadable:{key}", owner.guild_id, None, Unreadable(owner.member_id, key), now)
