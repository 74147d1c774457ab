"""Every provider reads the same: prices, subscriptions, notifications, payments, disputes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from billing.errors import Malformed, NotAuthentic, ProviderNotFound, ProviderUnavailable
from billing.model import DisputeState, Status, Subject
from i18n.plain import plain_words
from tests.contract.providers.harness import (
    DAY,
    GUILD,
    MEMBER,
    CustomersToo,
    Surroundings,
    buy,
    find,
    order,
    portal_options,
    unknown,
)

HOOK = "https://dues.example/webhooks/of-nobody"
A_MOMENT = 60  # seconds


async def test_a_price_is_read_with_amount_interval_and_trial(there: Surroundings) -> None:
    price = await there.provider.fetch_price(there.sell(1250, trial_days=7))
    assert (price.provider, price.account) == (there.provider.name, there.provider.account)
    assert (price.amount, price.interval, price.interval_count, price.trial_days) == (1250, "month", 1, 7)
    assert price.currency == price.currency.lower()
    assert price.active


@pytest.mark.parametrize("price_id", ["price_none", "", "../../v1/customers", "günstig", "x" * 300])
async def test_an_unknown_price_is_not_found(there: Surroundings, price_id: str) -> None:
    with pytest.raises(ProviderNotFound) as refused:
        await there.provider.fetch_price(price_id)
    assert plain_words(refused.value.user_message)


async def test_a_new_subscription_is_found_by_its_checkout_id(there: Surroundings) -> None:
    bought = await buy(there)
    assert bought.status is Status.ACTIVE
    assert bought.renews
    assert bought.period_start is not None
    assert bought.period_end is not None
    assert bought.period_start <= there.clock.now() < bought.period_end
    assert bought.price.amount == 500
    assert await there.provider.fetch_subscription(bought.key.id) == bought
    found = await there.provider.fetch_checkout(bought.key.id)
    assert found is not None
    assert (found.checkout_id, found.subscription_id) == ("opaque-1", bought.key.id)
    assert found.customer_id == bought.customer_id


async def test_a_checkout_says_when_it_expires(there: Surroundings) -> None:
    price = await there.provider.fetch_price(there.sell())
    page = await there.provider.start_checkout(order(price))
    assert page.url.startswith("http")
    assert page.expires_at is None or page.expires_at > there.clock.now()


async def test_a_repeated_checkout_request_returns_the_same_page(there: Surroundings) -> None:
    price = await there.provider.fetch_price(there.sell())
    first = await there.provider.start_checkout(order(price))
    again = await there.provider.start_checkout(order(price))
    assert (again.id, again.url) == (first.id, first.url)
    assert (again.expires_at or 0) - (first.expires_at or 0) < A_MOMENT
    other = await there.provider.start_checkout(order(price, "opaque-2"))
    assert other.id != first.id
    assert other.url != first.url


async def test_a_trial_is_trialing_until_its_end(there: Surroundings) -> None:
    bought = await buy(there, trial_days=7)
    assert bought.status is Status.TRIALING
    assert bought.trial_end == bought.period_end
    assert bought.trial_end is not None
    assert abs(bought.trial_end - there.clock.now() - 7 * DAY) < DAY
    assert await there.provider.fetch_last_payment(bought) is None


async def test_a_returning_buyer_stays_the_same_customer(there: Surroundings) -> None:
    first = await buy(there)
    second = await buy(there, "opaque-2", customer=first.customer_id)
    assert second.customer_id == first.customer_id
    if there.provider.lists_all:
        ids = await there.provider.locate(Subject("customer", first.customer_id))
        assert set(ids) == {first.key.id, second.key.id}


async def test_a_deleted_customer_can_buy_again(deleting: CustomersToo) -> None:
    first = await buy(deleting)
    deleting.forget_customer(first.customer_id)
    second = await buy(deleting, "opaque-2", customer=first.customer_id)
    assert second.status is Status.ACTIVE
    assert second.customer_id != first.customer_id


async def test_the_subscriptions_of_a_deleted_customer_are_ended(deleting: CustomersToo) -> None:
    first = await buy(deleting)
    deleting.forget_customer(first.customer_id)
    found = await deleting.provider.fetch_subscription(first.key.id)
    assert found.status is Status.ENDED
    assert found.ended_at is not None


async def test_an_unknown_subscription_is_not_found(there: Surroundings) -> None:
    ghost = unknown(there.provider, await buy(there))
    with pytest.raises(ProviderNotFound):
        await there.provider.fetch_subscription(ghost.key.id)
    assert await there.provider.fetch_checkout(ghost.key.id) is None


async def test_active_and_ended_subscriptions_are_listed(there: Surroundings) -> None:
    kept = [await buy(there, f"opaque-{n}") for n in range(3)]
    ended = await there.provider.cancel_now(kept[1], "intent-1")
    listed = {s.key: s async for s in there.provider.list_subscriptions(there.known())}
    assert listed.keys() == {s.key for s in kept}
    assert listed[ended.key] == ended


async def test_a_renewal_moves_the_period(there: Surroundings) -> None:
    bought = await buy(there)
    there.clock.advance(32 * DAY)
    await there.settle()
    renewed = await there.provider.fetch_subscription(bought.key.id)
    assert renewed.status is Status.ACTIVE
    assert renewed.period_start == bought.period_end


async def test_a_failed_payment_is_past_due_since_it_was_due(there: Surroundings) -> None:
    bought = await buy(there)
    there.fail_next_payment()
    there.clock.advance(32 * DAY)
    await there.settle()
    found = await there.provider.fetch_subscription(bought.key.id)
    assert found.status is Status.PAST_DUE
    assert found.unpaid_since is not None
    assert bought.period_end is not None
    assert abs(found.unpaid_since - bought.period_end) < DAY
    assert await find(there) == found


async def test_notifications_lead_to_their_subscription(there: Surroundings) -> None:
    bought = await buy(there)
    subjects = set()
    for body, headers in there.arrived:
        for event in await there.provider.authenticate(body, headers, there.clock.now()):
            assert (event.provider, event.account) == (bought.key.provider, bought.key.account)
            assert event.id
            subjects.add(event.subject)
    rung: set[str] = set()
    for subject in subjects - {None}:
        assert subject is not None
        if subject.kind not in ("price", "product"):
            rung.update(await there.provider.locate(subject))
    assert rung == {bought.key.id}


async def test_a_tampered_notification_is_refused(there: Surroundings) -> None:
    await buy(there)
    body, headers = there.arrived[-1]
    assert await there.provider.authenticate(body, headers, there.clock.now())
    with pytest.raises((NotAuthentic, Malformed)):
        await there.provider.authenticate(body.replace(b"{", b"{ ", 1), headers, there.clock.now())
    with pytest.raises(NotAuthentic):
        await there.provider.authenticate(body, {}, there.clock.now())
    for off in (-DAY, DAY):
        with pytest.raises(NotAuthentic):
            await there.provider.authenticate(body, headers, there.clock.now() + off)


async def test_a_dispute_leads_to_its_subscription(there: Surroundings) -> None:
    bought = await buy(there)
    dispute_id = there.dispute(bought)
    assert await there.provider.fetch_dispute(dispute_id) == (bought.key.id, DisputeState.OPEN)
    assert await there.provider.locate(Subject("dispute", dispute_id)) == [bought.key.id]
    there.win(dispute_id)
    assert await there.provider.fetch_dispute(dispute_id) == (bought.key.id, DisputeState.WON)


async def test_disputes_are_listed_with_their_state(there: Surroundings) -> None:
    assert await listed_disputes(there) == []
    dispute_id = there.dispute(await buy(there))
    assert await listed_disputes(there) == [(dispute_id, DisputeState.OPEN)]
    there.win(dispute_id)
    for _ in range(2):
        assert await listed_disputes(there) == [(dispute_id, DisputeState.WON)]


async def listed_disputes(there: Surroundings) -> list[tuple[str, DisputeState]]:
    return [found async for found in there.provider.list_disputes()]


async def test_the_manage_link_is_an_http_address(there: Surroundings) -> None:
    bought = await buy(there)
    link = await there.provider.manage_link(bought, portal_options(bought.price))
    assert link.startswith("http")


async def test_each_fault_that_a_check_finds_has_a_cure(there: Surroundings) -> None:
    findings = await there.provider.check([], "http://127.0.0.1:9/elsewhere")
    assert findings
    assert all(finding.message for finding in findings)
    faults = [finding for finding in findings if not finding.ok]
    assert faults, "no notifications reach that address"
    assert all(finding.cure for finding in faults)


async def test_a_silent_provider_is_reported_as_unavailable(there: Surroundings) -> None:
    bought = await buy(there)
    payment = await there.provider.fetch_last_payment(bought)
    assert payment is not None
    there.go_silent()
    price = bought.price
    calls = [
        there.provider.fetch_subscription(bought.key.id),
        there.provider.locate(Subject("dispute", "PP-D-1")),
        there.provider.fetch_checkout(bought.key.id),
        there.provider.fetch_dispute("PP-D-1"),
        there.provider.fetch_price(price.id),
        there.provider.start_checkout(order(price, "opaque-9")),
        there.provider.cancel_at_period_end(bought, "intent-1"),
        there.provider.cancel_now(bought, "intent-2"),
        there.provider.resume(replace(bought, ends_at=bought.period_end), "intent-3"),
        there.provider.fetch_last_payment(bought),
        there.provider.refund(payment, "intent-4"),
        find(there),
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ProviderUnavailable] * len(calls)
    with suppress(ProviderUnavailable):  # the address may be known without asking
        assert (await there.provider.manage_link(bought, portal_options(price))).startswith("http")


def test_the_contract_tests_use_ids_as_large_as_discords() -> None:
    assert min(GUILD, MEMBER) > 2**53


async def test_listed_events_equal_the_notifications_that_were_sent(there: Surroundings) -> None:
    begun = int(there.clock.now())
    await buy(there)
    await there.settle()
    sent = [
        event
        for body, headers in there.arrived
        for event in await there.provider.authenticate(body, headers, there.clock.now())
        if event.subject is not None
    ]
    listed = {event.id: event async for event in there.provider.list_events(begun, HOOK)}
    kinds = {event.kind for event in listed.values()}
    assert listed
    assert listed == {event.id: event for event in sent if event.kind in kinds}
    there.clock.advance(10)
    assert [event async for event in there.provider.list_events(int(there.clock.now()), HOOK)] == []
