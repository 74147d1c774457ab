"""Running subscriptions on the prices of a server that belong to no known member: from before Dues,
created by hand, or bought in a way that does not show the buyer."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from billing.errors import DiscordError
from billing.model import Finding, Notice, Status, Subscription, UnboundPayers
from billing.model.texts import Text
from billing.ports import Ledger, Ports, Provider
from billing.rules.access import plans_of

log = logging.getLogger(__name__)


async def load_nobodys(ledger: Ledger, provider: Provider, guild_id: int) -> list[Subscription]:
    """Subscriptions without owner on this server's prices, including plans no longer on sale."""
    plans = await ledger.load_plans(guild_id, removed=True)
    unbound = await ledger.load_unbound(provider.name, provider.account)
    return [s for s in unbound if s.status is not Status.PENDING and plans_of(s, plans)]


async def load_sellers(ledger: Ledger, name: str, account: str) -> list[int]:
    """The servers that sell or sold something at this account. If there are several, only the
    application's owner or team may assign subscriptions and see how many have no owner."""
    plans = await ledger.load_plans(None, removed=True)
    here = (name, account)
    return sorted(
        {
            plan.guild_id
            for plan in plans
            for price in (*plan.prices, *plan.former_prices)
            if (price.provider, price.account) == here
        }
    )


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
    sellers = await load_sellers(ports.ledger, provider.name, provider.account)
    for guild_id in filter(ports.roles.is_in, sellers):
        many = len(await load_nobodys(ports.ledger, provider, guild_id))
        if many:
            for reader in [None] if len(sellers) == 1 else await _load_owners(ports):
                await _tell(ports, provider, guild_id, reader, many)


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
