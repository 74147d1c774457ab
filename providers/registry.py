"""The providers that Dues knows. A further one is a folder beside these and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from billing.ports import Clock, Meter, Provider, Signer, Unmeasured, Values


def _stripe(settings: Any, clock: Clock, signer: Signer, kept: Values | None, meter: Meter) -> Provider:
    from providers.stripe.client import StripeProvider  # noqa: PLC0415 - 7 MB that only its owners need

    return StripeProvider(settings.api_key, settings.webhook_secrets, settings.api_url, clock, meter)


def _paypal(settings: Any, clock: Clock, signer: Signer, kept: Values | None, meter: Meter) -> Provider:
    from providers.paypal.client import PayPalProvider  # noqa: PLC0415 - 9 MB that only its owners need

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


# By the name of the part of Settings that turns it on; that part is None while the provider is off.
PROVIDERS: Mapping[str, Callable[[Any, Clock, Signer, Values | None, Meter], Provider]] = {
    "stripe": _stripe,
    "paypal": _paypal,
}


def make_providers(
    settings: Any, clock: Clock, kept: Values | None = None, meter: Meter | None = None
) -> dict[str, Provider]:
    """Those that the settings turn on, by name. `kept`: where they may keep small facts over restarts."""
    parts, signer = {name: getattr(settings, name) for name in PROVIDERS}, Signer(settings.secret_keys)
    used = meter or Unmeasured()
    on = {name: part for name, part in parts.items() if part is not None}
    return {name: PROVIDERS[name](part, clock, signer, kept, used) for name, part in on.items()}
