"""An owner's manual actions, seen through the API."""

from __future__ import annotations

from typing import Any

import stripe

from standins.clock import MovableClock
from standins.stripe import StripeServer
from tests.standins.stripe.helpers import subscribe

Client = stripe.StripeClient
DAY = 86_400


async def test_the_dashboard_can_change_a_subscription(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold)
    silver = fake.add_price(fake.add_product("Silver"), 300)
    fake.dashboard.change_price(subscription.id, silver["id"])
    moved = int(clock.now()) + 10 * DAY
    fake.dashboard.move_renewal(subscription.id, moved)
    shown = await client.v1.subscriptions.retrieve_async(subscription.id)
    item = shown["items"].data[0]
    assert (item.price.id, item.current_period_end, shown.status) == (silver["id"], moved, "trialing")
    clock.advance(10 * DAY + 3700)
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "active"
    fake.dashboard.renew_from_now(subscription.id)
    shown = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert abs(shown.billing_cycle_anchor - clock.now()) < 60
    fake.dashboard.pause(subscription.id, "keep_as_draft")
    clock.advance(40 * DAY)
    invoices = await client.v1.invoices.list_async({"subscription": subscription.id, "status": "draft"})
    assert [one.auto_advance for one in invoices.data] == [False]
    fake.dashboard.unpause(subscription.id)
    fake.dashboard.cancel_at_period_end(subscription.id)
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).cancel_at_period_end is True
    fake.dashboard.cancel_now(subscription.id)
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "canceled"


async def test_the_planned_end_follows_the_period(client: Client, fake: StripeServer, gold: Any) -> None:
    yearly = fake.add_price(gold["product"], 5000, "year")
    subscription = await subscribe(client, fake, gold)
    fake.dashboard.cancel_at_period_end(subscription.id)
    fake.dashboard.change_price(subscription.id, yearly["id"])
    shown = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert shown.cancel_at == shown["items"].data[0].current_period_end


async def test_the_dashboard_can_refund_dispute_and_lose_a_payment(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    subscription = await subscribe(client, fake, gold)
    charge = fake.dashboard.last_charge(subscription.id)
    assert fake.dashboard.refund(charge["payment_intent"], 100)["amount"] == 100
    dispute = fake.dashboard.dispute(charge["id"])
    assert fake.dashboard.lose(dispute["id"])["status"] == "lost"
    assert (await client.v1.charges.retrieve_async(charge["id"])).disputed is True
    listed = await client.v1.disputes.list_async({"charge": charge["id"]})
    assert [one.status for one in listed.data] == ["lost"]


async def test_the_credit_of_a_downgrade_is_spent_first(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    small = fake.add_price(fake.add_product("Small"), 100)
    subscription = await subscribe(client, fake, gold)
    await client.v1.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": subscription["items"].data[0].id, "price": small["id"]}],
            "proration_behavior": "always_invoice",
        },
    )
    customer = await client.v1.customers.retrieve_async(str(subscription.customer))
    assert customer.balance is not None
    assert -400 <= customer.balance <= -399
    clock.advance(32 * DAY)
    latest = await client.v1.invoices.list_async({"subscription": subscription.id, "limit": 1})
    assert (latest.data[0].amount_due, latest.data[0].status) == (0, "paid")


async def test_a_schedule_ends_with_its_subscription(client: Client, fake: StripeServer, gold: Any) -> None:
    subscription = await subscribe(client, fake, gold)
    schedule = await client.v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    fake.dashboard.cancel_now(subscription.id)
    shown = await client.v1.subscription_schedules.retrieve_async(schedule.id)
    assert shown.status == "canceled"


async def test_the_dashboard_can_change_products_and_prices(client: Client, fake: StripeServer) -> None:
    product = await client.v1.products.create_async(
        {
            "name": "Gold",
            "default_price_data": {"currency": "eur", "unit_amount": 500, "recurring": {"interval": "year"}},
        }
    )
    price = await client.v1.prices.retrieve_async(str(product.default_price))
    assert (price.currency, price.recurring is not None, price.type) == ("eur", True, "recurring")
    renamed = await client.v1.products.update_async(product.id, {"name": "Golden", "metadata": {"a": "b"}})
    assert renamed.name == "Golden"
    cleared = await client.v1.products.update_async(product.id, {"metadata": ""})
    assert cleared.to_dict()["metadata"] == {}
    off = await client.v1.prices.update_async(price.id, {"active": False, "nickname": "old"})
    assert (off.active, off.nickname) == (False, "old")
    assert (await client.v1.prices.list_async({"product": product.id, "active": True})).data == []
    keyed = await client.v1.prices.create_async(
        {"product_data": {"name": "New"}, "currency": "usd", "unit_amount": 1, "lookup_key": "new"}
    )
    found = await client.v1.prices.list_async({"lookup_keys": ["new"]})
    assert [one.id for one in found.data] == [keyed.id]
    empty = fake.add_product("Empty")
    assert (await client.v1.products.delete_async(empty["id"])).deleted is True
    updated = [e for e in fake.events if e["type"] == "product.updated"]
    assert updated[0]["data"]["previous_attributes"]["name"] == "Gold"
