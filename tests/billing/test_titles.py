from __future__ import annotations

from billing.provider_names import title_of


def test_providers_are_called_as_they_call_themselves() -> None:
    assert [title_of(name) for name in ("stripe", "paypal", "acme")] == ["Stripe", "PayPal", "Acme"]
