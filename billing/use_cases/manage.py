"""A member's way to the provider's own page, made for their own customer at that moment."""

from __future__ import annotations

from billing.model import SubscriptionKey
from billing.ports import PortalWish, Ports
from billing.use_cases.own import load_own


async def manage_link(ports: Ports, member_id: int, key: SubscriptionKey) -> str:
    """The link, a bearer secret: shown to the caller alone, never stored or logged."""
    subscription = await load_own(ports, member_id, key)
    assert subscription.binding is not None
    guild_id = subscription.binding.guild_id
    settings = await ports.ledger.load_guild_settings(guild_id)
    plans = await ports.ledger.load_plans(guild_id)
    here = (key.provider, key.account)
    prices = tuple(
        p for plan in plans if not plan.hidden for p in plan.prices if (p.provider, p.account) == here
    )
    wish = PortalWish(settings, prices, f"{ports.public_url}/return?from=portal")
    return await ports.provider_of(key).manage_link(subscription, wish)
