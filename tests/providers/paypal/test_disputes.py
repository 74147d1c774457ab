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


async def test_pages_follow_each_other(there: PayPalSurroundings) -> None:
    bought = await buy(there)
    made = {there.dispute(bought) for _ in range(51)}
    assert {name for name, _ in await listed(there)} == made
    assert asked(there) == 2


async def test_how_one_was_settled_is_asked_once(there: PayPalSurroundings) -> None:
    bought = await buy(there)
    won, lost = there.dispute(bought), there.dispute(bought)
    there.win(won)
    there.server.dashboard.lose(lost)
    for calls in (3, 4):
        assert dict(await listed(there)) == {won: DisputeState.WON, lost: DisputeState.LOST}
        assert asked(there) == calls


async def test_where_the_application_may_not_look_there_are_none(there: PayPalSurroundings) -> None:
    there.dispute(await buy(there))
    there.server.faults.add("status", PATH, status=403)
    assert await listed(there) == []


async def test_an_outage_is_told(there: PayPalSurroundings) -> None:
    there.server.faults.add("status", PATH, status=503, times=None)
    with pytest.raises(ProviderUnavailable):
        await listed(there)


async def test_a_payment_taken_back_is_lost_unless_its_dispute_speaks_for_itself(
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
async def test_what_buyer_and_owner_agreed_on_by_themselves_is_no_chargeback(
    there: PayPalSurroundings, stage: str, charged_back: bool
) -> None:
    dispute = there.dispute(await buy(there))
    there.server.dashboard.lose(dispute)
    there.server.world.get("dispute", dispute)["dispute_life_cycle_stage"] = stage
    assert await there.provider.was_charged_back(dispute) is charged_back


async def test_a_payment_taken_back_without_a_dispute_is_a_chargeback(there: PayPalSurroundings) -> None:
    assert await there.provider.was_charged_back("EXAMPLEREVERSAL01")


async def test_an_outage_does_not_pass_for_a_chargeback(there: PayPalSurroundings) -> None:
    dispute = there.dispute(await buy(there))
    there.server.faults.add("status", PATH, status=503, times=None)
    with pytest.raises(ProviderUnavailable):
        await there.provider.was_charged_back(dispute)
