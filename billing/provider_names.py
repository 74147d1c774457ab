"""Names of the payment providers for people, including providers that are not connected."""

from __future__ import annotations

_ODD = {"paypal": "PayPal"}


def display_name(provider: str) -> str:
    """Return a provider's name for people, given the name used in keys and webhook paths."""
    return _ODD.get(provider, provider.title())
