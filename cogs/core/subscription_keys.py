"""Converts subscription keys to the text in options and custom ids, and back."""

from __future__ import annotations

from billing.model import SubscriptionKey


def key_text(key: SubscriptionKey) -> str:
    """Return a subscription's key as text for options and custom ids."""
    return f"{key.provider}:{key.account}:{key.id}"


def parse_key(text: str) -> SubscriptionKey | None:
    """Return the subscription key in a text; None if the text is not a key."""
    provider, _, rest = text.partition(":")
    account, _, subscription_id = rest.rpartition(":")
    if not (provider and account and subscription_id):
        return None
    return SubscriptionKey(provider, account, subscription_id)
