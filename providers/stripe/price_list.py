"""Fetch one price, or list the prices of the account that can be sold."""

from __future__ import annotations

from billing.errors import ProviderError, ProviderNotFound
from billing.model import Price
from billing.model.translatable_text import Text, Verbatim
from billing.ports import NamedPrice
from providers.base import Answer, maybe
from providers.stripe.api import Api, path
from providers.stripe.mapping import map_price

_MOST = 300  # prices that are read; more would take longer than Discord waits for suggestions


async def fetch_price(api: Api, account: str, price_id: str) -> Price:
    """Fetch a price. Raises ProviderRefused for a one-time price, ProviderNotFound for an unknown id."""
    try:
        return map_price(await api.get(path("prices", price_id), expand=["product"]), account)
    except ProviderNotFound as error:
        code = "error.stripe.no_price_live" if account == "live" else "error.stripe.no_price_test"
        raise ProviderNotFound(Text(code, price=Verbatim(price_id[:80])), detail=str(error)) from None


async def list_prices(api: Api, account: str) -> list[NamedPrice]:
    """List the newest recurring prices of a fixed amount, without those that are archived or unreadable."""
    read: list[Answer] = []
    async for page in api.pages("prices", active=True, type="recurring", expand=["data.product"]):
        read += page
        if len(read) >= _MOST:
            break
    return [named for one in read if (named := _named(one, account)) is not None]


def _named(data: Answer, account: str) -> NamedPrice | None:
    try:
        price = map_price(data, account)
        name = maybe(data, "nickname", str) or maybe(data, "product.name", str) or ""
    except ProviderError:
        return None
    return NamedPrice(price, name) if price.active and price.amount else None
