"""The adapter accepts everything that PayPal's documents leave open: optional fields, ids of other shapes."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import ProviderMisread, ProviderRefused
from billing.model import DisputeState, Payment, Status
from billing.model import Subscription as Agreement
from providers.base import need
from providers.paypal.api import Refused
from providers.paypal.billing_plans import product_of
from providers.paypal.mapping import map_subscription, map_transaction
from providers.paypal.provider import PayPalProvider
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.state import Settings
from tests.contract.providers.harness import order
from tests.providers.paypal.samples import NOW, plan, subscription

DAY = 86_400


async def buy(fake: PayPalServer, provider: PayPalProvider) -> Agreement:
    price = await provider.fetch_price(fake.add_plan(fake.add_product("Gold"), "5.00")["id"])
    page = await provider.start_checkout(order(price))
    fake.approve(page.url)
    return await provider.fetch_subscription(page.id)


async def test_a_payment_missing_from_the_subscription_is_found_in_the_transactions(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    shown = await buy(fake, provider)
    assert shown.paid_through is not None
    assert shown.paid_through > clock.now() + 27 * DAY
    fake.world.settings = Settings(sparse=True)
    hidden = await provider.fetch_subscription(shown.key.id)
    assert hidden.paid_through == shown.paid_through
    fake.dashboard.cancel(shown.key.id)
    ended = await provider.fetch_subscription(shown.key.id)
    assert ended.status is Status.ENDED
    assert ended.paid_through is not None
    assert abs(ended.paid_through - shown.paid_through) < DAY


async def test_a_subscription_without_any_payment_stays_pending(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    fake.dashboard.fail_next_payment()
    bought = await buy(fake, provider)
    assert bought.status is Status.PENDING
    fake.world.settings = Settings(sparse=True)
    assert (await provider.fetch_subscription(bought.key.id)).status is Status.PENDING
    fake.faults.add("status", "/transactions", status=404)
    assert (await provider.fetch_subscription(bought.key.id)).status is Status.PENDING


async def test_a_payment_shown_in_the_subscription_costs_no_further_call(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    await buy(fake, provider)
    assert not any("/transactions" in exchange.path for exchange in fake.exchanges)


def test_a_subscription_without_a_payer_id_gets_a_customer_of_its_own() -> None:
    found = map_subscription(subscription(subscriber={}), plan(), "sandbox", "PROD-1", NOW)
    assert found.customer_id == "I-ABC"
    waiting = subscription("APPROVAL_PENDING", subscriber={}, billing_info=None)
    assert map_subscription(waiting, plan(), "sandbox", "PROD-1", NOW).customer_id == ""


def test_a_plan_without_a_product_is_its_own_product() -> None:
    assert product_of({"product_id": "PROD-1"}, "P-1") == "PROD-1"
    assert product_of({}, "P-1") == "P-1"


@pytest.mark.parametrize("status", ["DECLINED", "PENDING"])
def test_an_unpaid_transaction_may_lack_an_amount(status: str) -> None:
    assert map_transaction({"id": "TX1", "status": status}) is None


@pytest.mark.parametrize("odd", ["text", 5, ["x"]])
def test_a_link_that_is_not_an_object_is_misread(odd: Any) -> None:
    with pytest.raises(ProviderMisread):
        need(odd, "rel", str)


async def test_a_dispute_id_of_any_shape_is_recognised(fake: PayPalServer, provider: PayPalProvider) -> None:
    bought = await buy(fake, provider)
    dispute = fake.dashboard.dispute(fake.dashboard.last_sale(bought.key.id).id)
    fake.world.add("dispute", "DISPUTE-1", fake.world.get("dispute", dispute["dispute_id"]))
    assert await provider.fetch_dispute("DISPUTE-1") == (bought.key.id, DisputeState.OPEN)


async def test_a_refund_counts_even_if_no_read_shows_the_payment(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    bought = await buy(fake, provider)
    sale = fake.dashboard.last_sale(bought.key.id)
    fake.faults.add("status", "/v[12]/payments", method="GET", status=404, times=None)
    after = await provider.refund(Payment(sale.id, 0, 0, "usd", 0), "intent-1")
    assert (after.amount, after.refunded) == (500, 500)


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_the_rest_of_a_payment_is_refunded_even_if_paypal_lists_no_refunds(
    fake: PayPalServer, provider: PayPalProvider, status: int
) -> None:
    bought = await buy(fake, provider)
    fake.dashboard.refund(fake.dashboard.last_sale(bought.key.id).id, "2.00")
    fake.faults.add("status", "/webhooks-events", method="GET", status=status, times=None)
    payment = await provider.fetch_last_payment(bought)
    assert payment is not None
    assert payment.amount == 500
    assert (await provider.refund(payment, "intent-1")).refunded == 500
    again = await provider.fetch_last_payment(bought)
    assert again is not None
    assert again.refunded == 500


async def test_any_refusal_to_cancel_an_ended_subscription_returns_it_as_ended(
    fake: PayPalServer, provider: PayPalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await buy(fake, provider)

    async def refuse(*_: Any, **__: Any) -> Any:
        raise Refused(detail="422", status=422, issues=frozenset())

    monkeypatch.setattr(provider._api, "post", refuse)
    with pytest.raises(ProviderRefused):
        await provider.cancel_now(bought, "intent-1")

    async def too_late(*_: Any, **__: Any) -> Any:
        fake.dashboard.cancel(bought.key.id)
        return await refuse()

    monkeypatch.setattr(provider._api, "post", too_late)
    assert (await provider.cancel_now(bought, "intent-2")).status is Status.ENDED


@pytest.mark.parametrize(("rel", "found"), [("approve", True), ("payer-action", True), ("self", False)])
async def test_the_approval_link_is_found_under_either_name(
    provider: PayPalProvider, fake: PayPalServer, monkeypatch: pytest.MonkeyPatch, rel: str, *, found: bool
) -> None:
    price = await provider.fetch_price(fake.add_plan(fake.add_product("Gold"), "5.00")["id"])

    async def made(*_: Any, **__: Any) -> Any:
        return {"id": "I-1", "links": [{"rel": rel, "href": "http://127.0.0.1:9/agree"}]}

    monkeypatch.setattr(provider._api, "post", made)
    if found:
        assert (await provider.start_checkout(order(price))).url == "http://127.0.0.1:9/agree"
    else:
        with pytest.raises(ProviderMisread):
            await provider.start_checkout(order(price))
