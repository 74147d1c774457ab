"""A subscription that the provider does not know: not yet, or not any more."""

from __future__ import annotations

from billing.model import Binding, Notice, SubscriptionKey, Vanished
from billing.ports import Ports, StaleSubscription
from billing.rules.access import decide_right

# What the provider does not know is asked again for about two minutes: its reads may lag behind its events.
UNKNOWN_TRIES = 6
# Why the sweep marks one that a whole list lacked, which is known here and no news: asked twice more.
NOT_LISTED, MISSING_TRIES = "not in the provider's list", 1
RETELL = 30 * 86_400


async def give_up_missing(ports: Ports, stale: StaleSubscription) -> bool:
    """Whether it is asked for no further just now. It takes no role; of one that gives any the admins are
    told, once a month, server and account: as a rule one cause makes many vanish."""
    if stale.attempts < (MISSING_TRIES if stale.evidence == NOT_LISTED else UNKNOWN_TRIES):
        return False
    known, now = await ports.ledger.load_subscription(stale.key), ports.now()
    if known is not None and known.binding is not None and decide_right(known, now, ports.grace) is not None:
        await ports.ledger.record_notice(_told(stale.key, known.binding, now))
    return True


def _told(key: SubscriptionKey, owner: Binding, now: int) -> Notice:
    name = f"vanished:{owner.guild_id}:{key.provider}:{key.account}:{now // RETELL}"
    return Notice(name, owner.guild_id, None, Vanished(owner.member_id, key), now)
