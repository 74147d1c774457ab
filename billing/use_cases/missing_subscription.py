"""Handles subscriptions that the provider does not know, either not yet or no longer."""

from __future__ import annotations

from billing.model import Binding, Notice, SubscriptionKey, Vanished
from billing.ports import Ports, StaleSubscription
from billing.rules.access import decide_right

# Retried for about two minutes, because a provider's reads may lag behind its events.
UNKNOWN_TRIES = 6
# The sweep's reason for queuing a recorded subscription that a full list lacked; such a one is tried only
# twice more.
NOT_LISTED, MISSING_TRIES = "not_listed", 1
RETELL = 30 * 86_400


async def give_up_missing(ports: Ports, stale: StaleSubscription) -> bool:
    """Return True if retrying should stop.

    No role is removed; admins are notified once a month per server and account, because usually a single
    cause makes many subscriptions disappear.
    """
    if stale.attempts < (MISSING_TRIES if stale.evidence == NOT_LISTED else UNKNOWN_TRIES):
        return False
    known, now = await ports.ledger.load_subscription(stale.key), ports.now()
    if known is not None and known.binding is not None and decide_right(known, now, ports.grace) is not None:
        await ports.ledger.record_notice(_told(stale.key, known.binding, now))
    return True


def _told(key: SubscriptionKey, owner: Binding, now: int) -> Notice:
    name = f"vanished:{owner.guild_id}:{key.provider}:{key.account}:{now // RETELL}"
    return Notice(name, owner.guild_id, None, Vanished(owner.member_id, key), now)
