"""Gives members a link to the provider's management page for their own subscription."""

from __future__ import annotations

import logging

from billing.errors import LedgerUnavailable
from billing.model import SubscriptionKey
from billing.ports import PortalOptions, Ports
from billing.use_cases.ownership import load_owned

log = logging.getLogger(__name__)


async def manage_link(ports: Ports, member_id: int, key: SubscriptionKey) -> str:
    """Return a fresh link to the provider's page on which members manage their own subscription.

    The link is a bearer secret: show it only to the caller; never store or log it. The ledger records that a
    link was made, so that the member's next payment can use the same customer. Raises the errors of
    `load_owned`, and ProviderError if the provider makes no link.
    """
    subscription = await load_owned(ports, member_id, key)
    assert subscription.binding is not None
    guild_id = subscription.binding.guild_id
    settings = await ports.ledger.load_guild_settings(guild_id)
    plans = await ports.ledger.load_plans(guild_id)
    here = (key.provider, key.account)
    prices = tuple(
        p for plan in plans if not plan.hidden for p in plan.prices if (p.provider, p.account) == here
    )
    options = PortalOptions(settings, prices, f"{ports.public_url}/return?from=portal")
    url = await ports.provider_of(key).manage_link(subscription, options)
    try:
        await ports.ledger.record_managed(key, member_id, ports.now())
    except LedgerUnavailable as error:
        log.warning("that %s was managed is not recorded: %s", key, error)
    return url
