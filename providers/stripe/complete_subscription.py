"""Fetches subscriptions with the coupons, items, invoices and prices that decide their charges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from billing.errors import ProviderRefused
from billing.ports import Clock, ListPart
from providers.base import Answer, maybe, need
from providers.stripe.api import Api, NotKnown, Refused, path
from providers.stripe.charge_terms import coupon_of, discounts_of

# Stripe expands at most four levels (docs.stripe.com/expand, 2026-11).
_EXPAND_LEAST = ("latest_invoice",)
_EXPAND_ONE = (
    "latest_invoice.payments",
    "customer",
    "discounts.source.coupon.applies_to",
    "items.data.discounts",
)
_EXPAND_LIST = (*_EXPAND_LEAST, "customer", "discounts.source.coupon", "items.data.discounts")
_HOUR = 3600.0


class SubscriptionLoader:
    """Loads subscriptions with everything that decides their charges.

    Stripe refuses the whole answer if the key may not read coupons or customers. For an hour only the bare
    minimum is then expanded, and the charges of discounted subscriptions are unknown. A coupon's terms
    never change (docs.stripe.com/api/coupons/update), so each coupon is fetched once and kept in `coupons`
    by its id.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._bare_until = 0.0
        self.coupons: dict[str, Answer] = {}
        self._prices: dict[str, tuple[float, Answer]] = {}

    async def fetch(self, subscription_id: str) -> Answer:
        """Fetch one subscription, with everything that decides its charges."""
        where = path("subscriptions", subscription_id)
        if self._bare:
            return await self.complete(await self._api.get(where, expand=list(_EXPAND_LEAST)))
        try:
            data = await self._api.get(where, expand=list(_EXPAND_ONE))
        except Refused as refused:
            self._refused(refused)
            return await self.complete(await self._api.get(where, expand=list(_EXPAND_LEAST)))
        for discount in maybe(data, "discounts", list) or []:
            if isinstance(coupon := coupon_of(discount), dict):
                self.coupons[need(coupon, "id", str)] = coupon
        return await self.complete(data)

    async def pages(self, part: ListPart) -> AsyncIterator[list[Answer]]:
        """Yield this part of the account's subscriptions, newest first, a hundred per call.

        Pass each subscription to `complete` before mapping it.
        """
        # Without a status, Stripe omits ended subscriptions (docs.stripe.com/api/subscriptions/list,
        # 2026-11).
        params: dict[str, Any] = {"status": "all"} if part.ended else {}
        if part.created:
            params["created"] = {"gte": part.created[0], "lte": part.created[1]}
        if part.after:
            params["starting_after"] = part.after
        if not self._bare:
            try:
                async for page in self._list(_EXPAND_LIST, params):
                    yield page
            except Refused as refused:
                self._refused(refused)
            else:
                return
        async for page in self._list(_EXPAND_LEAST, params):
            yield page

    def _list(self, parts: Iterable[str], params: Mapping[str, Any]) -> AsyncIterator[list[Any]]:
        return self._api.pages("subscriptions", expand=[f"data.{part}" for part in parts], **params)

    @property
    def _bare(self) -> bool:
        return self._clock.now() < self._bare_until

    def _refused(self, refused: Refused) -> None:
        """Expand only the bare minimum for an hour, after a refusal for lack of a permission (403).

        Any other refusal is raised.
        """
        if refused.status != 403:
            raise refused
        self._bare_until = self._clock.now() + _HOUR

    async def complete(self, data: Answer) -> Answer:
        """Add what a listed subscription, or the answer to a change, lacks.

        This covers further pages of items, the invoice that decides since when a payment is overdue, the
        coupons of the discounts, and the prices in the currency that is charged.
        """
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
        except NotKnown:
            return None  # deleted: the payment counts as overdue since the bot first saw it

    async def _learn(self, coupon: Answer | str | None) -> None:
        """Fetch a coupon, because lists do not show the products that it is limited to.

        A deleted coupon is kept as the list shows it.
        """
        shown = coupon if isinstance(coupon, dict) else {}
        name = coupon if isinstance(coupon, str) else maybe(shown, "id", str)
        if name is None or name in self.coupons or self._bare:
            return
        try:
            self.coupons[name] = await self._api.get(path("coupons", name), expand=["applies_to"])
        except NotKnown:
            self.coupons[name] = shown
        except Refused as refused:
            self._refused(refused)

    async def _in_currency(self, data: Answer) -> Answer:
        """Return the subscription with its prices in the currency that is charged.

        Stripe shows each price in the price's own currency.
        """
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
