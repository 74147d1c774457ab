"""A subscription key as options and custom ids carry it."""

from __future__ import annotations

from billing.model import SubscriptionKey


def key_text(key: SubscriptionKey) -> str:
    """A subscription's key as options and custom ids carry it."""
    return f"{key.provider}:{key.account}:{key.id}"


def parse_key(text: str) -> SubscriptionKey | None:
    """The key again; None for what is none."""
    provider, _, rest = text.partition(":")
    account, _, subscription_id = rest.rpartition(":")
    if not (provider and account and subscription_id):
        return None
    return SubscriptionKey(provider, account, subscription_id)
