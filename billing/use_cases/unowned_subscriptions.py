"""Finds and reports running subscriptions on a server's prices that belong to no known member.

They are from before Dues, were created manually, or were bought in a way that does not show the buyer.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from functools import partial
from operator import attrgetter

from billing.errors import DiscordError
from billing.model import Finding, Notice, Price, Subscription, UnboundPayers
from billing.model.translatable_text import Text
from billing.paging import AT_ONCE, every
from billing.ports import Ledger, Ports, Provider, UnboundSale
from billing.rules.access import plan_of
from billing.use_cases.selling_servers import load_sellers

log = logging.getLogger(__name__)

PLANS_AT_ONCE = 200
SUBSCRIPTIONS_SHOWN = 1_000


async def load_nobodys(ledger: Ledger, provider: Provider, guild_id: int) -> list[Subscription]:
    """Load up to a thousand subscriptions without an owner on this server's prices.

    Prices of plans that are no longer on sale are included.
    """
    sales = [sale.id async for sale in _sold_in(ledger, provider, guild_id)]
    home = (provider.name, provider.account)
    found = await ledger.load_unbound(*home, sales, 0, SUBSCRIPTIONS_SHOWN) if sales else []
    return [subscription for _, subscription in found]


async def _sold_in(ledger: Ledger, provider: Provider, guild_id: int) -> AsyncIterator[UnboundSale]:
    plans = await ledger.load_plans(guild_id, removed=True)
    async for sale in _every_sale(ledger, provider):
        if any(plan_of(price, plans) for price in sale.prices):
            yield sale


def _every_sale(ledger: Ledger, provider: Provider) -> AsyncIterator[UnboundSale]:
    load = partial(ledger.load_unbound_sales, provider.name, provider.account)
    return every(load, 0, attrgetter("id"))


async def find_nobodys(
    ledger: Ledger, providers: Iterable[Provider], guild_id: int, *, owner: bool
) -> list[Finding]:
    """Return findings with the number of subscriptions without an owner at each provider.

    `owner`: the application's owner asks. If servers share the account, nobody else may know the number.
    """
    found = []
    for provider in providers:
        sellers = await load_sellers(ledger, provider.name, provider.account)
        many = 0
        if owner or sellers == [guild_id]:
            many = sum([sale.many async for sale in _sold_in(ledger, provider, guild_id)])
        if many:
            says = Text("finding.nobodys", n=many, provider=provider.title)
            found.append(Finding(Text("finding.what_payers"), False, says, Text("finding.nobodys_cure")))
    return found


async def tell_nobodys(ports: Ports, provider: Provider) -> None:
    """Send one notice per server and account about running subscriptions without an owner.

    It goes to the server's admins, or to the application's owner and team if servers share the account.
    """
    counts = await _count_nobodys(ports.ledger, provider)
    shared = len(await load_sellers(ports.ledger, provider.name, provider.account)) > 1
    for guild_id in filter(ports.roles.is_in, counts):
        for reader in await _load_owners(ports) if shared else [None]:
            await _tell(ports, provider, guild_id, reader, counts[guild_id])


async def _count_nobodys(ledger: Ledger, provider: Provider) -> Counter[int]:
    """Count, for each server, the running subscriptions without an owner on its prices."""
    counts: Counter[int] = Counter()
    after = 0
    while sales := await ledger.load_unbound_sales(provider.name, provider.account, after, AT_ONCE):
        servers = await _load_servers(ledger, [price for sale in sales for price in sale.prices])
        for sale in sales:
            names = [name for price in sale.prices for name in _names(price)]
            for guild_id in set().union(*(servers[name] for name in names)):
                counts[guild_id] += sale.many
        after = sales[-1].id
    return counts


async def _load_servers(ledger: Ledger, prices: Iterable[Price]) -> defaultdict[tuple[str, ...], set[int]]:
    """Load the ids of the servers that sell these prices or their products, by the keys from `_names`."""
    servers: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    load = partial(ledger.load_plans_of, list({price.key: price for price in prices}.values()))
    async for plan in every(load, 0, attrgetter("id"), PLANS_AT_ONCE):
        for price in (*plan.prices, *plan.former_prices):
            for name in _names(price):
                servers[name].add(plan.guild_id)
    return servers


def _names(price: Price) -> tuple[tuple[str, ...], ...]:
    """Return the keys under which plans can sell a price: its own, and that of its product."""
    return price.key, ("product", price.provider, price.account, price.product_id)


async def _load_owners(ports: Ports) -> list[int]:
    try:
        return sorted(await ports.roles.fetch_owners())
    except DiscordError as error:
        log.info("the application's owner is told of unknown payers later: %s", error)
        return []


async def _tell(ports: Ports, provider: Provider, guild_id: int, reader: int | None, many: int) -> None:
    key = f"unbound:{guild_id}:{provider.name}:{provider.account}:{reader or 'admins'}"
    if await ports.ledger.load_notice(key) is None:
        body = UnboundPayers(provider.name, many)
        await ports.ledger.record_notice(Notice(key, guild_id, reader, body, ports.now()))
