"""What an answer about a subscription leaves out and its charges depend on, looked up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from billing.errors import ProviderRefused
from billing.ports import Clock
from providers.base import Answer, maybe, need
from providers.stripe.api import Api, Missing, Refused, path
from providers.stripe.terms import coupon_of, discounts_of

# Stripe expands four levels and no more (docs.stripe.com/expand, 2026-11).
_BARE = ("latest_invoice",)
_ONE = ("latest_invoice.payments", "customer", "discounts.source.coupon.applies_to", "items.data.discounts")
_LIST = (*_BARE, "customer", "discounts.source.coupon", "items.data.discounts")
_HOUR = 3600.0


class Whole:
    """Subscriptions with all that decides their charges.

    A key that may not read coupons or customers is refused the whole answer; the bare one is asked for then,
    for an hour, and the sums of discounted subscriptions are unknown. What a coupon gives never changes
    (docs.stripe.com/api/coupons/update), so it is looked up once.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._bare_until = 0.0
        self._coupons: dict[str, Answer] = {}
        self._prices: dict[str, tuple[float, Answer]] = {}

    @property
    def coupons(self) -> dict[str, Answer]:
        """Those that were looked up, by id."""
        return self._coupons

    async def fetch(self, subscription_id: str) -> Answer:
        """One subscription."""
        where = path("subscriptions", subscription_id)
        if self._bare:
            return await self.complete(await self._api.get(where, expand=list(_BARE)))
        try:
            data = await self._api.get(where, expand=list(_ONE))
        except Refused as refused:
            self._refused(refused)
            return await self.complete(await self._api.get(where, expand=list(_BARE)))
        for discount in maybe(data, "discounts", list) or []:
            if isinstance(coupon := coupon_of(discount), dict):
                self._coupons[need(coupon, "id", str)] = coupon
        return await self.complete(data)

    async def pages(self) -> AsyncIterator[list[Answer]]:
        """Every subscription of the account, a hundred a call, not completed yet."""
        if not self._bare:
            try:
                async for page in self._list(_LIST):
                    yield page
            except Refused as refused:
                self._refused(refused)
            else:
                return
        async for page in self._list(_BARE):
            yield page

    def _list(self, parts: Iterable[str]) -> AsyncIterator[list[Any]]:
        return self._api.pages("subscriptions", status="all", expand=[f"data.{part}" for part in parts])

    @property
    def _bare(self) -> bool:
        return self._clock.now() < self._bare_until

    def _refused(self, refused: Refused) -> None:
        """Raise it again unless it may be the expanding that is not allowed."""
        if refused.status != 403:
            raise refused
        self._bare_until = self._clock.now() + _HOUR

    async def complete(self, data: Answer) -> Answer:
        """One of a list, or the answer to a change, with further items, with an invoice that was not expanded
        although it decides since when a payment is owed, with coupons known, and with prices in the currency
        that they are charged in."""
        more: dict[str, Any] = {}
        if maybe(data, "items.has_more", bool):
            items = await self._api.every("subscription_items", subscription=need(data, "id", str))
            more["items"] = {"data": items}
        invoice = maybe(data, "latest_invoice", object)
        if isinstance(invoice, str) and maybe(data, "status", str) == "past_due":
            more["latest_invoice"] = await self._invoice(invoice)
        whole = {**data, **more} if more else data
        for discount in discounts_of(whole):
            await self._learn(coupon_of(discount))
        return await self._in_currency(whole)

    async def _invoice(self, invoice_id: str) -> Answer | None:
        try:
            return await self._api.get(path("invoices", invoice_id))
        except Missing:
            return None  # deleted; what is owed is owed since it was first seen

    async def _learn(self, coupon: Answer | str | None) -> None:
        """Of a coupon that is shown in a list its limits to products are not; of a deleted one nothing else
        can be had."""
        shown = coupon if isinstance(coupon, dict) else {}
        name = coupon if isinstance(coupon, str) else maybe(shown, "id", str)
        if name is None or name in self._coupons or self._bare:
            return
        try:
            self._coupons[name] = await self._api.get(path("coupons", name), expand=["applies_to"])
        except Missing:
            self._coupons[name] = shown
        except Refused as refused:
            self._refused(refused)

    async def _in_currency(self, data: Answer) -> Answer:
        """Prices are shown in their own currency, whatever the subscription is charged in."""
        currency = maybe(data, "currency", str)
        items = need(data, "items.data", list)
        if currency is None or all(maybe(i, "price.currency", str) in (currency, None) for i in items):
            return data
        shown = [{**item, "price": await self._price(need(item, "price", dict), currency)} for item in items]
        return {**data, "items": {"data": shown}}

    async def _price(self, price: Answer, currency: str) -> Answer:
        name = need(price, "id", str)
        shown = maybe(price, f"currency_options.{currency}", dict) is not None
        if shown or need(price, "currency", str) == currency:
            return price
        until, found = self._prices.get(name, (0.0, price))
        if self._clock.now() >= until:
            try:
                found = await self._api.get(path("prices", name), expand=["currency_options"])
            except ProviderRefused:
                return price
            self._prices[name] = (self._clock.now() + _HOUR, found)
        return found
