"""PayPal's list of disputes: long ones, those that are settled, and payments that were taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.errors import ProviderUnavailable
from billing.model import DisputeState
from tests.contract.providers.harness import buy
from tests.contract.providers.paypal import PayPalSurroundings, paypal_surroundings

PATH = "/v1/customer/disputes"


@pytest.fixture
async def there() -> AsyncIterator[PayPalSurroundings]:
    async with paypal_surroundings() as surroundings:
        yield surroundings


async def listed(there: PayPalSurroundings) -> list[tuple[str, DisputeState]]:
    return [found async for found in there.provider.list_disputes()]


def asked(there: PayPalSurroundings) -> int:
    """How often anything was asked about disputes."""
    return sum(PATH in str(exchange.path) for exchange in there.server.exchanges)


async def test_every_page_of_the_list_of_disputes_is_read(there: PayPalSurroundings) -> None:
    bought = await buy(there)
    made = {there.dispute(bought) for _ in range(51)}
    assert {name for name, _ in await listed(there)} == made
    assert asked(there) == 2


async def test_the_outcome_of_a_resolved_dispute_is_fetched_once(there: PayPalSurroundings) -> None:
    bought = await buy(there)
    won, lost = there.dispute(bought), there.dispute(bought)
    there.win(won)
    there.server.dashboard.lose(lost)
    for calls in (3, 4):
        assert dict(await listed(there)) == {won: DisputeState.WON, lost: DisputeState.LOST}
        assert asked(there) == calls


async def test_an_application_without_permission_for_disputes_lists_none(there: PayPalSurroundings) -> None:
    there.dispute(await buy(there))
    there.server.faults.add("status", PATH, status=403)
    assert await listed(there) == []


async def test_an_outage_while_listing_disputes_is_reported_as_unavailable(there: PayPalSurroundings) -> None:
    there.server.faults.add("status", PATH, status=503, times=None)
    with pytest.raises(ProviderUnavailable):
        await listed(there)


async def test_a_reversed_payment_counts_as_lost_unless_it_has_a_dispute(
    there: PayPalSurroundings,
) -> None:
    bought = await buy(there)
    sale = there.server.dashboard.last_sale(bought.key.id)
    assert await there.provider.fetch_dispute(sale.id) == (bought.key.id, DisputeState.LOST)
    there.dispute(bought)
    assert await there.provider.fetch_dispute(sale.id) == (bought.key.id, DisputeState.NONE)


@pytest.mark.parametrize(
    ("stage", "charged_back"), [("INQUIRY", False), ("CHARGEBACK", True), ("PRE_ARBITRATION", True)]
)
async def test_a_dispute_that_ended_as_an_inquiry_is_not_a_chargeback(
    there: PayPalSurroundings, stage: str, charged_back: bool
) -> None:
    dispute = there.dispute(await buy(there))
    there.server.dashboard.lose(dispute)
    there.server.world.get("dispute", dispute)["dispute_life_cycle_stage"] = stage
    assert await there.provider.was_charged_back(dispute) is charged_back


async def test_a_reversal_without_a_dispute_is_a_chargeback(there: PayPalSurroundings) -> None:
    assert await there.provider.was_charged_back("EXAMPLEREVERSAL01")


async def test_an_outage_is_not_taken_for_a_chargeback(there: PayPalSurroundings) -> None:
    dispute = there.dispute(await buy(there))
    there.server.faults.add("status", PATH, status=503, times=None)
    with pytest.raises(ProviderUnavailable):
        await there.provider.was_charged_back(dispute)
