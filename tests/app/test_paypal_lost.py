"""PayPal loses notifications: one sweep repairs the ledger and the roles, and no fault takes a role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from billing.model import DisputeState, Status, Subscription, SubscriptionKey
from billing.use_cases.plans import PlanUpdate, edit_plan
from billing.use_cases.sweep import sweep
from providers.paypal import api
from standins.faults import Kind
from tests.app.harness import DAY, MONTH, AppHarness, running
from tests.app.test_paypal import buy, paypal_of, until

pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)


@pytest.fixture
async def app(idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AppHarness]:
    """An app that sells Gold through both providers."""
    monkeypatch.setattr(api, "PAUSES", (0.0, 0.0))
    paypal = paypal_of(idle_app)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    async with running(idle_app):
        plan = await idle_app.sell()
        edit = PlanUpdate(price_ids={"paypal": sold})
        await edit_plan(idle_app.ports, plan.guild_id, plan.id, edit, idle_app.ada.id)
        yield idle_app


async def swept(app: AppHarness) -> None:
    """Run a sweep and assert that it met no fault."""
    assert await sweep(app.ports) == []
    await app.settled()


async def held(app: AppHarness, subscription_id: str) -> Subscription:
    """The subscription in the ledger."""
    key = SubscriptionKey("paypal", "sandbox", subscription_id)
    found = await app.ports.ledger.load_subscription(key)
    assert found is not None
    return found


def lose(app: AppHarness, *, losing: bool = True) -> None:
    """Lose all further notifications, or deliver them again."""
    paypal_of(app).delivery_faults.drop = 1_000_000 if losing else 0


async def test_a_sweep_finds_a_paypal_start_whose_notification_was_lost(app: AppHarness) -> None:
    lose(app)
    subscription_id = await buy(app)
    await swept(app)
    assert app.roles() == ["Gold"]
    assert (await held(app, subscription_id)).status is Status.ACTIVE


async def test_a_sweep_finds_a_paypal_suspension_and_reactivation(app: AppHarness) -> None:
    subscription_id = await buy(app)
    lose(app)
    paypal_of(app).dashboard.suspend(subscription_id)
    await swept(app)
    paused = await held(app, subscription_id)
    assert (paused.status, app.roles()) == (Status.PAUSED, ["Gold"])
    assert paused.paid_through is not None
    await app.turn(MONTH + DAY)
    await until(app, lambda: app.roles() == [])
    paypal_of(app).dashboard.activate(subscription_id)
    await swept(app)
    assert app.roles() == ["Gold"]
    assert (await held(app, subscription_id)).status is Status.ACTIVE


async def test_a_sweep_finds_a_paypal_cancellation(app: AppHarness) -> None:
    subscription_id = await buy(app)
    paid = (await held(app, subscription_id)).paid_through
    lose(app)
    paypal_of(app).cancel_automatic_payment(subscription_id)
    await swept(app)
    ended = await held(app, subscription_id)
    assert (ended.status, app.roles()) == (Status.ENDED, ["Gold"])
    assert ended.paid_through is not None
    assert paid is not None
    assert abs(ended.paid_through - paid) < DAY
    await app.turn(MONTH + DAY)
    await until(app, lambda: app.roles() == [])


async def test_a_sweep_finds_a_failed_paypal_payment_and_its_recovery(app: AppHarness) -> None:
    subscription_id = await buy(app)
    lose(app)
    paypal_of(app).dashboard.fail_next_payment(times=1)
    app.clock.advance(MONTH + DAY)
    await paypal_of(app).settle()
    await swept(app)
    owing = await held(app, subscription_id)
    assert (owing.status, app.roles()) == (Status.PAST_DUE, ["Gold"])
    assert owing.unpaid_since is not None
    app.clock.advance(6 * DAY)
    await paypal_of(app).settle()
    await swept(app)
    assert ((await held(app, subscription_id)).status, app.roles()) == (Status.ACTIVE, ["Gold"])


async def test_a_sweep_finds_paypal_payments_that_failed_beyond_the_grace(app: AppHarness) -> None:
    subscription_id = await buy(app)
    lose(app)
    paypal_of(app).dashboard.fail_next_payment(times=9)
    app.clock.advance(MONTH + 9 * DAY)
    await paypal_of(app).settle()
    await swept(app)
    assert (await held(app, subscription_id)).status is Status.PAST_DUE
    await until(app, lambda: app.roles() == [])


async def test_a_sweep_finds_a_paypal_dispute_and_its_outcome(app: AppHarness) -> None:
    subscription_id = await buy(app)
    lose(app)
    paypal = paypal_of(app)
    dispute = paypal.dashboard.dispute(paypal.dashboard.last_sale(subscription_id).id)
    await swept(app)
    assert ((await held(app, subscription_id)).dispute, app.roles()) == (DisputeState.OPEN, [])
    paypal.dashboard.win(dispute["dispute_id"])
    await swept(app)
    assert ((await held(app, subscription_id)).dispute, app.roles()) == (DisputeState.WON, ["Gold"])


async def test_a_sweep_finds_a_lost_paypal_dispute(app: AppHarness) -> None:
    subscription_id = await buy(app)
    lose(app)
    paypal = paypal_of(app)
    dispute = paypal.dashboard.dispute(paypal.dashboard.last_sale(subscription_id).id)
    paypal.dashboard.lose(dispute["dispute_id"])
    await swept(app)
    assert app.roles() == []
    assert paypal.subscription(subscription_id).status == "CANCELLED"


async def test_a_sweep_finds_a_paypal_refund(app: AppHarness) -> None:
    """The refund ends nothing."""
    subscription_id = await buy(app)
    lose(app)
    paypal_of(app).dashboard.refund(paypal_of(app).dashboard.last_sale(subscription_id).id)
    await swept(app)
    assert ((await held(app, subscription_id)).status, app.roles()) == (Status.ACTIVE, ["Gold"])


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
async def test_a_sweep_takes_no_role_if_paypal_fails_or_returns_nothing(
    app: AppHarness, kind: Kind, where: str, status: int, *, told: bool
) -> None:
    subscription_id = await buy(app)
    before = await held(app, subscription_id)
    paypal_of(app).faults.add(kind, where, times=None, status=status)
    faults = await sweep(app.ports)
    assert bool(faults) == told
    assert (await held(app, subscription_id), app.roles()) == (before, ["Gold"])
    paypal_of(app).faults.clear()
    await swept(app)
    assert (await held(app, subscription_id), app.roles()) == (before, ["Gold"])


async def test_a_sweep_waits_out_paypals_rate_limit(app: AppHarness) -> None:
    lose(app)
    await buy(app)
    paypal = paypal_of(app)
    fault = paypal.faults.add("status", "/v1/billing/subscriptions", status=429, retry_after=40)
    round_ = asyncio.create_task(sweep(app.ports))
    while True:
        if fault not in paypal.faults.waiting:
            break
        await asyncio.sleep(0.01)  # a request that meets a fault tells nobody
    asked = len(paypal.exchanges)
    app.clock.advance(35)
    await app.settled()
    assert not round_.done()
    assert len(paypal.exchanges) - asked <= 1  # that one itself
    app.clock.advance(10)
    assert await round_ == []
    await app.settled()
    assert app.roles() == ["Gold"]
