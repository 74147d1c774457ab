"""The prices of the owner's account that an admin can choose from when they add a plan."""

from __future__ import annotations

from billing.errors import NotAllowed
from billing.ports import ListsPrices, NamedPrice, Ports
from billing.use_cases.selling_servers import load_sellers


async def list_prices(ports: Ports, guild_id: int, provider_name: str, by: int) -> list[NamedPrice]:
    """Fetch the prices that this server does not sell yet; empty if the provider is off or cannot list them.

    Several servers may share an account, and then not every server's admins may see its prices: raises
    NotAllowed unless this server alone sells at the account, or `by` is the application's owner or in its
    team.
    """
    provider = ports.providers.get(provider_name)
    if not isinstance(provider, ListsPrices):
        return []
    sellers = await load_sellers(ports.ledger, provider.name, provider.account)
    if sellers != [guild_id] and by not in await ports.roles.fetch_owners():
        raise NotAllowed(detail="the account's prices are not for this admin to see")
    plans = await ports.ledger.load_plans(guild_id)
    sold = {price.id for plan in plans for price in (*plan.prices, *plan.former_prices)}
    return [named for named in await provider.list_prices() if named.price.id not in sold]
