"""Running subscriptions on the prices of a server that belong to no known member: from before Dues,
created by hand, or bought in a way that does not show the buyer."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable

from billing.errors import DiscordError
from billing.model import Finding, Notice, Price, Status, Subscription, UnboundPayers
from billing.model.translatable_text import Text
from billing.ports import Ledger, Ports, Provider
from billing.rules.access import plans_of
from billing.use_cases.selling_servers import load_sellers

log = logging.getLogger(__name__)

PLANS_AT_ONCE = 10_000


async def load_nobodys(ledger: Ledger, provider: Provider, guild_id: int) -> list[Subscription]:
    """Subscriptions without owner on this server's prices, including plans no longer on sale."""
    plans = await ledger.load_plans(guild_id, removed=True)
    unbound = await ledger.load_unbound(provider.name, provider.account)
    return [s for s in unbound if s.status is not Status.PENDING and plans_of(s, plans)]


async def find_nobodys(
    ledger: Ledger, providers: Iterable[Provider], guild_id: int, *, owner: bool
) -> list[Finding]:
    """Findings with the number of such subscriptions at each provider, for those who may know. `owner`:
    the application's owner asks."""
    found = []
    for provider in providers:
        sellers = await load_sellers(ledger, provider.name, provider.account)
        many = len(await load_nobodys(ledger, provider, guild_id)) if owner or sellers == [guild_id] else 0
        if many:
            says = Text("finding.nobodys", n=many, provider=provider.title)
            found.append(Finding(Text("finding.what_payers"), False, says, Text("finding.nobodys_cure")))
    return found


async def tell_nobodys(ports: Ports, provider: Provider) -> None:
    """Send one notice per server and account: to its admins, or to the application's owner and team if
    servers share the account."""
    counts = await _count_nobodys(ports.ledger, provider)
    shared = len(await load_sellers(ports.ledger, provider.name, provider.account)) > 1
    for guild_id in filter(ports.roles.is_in, counts):
        for reader in await _load_owners(ports) if shared else [None]:
            await _tell(ports, provider, guild_id, reader, counts[guild_id])


async def _count_nobodys(ledger: Ledger, provider: Provider) -> Counter[int]:
    """The number of running subscriptions without owner that each server sells."""
    unbound = await ledger.load_unbound_sales(provider.name, provider.account)
    prices = list({price.key: price for sold, _ in unbound for price in sold}.values())
    servers: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for plan in await ledger.load_plans_of(prices, PLANS_AT_ONCE) if prices else ():
        for price in (*plan.prices, *plan.former_prices):
            for name in _names(price):
                servers[name].add(plan.guild_id)
    counts: Counter[int] = Counter()
    for sold, many in unbound:
        for guild_id in {found for price in sold for name in _names(price) for found in servers[name]}:
            counts[guild_id] += many
    return counts


def _names(price: Price) -> tuple[tuple[str, ...], ...]:
    """The keys under which plans can sell a price: its own, and that of its product."""
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
