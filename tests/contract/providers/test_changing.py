"""Every provider changes a subscription once, however often it is asked, and returns its true state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import Status
from i18n.plain import plain_words
from tests.contract.providers.harness import DAY, Surroundings, buy, find, order, unknown


async def test_a_cancelled_subscription_keeps_its_period_and_can_be_resumed(keeping: Surroundings) -> None:
    bought = await buy(keeping)
    cancelled = await keeping.provider.cancel_at_period_end(bought, "intent-1")
    assert cancelled.status is Status.ACTIVE
    assert cancelled.ends_at == bought.period_end
    assert not cancelled.renews
    assert await keeping.provider.cancel_at_period_end(bought, "intent-2") == cancelled
    resumed = await keeping.provider.resume(cancelled, "intent-3")
    assert resumed == bought
    assert await keeping.provider.resume(cancelled, "intent-4") == bought
    assert await keeping.provider.fetch_subscription(bought.key.id) == bought


async def test_a_provider_that_cancels_at_once_returns_the_paid_time(ending: Surroundings) -> None:
    bought = await buy(ending)
    assert bought.paid_through is not None
    assert bought.paid_through > ending.clock.now() + 27 * DAY
    ended = await ending.provider.cancel_at_period_end(bought, "intent-1")
    assert ended.status is Status.ENDED
    assert ended.paid_through is not None
    assert abs(ended.paid_through - bought.paid_through) < DAY
    assert await ending.provider.cancel_at_period_end(bought, "intent-2") == ended
    assert await ending.provider.fetch_subscription(bought.key.id) == ended


async def test_a_subscription_that_starts_later_is_paid_then(there: Surroundings) -> None:
    price = await there.provider.fetch_price(there.sell())
    start = int(there.clock.now()) + 10 * DAY
    page = await there.provider.start_checkout(replace(order(price), starts_at=start))
    there.pay(page.url)
    await there.settle()
    bought = await find(there)
    assert (bought.status, bought.trial_end) == (Status.TRIALING, start)
    assert await there.provider.fetch_last_payment(bought) is None
    there.clock.advance(11 * DAY)
    await there.settle()
    paid = await find(there)
    assert paid.status is Status.ACTIVE
    payment = await there.provider.fetch_last_payment(paid)
    assert payment is not None
    assert abs(payment.paid_at - start) < DAY


async def test_a_checkout_can_be_closed_before_and_after_payment(there: Surroundings) -> None:
    price = await there.provider.fetch_price(there.sell())
    page = await there.provider.start_checkout(order(price))
    there.pay(page.url)
    await there.settle()
    await there.provider.close_page(page.id)
    assert (await find(there)).status is Status.ACTIVE
    other = await there.provider.start_checkout(order(price, "opaque-2"))
    for _ in range(2):
        await there.provider.close_page(other.id)


async def test_a_cancelled_subscription_ends_with_its_period(there: Surroundings) -> None:
    bought = await buy(there)
    await there.provider.cancel_at_period_end(bought, "intent-1")
    there.clock.advance(32 * DAY)
    await there.settle()
    found = await there.provider.fetch_subscription(bought.key.id)
    assert found.status is Status.ENDED
    assert await there.provider.cancel_at_period_end(bought, "intent-2") == found


async def test_an_immediate_cancellation_is_final(there: Surroundings) -> None:
    bought = await buy(there)
    ended = await there.provider.cancel_now(bought, "intent-1")
    assert ended.status is Status.ENDED
    assert not ended.renews
    assert await there.provider.cancel_now(bought, "intent-2") == ended
    assert await there.provider.fetch_subscription(bought.key.id) == ended
    with pytest.raises(ProviderRefused) as refused:
        await there.provider.resume(ended, "intent-3")
    assert "ended" in plain_words(refused.value.user_message)


async def test_a_trial_can_be_cancelled(keeping: Surroundings) -> None:
    bought = await buy(keeping, trial_days=7)
    cancelled = await keeping.provider.cancel_at_period_end(bought, "intent-1")
    assert (cancelled.status, cancelled.ends_at) == (Status.TRIALING, bought.trial_end)


async def test_a_trial_cancelled_at_once_gives_access_until_its_end(ending: Surroundings) -> None:
    bought = await buy(ending, trial_days=7)
    ended = await ending.provider.cancel_at_period_end(bought, "intent-1")
    assert ended.status is Status.ENDED
    assert ended.paid_through is not None
    assert bought.trial_end is not None
    assert abs(ended.paid_through - bought.trial_end) < DAY


@pytest.mark.parametrize("change", ["cancel_at_period_end", "cancel_now"])
async def test_a_change_whose_answer_was_lost_is_unknown_until_it_is_repeated(
    there: Surroundings, change: str
) -> None:
    bought = await buy(there)
    there.lose_answer_to_change()
    with pytest.raises(ProviderUnavailable):
        await getattr(there.provider, change)(bought, "intent-1")
    meanwhile = await there.provider.fetch_subscription(bought.key.id)
    assert not meanwhile.renews
    assert await getattr(there.provider, change)(bought, "intent-1") == meanwhile


async def test_an_unknown_subscription_cannot_be_changed(there: Surroundings) -> None:
    ghost = unknown(there.provider, await buy(there))
    for change in (there.provider.cancel_at_period_end, there.provider.cancel_now, there.provider.resume):
        with pytest.raises(ProviderNotFound):
            await change(ghost, "intent-1")


async def test_a_payment_is_refunded_once(there: Surroundings) -> None:
    bought = await buy(there)
    payment = await there.provider.fetch_last_payment(bought)
    assert payment is not None
    assert (payment.amount, payment.refunded) == (500, 0)
    assert payment.currency == bought.price.currency
    after = await there.provider.refund(payment, "intent-1")
    assert (after.id, after.refunded, after.refundable.amount) == (payment.id, 500, 0)
    assert await there.provider.refund(payment, "intent-1") == after
    assert await there.provider.refund(payment, "intent-2") == after
    assert await there.provider.fetch_last_payment(bought) == after


async def test_only_the_rest_of_a_partly_refunded_payment_is_refunded(there: Surroundings) -> None:
    bought = await buy(there)
    there.refund_part(bought, 120)
    payment = await there.provider.fetch_last_payment(bought)
    assert payment is not None
    assert payment.refundable.amount == 380
    assert (await there.provider.refund(payment, "intent-1")).refunded == 500


async def test_a_refund_whose_answer_was_lost_is_not_repeated(there: Surroundings) -> None:
    bought = await buy(there)
    payment = await there.provider.fetch_last_payment(bought)
    assert payment is not None
    there.lose_answer_to_change()
    with pytest.raises(ProviderUnavailable):
        await there.provider.refund(payment, "intent-1")
    assert (await there.provider.refund(payment, "intent-2")).refunded == 500


async def test_a_refund_leaves_the_subscription_active(there: Surroundings) -> None:
    bought = await buy(there)
    payment = await there.provider.fetch_last_payment(bought)
    assert payment is not None
    await there.provider.refund(payment, "intent-1")
    assert (await there.provider.fetch_subscription(bought.key.id)).status is Status.ACTIVE
