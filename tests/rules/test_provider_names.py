from __future__ import annotations

from billing.provider_names import display_name


def test_providers_are_shown_under_their_own_names() -> None:
    assert [display_name(name) for name in ("stripe", "paypal", "acme")] == ["Stripe", "PayPal", "Acme"]
