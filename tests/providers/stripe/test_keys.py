"""Each change is asked for under the key that the ledger holds, so that asked again it happens once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from billing.model import Payment, Subscription
from billing.ports import Provider
from tests.contract.providers.harness import buy, order
from tests.contract.providers.stripe import StripeSurroundings

Change = Callable[[Provider, Subscription], Awaitable[object]]


async def cancel(provider: Provider, bought: Subscription) -> None:
    await provider.cancel_at_period_end(bought, "intent-1")


async def resume(provider: Provider, bought: Subscription) -> None:
    await provider.resume(await provider.cancel_at_period_end(bought, "intent-0"), "intent-1")


async def refund(provider: Provider, bought: Subscription) -> None:
    paid = await provider.fetch_last_payment(bought)
    assert isinstance(paid, Payment)
    await provider.refund(paid, "intent-1")


def under(there: StripeSurroundings, key: str) -> str:
    """The request that Stripe received under this idempotency key."""
    return there.server._api.keys.saved[key].request[0]


@pytest.mark.parametrize("change", [cancel, resume, refund])
async def test_a_change_is_sent_with_its_intents_idempotency_key(
    there: StripeSurroundings, change: Change
) -> None:
    bought = await buy(there)
    await change(there.provider, bought)
    expected = "/v1/refunds" if change is refund else f"/v1/subscriptions/{bought.key.id}"
    assert under(there, "intent-1") == expected


async def test_a_checkout_session_carries_its_checkouts_id(there: StripeSurroundings) -> None:
    price = await there.provider.fetch_price(there.sell())
    await there.provider.start_checkout(order(price))
    assert under(there, "opaque-1") == "/v1/checkout/sessions"
