"""Creates and repairs the billing portal's settings, one configuration per server.

The ledger keeps each configuration's id, so that no list is read for a link. Each configuration also carries
the server's id in its metadata, by which a list finds it if the ledger does not know it
(docs.stripe.com/api/customer_portal/configurations, 2026-11).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from billing.errors import ProviderNotFound
from billing.model import GuildSettings, Price
from billing.ports import Clock, PortalOptions
from providers.base import Answer, maybe, need
from providers.kept_ids import KeptIds
from providers.stripe.api import Api, path

log = logging.getLogger(__name__)

GUILD = "dues_guild"
_MOST_PRODUCTS = 10
_PRODUCTS = "features.subscription_update.products"
# Seconds until a configuration is checked again, because somebody may have changed it in the Dashboard.
_TRUSTED_FOR = 3600.0


@dataclass(frozen=True)
class _Kept:
    id: str
    wanted: Mapping[str, Any]
    seen_at: float


class Portals:
    """The servers' portal configurations, each trusted for an hour after it was checked."""

    def __init__(self, api: Api, clock: Clock, ids: KeptIds) -> None:
        self._api = api
        self._clock = clock
        self._ids = ids
        self._kept: dict[int, _Kept] = {}
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ensure(self, options: PortalOptions) -> str:
        """Create or repair the server's portal configuration to match `options`, and return its id."""
        guild_id, wanted = (
            options.settings.guild_id,
            configuration(options.settings, options.prices, options.return_url),
        )
        async with self._locks[guild_id]:
            kept = self._kept.get(guild_id)
            if kept and kept.wanted == wanted and self._clock.now() - kept.seen_at < _TRUSTED_FOR:
                return kept.id
            found = await self._find(guild_id)
            kept = _Kept(await self._settle(guild_id, found, wanted), wanted, self._clock.now())
            self._kept[guild_id] = kept
            return kept.id

    async def wrong(self, guild_id: int) -> list[str] | None:
        """Return the dotted names of the settings that differ from the wanted ones.

        None if there is no configuration yet.
        """
        found = await self._find(guild_id)
        return None if found is None else differences(self._wanted(guild_id), found)

    async def repair(self, guild_id: int) -> None:
        """Create the server's configuration, or restore its wanted settings."""
        async with self._locks[guild_id]:
            await self._settle(guild_id, await self._find(guild_id), self._wanted(guild_id))

    def forget(self, guild_id: int) -> None:
        """Stop trusting the server's configuration, so that it is checked before its next use."""
        self._kept.pop(guild_id, None)

    def _wanted(self, guild_id: int) -> Mapping[str, Any]:
        """Return the settings that were last requested or, before that, those shared by every server."""
        kept = self._kept.get(guild_id)
        return kept.wanted if kept else {"features": _features((), switching=None)}

    async def _find(self, guild_id: int) -> Answer | None:
        known = await self._ids.load(f"portal {guild_id}")
        if known and (found := await self._fetch(known, guild_id)):
            return found
        # Stripe omits `products` unless it is expanded.
        expand = [f"data.{_PRODUCTS}"]
        async for page in self._api.pages("billing_portal/configurations", active=True, expand=expand):
            for one in page:
                if maybe(one, f"metadata.{GUILD}", str) == str(guild_id):
                    answer: Answer = one
                    return answer
        return None

    async def _fetch(self, configuration_id: str, guild_id: int) -> Answer | None:
        """Fetch a configuration; None if it is not active, or not this server's in the key's account."""
        try:
            found = await self._api.get(
                path("billing_portal", "configurations", configuration_id), expand=[_PRODUCTS]
            )
        except ProviderNotFound:
            return None
        ours = maybe(found, f"metadata.{GUILD}", str) == str(guild_id)
        return found if ours and maybe(found, "active", bool) else None

    async def _settle(self, guild_id: int, found: Answer | None, wanted: Mapping[str, Any]) -> str:
        if found is None:
            ours = {GUILD: str(guild_id)}
            made = await self._api.post(
                "billing_portal/configurations", name=f"Dues {guild_id}", metadata=ours, **wanted
            )
            await self._ids.record(f"portal {guild_id}", need(made, "id", str))
            return need(made, "id", str)
        await self._ids.record(f"portal {guild_id}", need(found, "id", str))
        changed = differences(wanted, found)
        if changed:
            log.info("Resetting the portal of server %s: %s", guild_id, ", ".join(changed))
            await self._api.post(path("billing_portal", "configurations", need(found, "id", str)), **wanted)
        return need(found, "id", str)


def configuration(settings: GuildSettings, prices: Iterable[Price], return_url: str) -> dict[str, Any]:
    """Return the parameters for a server's portal configuration."""
    links = {"terms_of_service_url": settings.terms_url, "privacy_policy_url": settings.privacy_url}
    return {
        "features": _features(prices, switching=settings.plan_switching),
        "business_profile": {name: link for name, link in links.items() if link},
        "default_return_url": return_url,
    }


def _features(prices: Iterable[Price], *, switching: bool | None) -> dict[str, Any]:
    features: dict[str, Any] = {
        "customer_update": {"enabled": True, "allowed_updates": ["address", "email", "name", "tax_id"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
    }
    if switching is not None:
        features["subscription_update"] = _switching(_products(prices)) if switching else {"enabled": False}
    return features


def _products(prices: Iterable[Price]) -> list[dict[str, Any]]:
    """Return up to ten products with their prices.

    Of prices with the same product, interval and currency only the first is kept, because the portal
    refuses two.
    """
    chosen: dict[tuple[str, str, str, int], Price] = {}
    for price in prices:
        chosen.setdefault((price.product_id, price.currency, price.interval, price.interval_count), price)
    products: dict[str, list[str]] = {}
    for price in chosen.values():
        products.setdefault(price.product_id, []).append(price.id)
    return [{"product": id_, "prices": ids} for id_, ids in list(products.items())[:_MOST_PRODUCTS]]


def _switching(products: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the settings for switching between these products; switching is off with fewer than two prices.

    Stripe charges the difference at once. With `create_prorations` a member would get the dearer plan's roles
    for free until the next invoice, and could avoid paying for them by cancelling before it.
    """
    if sum(len(product["prices"]) for product in products) < 2:
        return {"enabled": False}
    return {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "proration_behavior": "always_invoice",
        "products": products,
    }


def differences(wanted: Mapping[str, Any], actual: Mapping[str, Any], at: str = "") -> list[str]:
    """Return the dotted names of the settings in which `actual` differs from `wanted`.

    Settings that are not in `wanted` are ignored.
    """
    found: list[str] = []
    for name, value in wanted.items():
        there, where = actual.get(name), f"{at}{name}"
        if isinstance(value, Mapping):
            found += differences(value, there if isinstance(there, Mapping) else {}, f"{where}.")
        elif _plain(value) != _plain(there):
            found.append(where)
    return found


def _plain(value: Any) -> Any:
    """Reduce a value to what counts in a comparison.

    Lists lose their order, and products keep only the fields that the bot sets.
    """
    if not isinstance(value, list):
        return value
    if all(isinstance(one, Mapping) for one in value):
        return {(one.get("product"), frozenset(one.get("prices") or ())) for one in value}
    return set(value)
