"""PayPal loses some of its notifications: one sweep brings ledger and roles right, and no fault takes any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from billing.model import DisputeState, Status, Subscription, SubscriptionKey
from billing.use_cases.plans import PlanUpdate, edit_plan
from billing.use_cases.sweep import sweep
from providers.paypal import api
from standins.faults import Kind
from tests.cogs.test_paypal import buy, paypal_of, until
from tests.cogs.town import DAY, MONTH, Town, running

pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)


@pytest.fixture
async def town(still_town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """Gold is sold through both."""
    monkeypatch.setattr(api, "PAUSES", (0.0, 0.0))
    paypal = paypal_of(still_town)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    async with running(still_town):
        plan = await still_town.sell()
        edit = PlanUpdate(price_ids={"paypal": sold})
        await edit_plan(still_town.ports, plan.guild_id, plan.id, edit, still_town.ada.id)
        yield still_town


async def swept(town: Town) -> None:
    """One round, which met no fault."""
    assert await sweep(town.ports) == []
    await town.settled()


async def held(town: Town, subscription_id: str) -> Subscription:
    """What the ledger holds."""
    key = SubscriptionKey("paypal", "sandbox", subscription_id)
    found = await town.ports.ledger.load_subscription(key)
    assert found is not None
    return found


def lose(town: Town, *, losing: bool = True) -> None:
    """From now on no notification arrives, or every one does."""
    paypal_of(town).delivery_faults.drop = 1_000_000 if losing else 0


async def test_that_it_began(town: Town) -> None:
    lose(town)
    subscription_id = await buy(town)
    assert town.roles() == []
    await swept(town)
    assert town.roles() == ["Gold"]
    assert (await held(town, subscription_id)).status is Status.ACTIVE


async def test_that_it_was_suspended_and_activated_again(town: Town) -> None:
    subscription_id = await buy(town)
    lose(town)
    paypal_of(town).dashboard.suspend(subscription_id)
    await swept(town)
    paused = await held(town, subscription_id)
    assert (paused.status, town.roles()) == (Status.PAUSED, ["Gold"])
    assert paused.paid_through is not None
    await town.turn(MONTH + DAY)
    await until(town, lambda: town.roles() == [])
    paypal_of(town).dashboard.activate(subscription_id)
    await swept(town)
    assert town.roles() == ["Gold"]
    assert (await held(town, subscription_id)).status is Status.ACTIVE


async def test_that_it_was_cancelled_at_paypal(town: Town) -> None:
    subscription_id = await buy(town)
    paid = (await held(town, subscription_id)).paid_through
    lose(town)
    paypal_of(town).cancel_automatic_payment(subscription_id)
    await swept(town)
    ended = await held(town, subscription_id)
    assert (ended.status, town.roles()) == (Status.ENDED, ["Gold"])
    assert ended.paid_through is not None
    assert paid is not None
    assert abs(ended.paid_through - paid) < DAY
    await town.turn(MONTH + DAY)
    await until(town, lambda: town.roles() == [])


async def test_that_a_payment_failed_and_that_it_was_made_good(town: Town) -> None:
    subscription_id = await buy(town)
    lose(town)
    paypal_of(town).dashboard.fail_next_payment(times=1)
    town.clock.advance(MONTH + DAY)
    await paypal_of(town).settle()
    await swept(town)
    owing = await held(town, subscription_id)
    assert (owing.status, town.roles()) == (Status.PAST_DUE, ["Gold"])
    assert owing.unpaid_since is not None
    town.clock.advance(6 * DAY)
    await paypal_of(town).settle()
    await swept(town)
    assert ((await held(town, subscription_id)).status, town.roles()) == (Status.ACTIVE, ["Gold"])


async def test_that_payments_failed_for_longer_than_the_grace(town: Town) -> None:
    subscription_id = await buy(town)
    lose(town)
    paypal_of(town).dashboard.fail_next_payment(times=9)
    town.clock.advance(MONTH + 9 * DAY)
    await paypal_of(town).settle()
    await swept(town)
    assert (await held(town, subscription_id)).status is Status.PAST_DUE
    await until(town, lambda: town.roles() == [])


async def test_that_a_payment_was_disputed_and_how_that_ended(town: Town) -> None:
    subscription_id = await buy(town)
    lose(town)
    paypal = paypal_of(town)
    dispute = paypal.dashboard.dispute(paypal.dashboard.last_sale(subscription_id).id)
    await swept(town)
    assert ((await held(town, subscription_id)).dispute, town.roles()) == (DisputeState.OPEN, [])
    paypal.dashboard.win(dispute["dispute_id"])
    await swept(town)
    assert ((await held(town, subscription_id)).dispute, town.roles()) == (DisputeState.WON, ["Gold"])


async def test_that_a_dispute_was_lost(town: Town) -> None:
    subscription_id = await buy(town)
    lose(town)
    paypal = paypal_of(town)
    dispute = paypal.dashboard.dispute(paypal.dashboard.last_sale(subscription_id).id)
    paypal.dashboard.lose(dispute["dispute_id"])
    await swept(town)
    assert town.roles() == []
    assert paypal.subscription(subscription_id).status == "CANCELLED"


async def test_that_a_payment_was_given_back(town: Town) -> None:
    """Which ends nothing."""
    subscription_id = await buy(town)
    lose(town)
    paypal_of(town).dashboard.refund(paypal_of(town).dashboard.last_sale(subscription_id).id)
    await swept(town)
    assert ((await held(town, subscription_id)).status, town.roles()) == (Status.ACTIVE, ["Gold"])


# By kind, where, with what, and whether the sweep has a fault to tell of.
FAULTS: list[tuple[Kind, str, int, bool]] = [
    ("status", "", 500, True),
    ("status", "", 503, True),
    ("status", "", 429, True),
    ("status", "", 401, True),
    ("status", "", 403, True),
    ("status", "", 404, True),
    ("status", "/subscriptions/", 404, False),
    ("cut_before", "", 0, True),
    ("cut_after", "", 0, True),
    ("empty", "", 0, False),
]


@pytest.mark.parametrize(("kind", "where", "status", "told"), FAULTS)
async def test_a_sweep_that_meets_faults_or_nothing_takes_nothing(
    town: Town, kind: Kind, where: str, status: int, *, told: bool
) -> None:
    subscription_id = await buy(town)
    before = await held(town, subscription_id)
    paypal_of(town).faults.add(kind, where, times=None, status=status)
    faults = await sweep(town.ports)
    assert bool(faults) == told
    assert (await held(town, subscription_id), town.roles()) == (before, ["Gold"])
    paypal_of(town).faults.clear()
    await swept(town)
    assert (await held(town, subscription_id), town.roles()) == (before, ["Gold"])


async def test_a_sweep_keeps_the_quiet_that_paypal_asks_for(town: Town) -> None:
    lose(town)
    await buy(town)
    paypal = paypal_of(town)
    fault = paypal.faults.add("status", "/v1/billing/subscriptions", status=429, retry_after=40)
    round_ = asyncio.create_task(sweep(town.ports))
    while True:
        if fault not in paypal.faults.waiting:
            break
        await asyncio.sleep(0.01)  # a request that meets a fault tells nobody
    asked = len(paypal.exchanges)
    town.clock.advance(35)
    await town.settled()
    assert not round_.done()
    assert len(paypal.exchanges) - asked <= 1  # that one itself
    town.clock.advance(10)
    assert await round_ == []
    await town.settled()
    assert town.roles() == ["Gold"]
