"""The PayPal adapter's requests, as far as the contract tests of all providers do not cover them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from billing.errors import (
    ProviderError,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnavailable,
)
from billing.model import DisputeState, Status, Subject, Subscription
from i18n.plain import plain_words
from providers.paypal.dates import stamp
from providers.paypal.provider import PayPalProvider, account_of
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.state import Settings
from tests.contract.providers.harness import order, portal_options
from tests.providers.paypal.conftest import hook_of

DAY = 86_400


def sell(fake: PayPalServer, price: str = "5.00", **more: Any) -> str:
    plan_id: str = fake.add_plan(fake.add_product("Gold"), price, **more)["id"]
    return plan_id


async def buy(
    fake: PayPalServer,
    provider: PayPalProvider,
    plan_id: str = "",
    checkout_id: str = "opaque-1",
    **more: Any,
) -> Subscription:
    price = await provider.fetch_price(plan_id or sell(fake))
    page = await provider.start_checkout(replace(order(price, checkout_id), **more))
    fake.approve(page.url)
    return await provider.fetch_subscription(page.id)


def given(fake: PayPalServer, path: str) -> Any:
    """The body of the last request there."""
    return [exchange.given for exchange in fake.exchanges if exchange.path.endswith(path)][-1]


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://api-m.paypal.com", "live"),
        ("https://api-m.sandbox.paypal.com", "sandbox"),
        ("http://127.0.0.1:8099", "sandbox"),
        ("http://localhost/api-m.paypal.com", "sandbox"),
    ],
)
def test_the_address_of_the_api_decides_between_live_and_sandbox(url: str, account: str) -> None:
    assert account_of(url) == account


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://api-m.paypal.com", "https://www.paypal.com/myaccount/autopay/"),
        ("https://api-m.sandbox.paypal.com", "https://www.sandbox.paypal.com/myaccount/autopay/"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099/myaccount/autopay/"),
    ],
)
async def test_the_manage_link_leads_to_automatic_payments(
    url: str, link: str, clock: MovableClock, fake: PayPalServer
) -> None:
    found = PayPalProvider("c", "s", ("H",), url, clock, ca_file=fake.ca_file)
    bought: Any = None
    assert await found.manage_link(bought, portal_options()) == link
    await found.close()


async def test_a_checkout_request_has_the_documented_fields_and_is_repeatable(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    plan_id = sell(fake)
    price = await provider.fetch_price(plan_id)
    page = await provider.start_checkout(order(price))
    assert given(fake, "/v1/billing/subscriptions") == {
        "plan_id": plan_id,
        "custom_id": "opaque-1",
        "application_context": {
            "brand_name": "Pottery, for Mia x https evil.example (@mia)",
            "user_action": "SUBSCRIBE_NOW",
            "shipping_preference": "NO_SHIPPING",
            "return_url": "http://127.0.0.1:9/return?from=paid",
            "cancel_url": "http://127.0.0.1:9/return?from=cancelled",
        },
    }
    assert page.id == fake.world.all("subscription")[0].id
    again = await provider.start_checkout(order(price))
    assert replace(again, expires_at=page.expires_at) == page


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pricing_scheme": {"fixed_price": {"currency_code": "USD", "value": "0.00"}}}, "is free"),
        ({"tenure_type": "TRIAL", "total_cycles": 1}, "no regular price after its trial"),
    ],
)
async def test_a_plan_without_a_regular_price_is_refused_with_a_text(
    fake: PayPalServer, provider: PayPalProvider, change: dict[str, Any], says: str
) -> None:
    """PayPal's own pages made it; its API takes none like that."""
    plan_id = sell(fake)
    fake.world.get("plan", plan_id)["billing_cycles"][0].update(change)
    with pytest.raises(ProviderRefused) as refused:
        await provider.fetch_price(plan_id)
    assert says in plain_words(refused.value.user_message)


async def test_a_start_in_the_future_is_sent_to_paypal(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    price = await provider.fetch_price(sell(fake))
    start = int(clock.now()) + 5 * DAY
    await provider.start_checkout(replace(order(price), starts_at=start))
    assert given(fake, "/subscriptions")["start_time"] == stamp(start)
    await provider.start_checkout(replace(order(price, "opaque-2"), starts_at=int(clock.now()) + 10))
    assert "start_time" not in given(fake, "/subscriptions")


async def test_a_trial_that_the_paypal_plan_contains_is_not_given_twice(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    price = await provider.fetch_price(sell(fake, trials=[("0", "DAY", 7)]))
    await provider.start_checkout(order(price, trial_days=7))
    assert "start_time" not in given(fake, "/subscriptions")
    longer = await buy(fake, provider, price.id, "opaque-2", trial_days=10)
    assert (longer.status, longer.trial_end) == (Status.TRIALING, longer.period_end)
    assert longer.trial_end is not None
    assert abs(longer.trial_end - longer.created_at - 10 * DAY) < DAY


@pytest.mark.parametrize("days", [0, 3])
async def test_a_plan_whose_trial_cannot_be_shortened_is_refused_to_returning_members(
    fake: PayPalServer, provider: PayPalProvider, days: int
) -> None:
    price = await provider.fetch_price(sell(fake, trials=[("0", "DAY", 7)]))
    with pytest.raises(ProviderRefused) as refused:
        await provider.start_checkout(order(price, trial_days=days))
    assert "first-time" in plain_words(refused.value.user_message)
    assert fake.world.all("subscription") == []


async def test_an_inactive_paypal_plan_cannot_be_bought(fake: PayPalServer, provider: PayPalProvider) -> None:
    price = await provider.fetch_price(sell(fake))
    await provider._api.post(f"/v1/billing/plans/{price.id}/deactivate")
    with pytest.raises(ProviderRefused) as refused:
        await provider.start_checkout(order(price))
    assert "turned off" in plain_words(refused.value.user_message)
    assert not (await provider.fetch_price(price.id)).active


async def test_an_unapproved_subscription_has_no_customer(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    price = await provider.fetch_price(sell(fake))
    page = await provider.start_checkout(order(price))
    found = await provider.fetch_subscription(page.id)
    assert (found.status, found.customer_id, found.paid_through) == (Status.PENDING, "", None)
    assert await provider.cancel_now(found, "intent-1") == found


async def test_the_checkout_id_is_read_from_the_checkout_and_never_from_the_subscription(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    """Anybody who creates a subscription in a browser can write any custom_id into it."""
    bought = await buy(fake, provider)
    assert bought.checkout_id is None
    found = await provider.fetch_checkout(bought.key.id)
    assert found is not None
    assert (found.session_id, found.checkout_id) == (bought.key.id, "opaque-1")


async def test_the_stale_next_billing_time_after_activation_is_ignored(
    clock: MovableClock, provider: PayPalProvider, fake: PayPalServer
) -> None:
    fake.world.settings = Settings(stale_billing_seconds=600)
    bought = await buy(fake, provider)
    assert bought.period_end is not None
    assert bought.period_end > clock.now() + 27 * DAY
    clock.advance(700)
    later = await provider.fetch_subscription(bought.key.id)
    assert later.period_end is not None
    assert abs(later.period_end - bought.period_end) < DAY


async def test_a_paypal_plan_is_fetched_once(fake: PayPalServer, provider: PayPalProvider) -> None:
    """A plan's product never changes."""
    bought = await buy(fake, provider)
    before = sum("/v1/billing/plans" in exchange.path for exchange in fake.exchanges)
    for _ in range(3):
        await provider.fetch_subscription(bought.key.id)
    assert sum("/v1/billing/plans" in exchange.path for exchange in fake.exchanges) == before


async def test_cancelling_a_subscription_that_ended_meanwhile_returns_it_as_ended(
    fake: PayPalServer, provider: PayPalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await buy(fake, provider)
    post = provider._api.post

    async def late(where: str, *args: Any, **more: Any) -> Any:
        fake.dashboard.cancel(bought.key.id)
        return await post(where, *args, **more)

    monkeypatch.setattr(provider._api, "post", late)
    assert (await provider.cancel_now(bought, "intent-1")).status is Status.ENDED


async def test_an_active_subscription_resumes_and_a_suspended_one_is_refused(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    bought = await buy(fake, provider)
    assert await provider.resume(bought, "intent-1") == bought
    fake.dashboard.suspend(bought.key.id)
    with pytest.raises(ProviderRefused) as refused:
        await provider.resume(bought, "intent-2")
    assert "seller" in plain_words(refused.value.user_message)


class TestPayments:
    """Sales, refunds, disputes."""

    async def test_a_sale_leads_to_its_subscription(
        self, fake: PayPalServer, provider: PayPalProvider
    ) -> None:
        bought = await buy(fake, provider)
        sale = fake.dashboard.last_sale(bought.key.id)
        assert await provider.locate(Subject("sale", sale.id)) == [bought.key.id]
        assert await provider.locate(Subject("sale", "NOTHINGLIKETHAT1")) == []
        assert await provider.locate(Subject("subscription", "I-1")) == ["I-1"]
        assert await provider.locate(Subject("price", "P-1")) == []

    async def test_a_refund_that_paypal_accepted_counts_before_reads_show_it(
        self, fake: PayPalServer, provider: PayPalProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """PayPal's reads may lag behind what it has just said."""
        bought = await buy(fake, provider)
        payment = await provider.fetch_last_payment(bought)
        assert payment is not None
        get = provider._api.get

        async def old(where: str, **query: str) -> Any:
            answer = await get(where, **query)
            return {**answer, "status": "COMPLETED"} if "/captures/" in where else answer

        monkeypatch.setattr(provider._api, "get", old)
        assert (await provider.refund(payment, "intent-1")).refunded == 500

    async def test_a_payment_known_only_to_the_v1_api_is_refunded_there(
        self, fake: PayPalServer, provider: PayPalProvider
    ) -> None:
        bought = await buy(fake, provider)
        payment = await provider.fetch_last_payment(bought)
        assert payment is not None
        fake.faults.add("status", "/v2/payments", status=404, times=None)
        assert (await provider.refund(payment, "intent-1")).refunded == 500
        assert fake.dashboard.last_sale(bought.key.id).status == "REFUNDED"

    async def test_a_refund_of_an_unknown_payment_is_not_found(self, provider: PayPalProvider) -> None:
        payment: Any = type("Payment", (), {"id": "NOTHINGLIKETHAT1", "currency": "usd"})()
        with pytest.raises(ProviderNotFound):
            await provider.refund(payment, "intent-1")

    async def test_the_last_payment_is_the_newest_one(
        self, fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
    ) -> None:
        bought = await buy(fake, provider)
        first = await provider.fetch_last_payment(bought)
        clock.advance(32 * DAY)
        renewed = await provider.fetch_subscription(bought.key.id)
        second = await provider.fetch_last_payment(renewed)
        assert first is not None
        assert second is not None
        assert second.paid_at > first.paid_at
        assert await provider.fetch_last_payment(bought) == second

    async def test_a_failed_charge_is_not_the_last_payment(
        self, fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
    ) -> None:
        bought = await buy(fake, provider)
        first = await provider.fetch_last_payment(bought)
        fake.dashboard.fail_next_payment(times=9)
        clock.advance(32 * DAY)
        owing = await provider.fetch_subscription(bought.key.id)
        assert owing.status is Status.PAST_DUE
        assert await provider.fetch_last_payment(owing) == first

    async def test_a_reversed_payment_counts_as_lost_unless_it_has_a_dispute(
        self, fake: PayPalServer, provider: PayPalProvider
    ) -> None:
        bought = await buy(fake, provider)
        sale = fake.dashboard.last_sale(bought.key.id)
        assert await provider.fetch_dispute(sale.id) == (bought.key.id, DisputeState.LOST)
        dispute_id = fake.dashboard.dispute(sale.id)["dispute_id"]
        assert await provider.fetch_dispute(sale.id) == (bought.key.id, DisputeState.NONE)
        assert await provider.fetch_dispute(dispute_id) == (bought.key.id, DisputeState.OPEN)
        fake.dashboard.win(dispute_id)
        assert await provider.fetch_dispute(dispute_id) == (bought.key.id, DisputeState.WON)
        fake.faults.add("status", "/v1/customer/disputes", status=403, times=None)
        assert await provider.fetch_dispute(sale.id) == (bought.key.id, DisputeState.LOST)

    async def test_a_dispute_about_another_payment_has_no_subscription(
        self, fake: PayPalServer, provider: PayPalProvider
    ) -> None:
        bought = await buy(fake, provider)
        dispute = fake.dashboard.dispute(fake.dashboard.last_sale(bought.key.id).id)
        fake.faults.add("status", "/v1/payments/sale", status=404, times=1)
        assert await provider.fetch_dispute(dispute["dispute_id"]) == (None, DisputeState.OPEN)

    async def test_a_reversal_with_its_own_id_leads_to_its_payment(
        self, fake: PayPalServer, provider: PayPalProvider
    ) -> None:
        bought = await buy(fake, provider)
        fake.dashboard.reverse(fake.dashboard.last_sale(bought.key.id).id)
        (reversal,) = fake.world.all("refund")
        assert await provider.fetch_dispute(reversal.id) == (bought.key.id, DisputeState.LOST)
        assert await provider.locate(Subject("sale", reversal.id)) == [bought.key.id]
        fake.faults.add("status", "/v1/payments/refund", status=404, times=None)
        assert await provider.fetch_dispute(reversal.id) == (bought.key.id, DisputeState.LOST)

    async def test_an_unknown_dispute_is_not_found(self, provider: PayPalProvider) -> None:
        with pytest.raises(ProviderNotFound):
            await provider.fetch_dispute("SOMEOTHERSALE1")


async def test_every_paypal_method_ends_within_its_time_limit(
    fake: PayPalServer, provider: PayPalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await buy(fake, provider)
    monkeypatch.setattr("providers.base.CALL_SECONDS", 0.2)
    fake.faults.add("hang_before", times=None, seconds=5)
    calls = [
        provider.fetch_subscription(bought.key.id),
        provider.cancel_now(bought, "intent-1"),
        provider.fetch_last_payment(bought),
        provider.fetch_price("P-1"),
        provider.fix(f"paypal:webhook:{hook_of(fake)['id']}", [], "https://x.example"),
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, ProviderError) for outcome in outcomes)
    assert [type(outcome) for outcome in outcomes] == [ProviderUnavailable] * len(calls)
