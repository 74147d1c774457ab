"""The list of providers that Dues supports.

To add a provider, add a folder to this package and a line to PROVIDERS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from billing.ports import Clock, Meter, Provider, Signer, Unmeasured, Values


def _stripe(settings: Any, clock: Clock, signer: Signer, kept: Values | None, meter: Meter) -> Provider:
    from providers.stripe.provider import StripeProvider  # noqa: PLC0415 - 7 MB, needed only where Stripe is on

    return StripeProvider(settings.api_key, settings.webhook_secrets, settings.api_url, clock, meter, kept)


def _paypal(settings: Any, clock: Clock, signer: Signer, kept: Values | None, meter: Meter) -> Provider:
    from providers.paypal.provider import PayPalProvider  # noqa: PLC0415 - 9 MB, needed only where PayPal is on

    return PayPalProvider(
        settings.client_id,
        settings.client_secret,
        settings.webhook_ids,
        settings.api_url,
        clock,
        ca_file=settings.ca_file,
        postback=settings.verify == "postback",
        signer=signer,
        kept=kept,
        meter=meter,
    )


# Each key is the field of Settings that configures the provider; the field is None while the provider is
# off.
PROVIDERS: Mapping[str, Callable[[Any, Clock, Signer, Values | None, Meter], Provider]] = {
    "stripe": _stripe,
    "paypal": _paypal,
}


def make_providers(
    settings: Any, clock: Clock, kept: Values | None = None, meter: Meter | None = None
) -> dict[str, Provider]:
    """Return the providers that the settings turn on, by name.

    `kept`: a store for small values that must survive a restart, such as PayPal's certificates.
    """
    parts, signer = {name: getattr(settings, name) for name in PROVIDERS}, Signer(settings.secret_keys)
    used = meter or Unmeasured()
    on = {name: part for name, part in parts.items() if part is not None}
    return {name: PROVIDERS[name](part, clock, signer, kept, used) for name, part in on.items()}
