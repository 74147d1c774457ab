"""Fetches the amount of a subscription's next invoice when somebody views the subscription.

A preview is made by POST, which Stripe refuses if the key may only read invoices
(docs.stripe.com/api/invoices/create_preview, 2026-11). That refusal is cached for an hour as well.
"""

from __future__ import annotations

from collections.abc import Hashable

from billing.errors import ProviderRefused
from billing.model import Money, Subscription
from billing.ports import Clock
from providers.base import need
from providers.stripe.api import Api

_HOUR = 3600.0
_MOST = 10_000


class InvoicePreviews:
    """Fetches previews, and caches each for an hour or until the subscription changes."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, Money | None]] = {}

    async def ask(self, subscription: Subscription) -> Money | None:
        """Return the next charge of a subscription; None if Stripe refuses to preview it."""
        about = (subscription.key.id, subscription.items, subscription.terms, subscription.period_end)
        now = self._clock.now()
        until, found = self._kept.get(about, (0.0, None))
        if now < until:
            return found
        found = await self._ask(subscription.key.id)
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[about] = (now + _HOUR, found)
        return found

    async def _ask(self, subscription_id: str) -> Money | None:
        try:
            invoice = await self._api.post("invoices/create_preview", subscription=subscription_id)
        except ProviderRefused:
            return None
        return Money(need(invoice, "amount_due", int), need(invoice, "currency", str).lower())
