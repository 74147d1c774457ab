"""A subscription that the provider has, and whose answer lacks what the mapping needs."""

from __future__ import annotations

import logging

from billing.errors import ProviderError, ProviderMisread
from billing.model import Binding, Notice, SubscriptionKey, Unreadable
from billing.ports import Ports, StaleSubscription
from billing.rules.access import plans_of

log = logging.getLogger(__name__)

# About a quarter of an hour.
UNREADABLE_TRIES = 8


async def give_up_unparsable(ports: Ports, stale: StaleSubscription, error: ProviderMisread) -> bool:
    """Whether it is let go of: after some tries, where it is nobody's here and not sold here, as far as the
    ledger and its checkout tell. One that is a member's is told to the admins, and stays."""
    if stale.attempts < UNREADABLE_TRIES:
        return False
    try:
        owner = await _fetch_owner(ports, stale.key)
    except ProviderError:
        return False  # not known: asked again with the next try
    if owner is not None:
        await ports.ledger.record_notice(_told(stale.key, owner, ports.now()))
        return False
    if await _is_sold(ports, stale.key):
        return False
    log.warning("Gave up subscription %s, which is nobody's here: %s", stale.key, error)
    return True


async def _fetch_owner(ports: Ports, key: SubscriptionKey) -> Binding | None:
    """Whose it is, or would be once it could be read."""
    known = await ports.ledger.load_subscription(key)
    if known is not None:
        return known.binding
    found = await ports.provider_of(key).fetch_checkout(key.id)
    ours = await ports.ledger.load_checkout(found.checkout_id) if found and found.checkout_id else None
    return Binding(ours.guild_id, ours.member_id) if ours else None


async def _is_sold(ports: Ports, key: SubscriptionKey) -> bool:
    known = await ports.ledger.load_subscription(key)
    return known is not None and bool(plans_of(known, await ports.ledger.load_plans(None, removed=True)))


def _told(key: SubscriptionKey, owner: Binding, now: int) -> Notice:
    return Notice(f"unreadable:{key}", owner.guild_id, None, Unreadable(owner.member_id, key), now)
