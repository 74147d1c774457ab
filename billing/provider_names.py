"""What people call the payment providers, also one that is not connected just now."""

from __future__ import annotations

_ODD = {"paypal": "PayPal"}


def display_name(provider: str) -> str:
    """From the name that keys and webhook paths carry."""
    return _ODD.get(provider, provider.title())
