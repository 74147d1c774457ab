"""Compare everything with the provider and with Discord, so that whatever was missed heals by itself."""

from __future__ import annotations

from billing.access import plans_of
from billing.errors import DuesError, ProviderError
from billing.model import Subscription
from billing.ports import Ports, Provider
from billing.use_cases.sync import record_snapshot

CHECKED_A_SWEEP = 2_000


async def sweep(ports: Ports) -> list[str]:
    """One round over every provider and the members longest unchecked; the faults met, as sentences.

    What a provider does not list stays as it is: an error or an empty list ends nobody's access.
    """
    faults = []
    for provider in ports.providers.values():
        try:
            await sweep_provider(ports, provider)
        except ProviderError as error:
            faults.append(f"{provider.title}: {error}")
    now = ports.now()
    members = await ports.ledger.load_members_to_check(now, CHECKED_A_SWEEP)
    await ports.ledger.record_marks(members, "sweep", now)
    return faults


async def sweep_provider(ports: Ports, provider: Provider) -> None:
    """Record every subscription of the provider that is ours or pays for a plan sold here."""
    sold = await ports.ledger.load_plans(None, removed=True)
    async for snapshot in provider.list_subscriptions():
        ours = snapshot.checkout_id is not None or bool(plans_of(snapshot, sold))
        if ours or await ports.ledger.load_subscription(snapshot.key) is not None:
            await _record(ports, provider, snapshot)


async def _record(ports: Ports, provider: Provider, snapshot: Subscription) -> None:
    try:
        await record_snapshot(ports, provider, snapshot, "sweep", "compared", "sweep")
    except ProviderError:
        await ports.ledger.record_stale([snapshot.key], "sweep", ports.now())


async def refresh_prices(ports: Ports) -> None:
    """Fetch the prices on sale again; one that cannot be had keeps what is known."""
    for plan in await ports.ledger.load_plans(None):
        for price in plan.prices:
            provider = ports.providers.get(price.provider)
            if provider is not None and provider.account == price.account:
                try:
                    await ports.ledger.record_price(await provider.fetch_price(price.id))
                except DuesError:
                    continue
