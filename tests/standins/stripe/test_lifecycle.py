"""The life of a subscription, through the real package over real sockets."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from standins.clock import MovableClock
from standins.stripe import StripeServer
from tests.standins.stripe.helpers import subscribe

DAY = 86_400
Client = stripe.StripeClient


async def test_checkout_makes_customer_subscription_invoice_and_payment(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "line_items": [{"price": gold["id"], "quantity": 1}],
            "client_reference_id": "ref_1",
            "subscription_data": {"metadata": {"plan": "gold"}},
            "metadata": {"a": "b"},
            "success_url": "https://example.com/{CHECKOUT_SESSION_ID}",
            "cancel_url": "https://example.com/no",
            "expand": ["line_items"],
        }
    )
    assert session.status == "open"
    assert session.line_items is not None
    assert session.line_items.data[0].amount_total == 500
    fake.pay_checkout(str(session.url))
    done = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription.latest_invoice.payments", "customer"]}
    )
    assert (done.status, done.payment_status, done.client_reference_id) == ("complete", "paid", "ref_1")
    subscription: Any = done.subscription
    assert subscription.status == "active"
    assert subscription.metadata["plan"] == "gold"
    invoice = subscription.latest_invoice
    assert (invoice.status, invoice.amount_paid) == ("paid", 500)
    assert invoice.parent.subscription_details.subscription == subscription.id
    intent = await client.v1.payment_intents.retrieve_async(
        invoice.payments.data[0].payment.payment_intent, {"expand": ["latest_charge.refunds"]}
    )
    charge: Any = intent.latest_charge
    assert (charge.paid, charge.amount, charge.refunds.data) == (True, 500, [])
    payments = await client.v1.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    )
    assert payments.data[0].invoice == invoice.id
    assert [event["type"] for event in fake.events[2:]] == [
        "customer.created",
        "payment_method.attached",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]


async def test_periods_passed_at_once_are_played_one_by_one(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold)
    first = subscription["items"].data[0].current_period_end
    clock.advance(95 * DAY)
    invoices = await client.v1.invoices.list_async({"subscription": subscription.id, "limit": 50})
    assert [one.status for one in invoices.data] == ["paid"] * 4
    paid = [e for e in fake.events if e["type"] == "invoice.paid"]
    times = [e["created"] for e in paid]
    assert times == sorted(times)
    assert times[1] == first + 3600
    assert len({one.period_end for one in invoices.data}) == 4
    later = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert later["items"].data[0].current_period_start > first


async def test_a_trial_costs_nothing_and_is_billed_afterwards(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold, subscription_data={"trial_period_days": 7})
    assert subscription.status == "trialing"
    assert subscription.trial_end == subscription["items"].data[0].current_period_end
    sessions = await client.v1.checkout.sessions.list_async({"subscription": subscription.id})
    assert sessions.data[0].payment_status == "no_payment_required"
    clock.advance(8 * DAY)
    later = await client.v1.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    latest: Any = later.latest_invoice
    assert (later.status, latest.amount_paid) == ("active", 500)
    assert [e["type"] for e in fake.events].count("customer.subscription.trial_will_end") == 1


async def test_a_cancellation_at_the_period_end_can_be_taken_back(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold)
    ends = subscription["items"].data[0].current_period_end
    planned = await client.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert (planned.cancel_at, planned.cancel_at_period_end) == (ends, True)
    back = await client.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": False})
    assert (back.cancel_at, back.cancel_at_period_end, back.canceled_at) == (None, False, None)
    planned = await client.v1.subscriptions.update_async(subscription.id, {"cancel_at": "min_period_end"})
    assert (planned.cancel_at, planned.cancel_at_period_end) == (ends, False)
    clock.advance(40 * DAY)
    over = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert (over.status, over.ended_at) == ("canceled", ends)
    assert (await client.v1.subscriptions.list_async({"customer": str(over.customer)})).data == []
    everything = await client.v1.subscriptions.list_async({"customer": str(over.customer), "status": "all"})
    assert [one.id for one in everything.data] == [subscription.id]


@pytest.mark.parametrize(("after", "status"), [("cancel", "canceled"), ("unpaid", "unpaid")])
async def test_failing_payments_end_as_the_owner_set(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock, after: str, status: str
) -> None:
    fake.world.settings.after_retries = after
    subscription = await subscribe(client, fake, gold)
    link = fake.portal_link(str(subscription.customer))
    fake.portal_card(link, "4000000000000341")
    ends = subscription["items"].data[0].current_period_end
    clock.advance(ends - clock.now() + 2 * 3600)
    late = await client.v1.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    invoice: Any = late.latest_invoice
    assert (late.status, invoice.status, invoice.attempt_count) == ("past_due", "open", 1)
    assert invoice.next_payment_attempt == ends + 3600 + DAY
    clock.advance(8 * DAY)
    final = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert final.status == status
    failed = [e for e in fake.events if e["type"] == "invoice.payment_failed"]
    assert len(failed) == 5


async def test_a_new_card_heals_a_late_subscription(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold)
    fake.dashboard.fail_next_payment()
    clock.advance(34 * DAY)  # in a month of 31 days too
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "active"
    statuses = [
        e["data"]["object"]["status"] for e in fake.events if e["type"] == "customer.subscription.updated"
    ]
    assert "past_due" in statuses


async def test_switching_plans_creates_prorations(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    silver = fake.add_price(fake.add_product("Silver"), 300)
    yearly = fake.add_price(gold["product"], 5000, "year")
    subscription = await subscribe(client, fake, gold)
    item = subscription["items"].data[0]
    clock.advance((item.current_period_end - item.current_period_start) // 2)
    changed = await client.v1.subscriptions.update_async(
        subscription.id,
        {"items": [{"id": item.id, "price": silver["id"]}], "proration_behavior": "always_invoice"},
    )
    now = changed["items"].data[0]
    assert (now.price.id, now.current_period_end) == (silver["id"], item.current_period_end)
    invoice = await client.v1.invoices.retrieve_async(str(changed.latest_invoice))
    assert [line.amount for line in invoice.lines.data] == [-250, 150]
    longer = await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"id": item.id, "price": yearly["id"]}]}
    )
    span = longer["items"].data[0].current_period_end - longer["items"].data[0].current_period_start
    assert span >= 365 * DAY
    assert longer.status == "active"


@pytest.mark.parametrize(("behavior", "became"), [("void", "void"), ("mark_uncollectible", "uncollectible")])
async def test_pausing_collection_leaves_the_status(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock, behavior: Any, became: str
) -> None:
    subscription = await subscribe(client, fake, gold)
    until = int(clock.now()) + 45 * DAY
    paused = await client.v1.subscriptions.update_async(
        subscription.id, {"pause_collection": {"behavior": behavior, "resumes_at": until}}
    )
    assert (paused.status, paused.pause_collection is not None) == ("active", True)
    clock.advance(40 * DAY)
    invoices = await client.v1.invoices.list_async({"subscription": subscription.id})
    assert [one.status for one in invoices.data] == [became, "paid"]
    clock.advance(25 * DAY)
    resumed = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert resumed.pause_collection is None


async def test_a_paused_subscription_can_be_resumed(client: Client, fake: StripeServer, gold: Any) -> None:
    subscription = await subscribe(client, fake, gold)
    paused = await client.v1.subscriptions.pause_async(subscription.id)
    assert paused.status == "paused"
    resumed = await client.v1.subscriptions.resume_async(
        subscription.id, {"billing_cycle_anchor": {"type": "now"}}
    )
    assert resumed.status == "active"


async def test_a_trial_without_a_card_ends_as_configured(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    customer = await client.v1.customers.create_async({"email": "no@card.example"})
    ends: dict[str, Any] = {}
    for behavior in ("cancel", "pause", "create_invoice"):
        made = await client.v1.subscriptions.create_async(
            {
                "customer": customer.id,
                "items": [{"price": gold["id"]}],
                "trial_period_days": 5,
                "trial_settings": {"end_behavior": {"missing_payment_method": behavior}},
            }
        )
        ends[behavior] = made.id
    clock.advance(5 * DAY + 7200)
    statuses = {
        name: (await client.v1.subscriptions.retrieve_async(found)).status for name, found in ends.items()
    }
    assert statuses == {"cancel": "canceled", "pause": "paused", "create_invoice": "past_due"}


async def test_deleting_the_customer_cancels_at_once(client: Client, fake: StripeServer, gold: Any) -> None:
    subscription = await subscribe(client, fake, gold)
    gone = await client.v1.customers.delete_async(str(subscription.customer))
    assert gone.deleted is True
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "canceled"
    again = await client.v1.customers.retrieve_async(str(subscription.customer))
    assert again.deleted is True
    types = [event["type"] for event in fake.events]
    assert types.index("customer.subscription.deleted") < types.index("customer.deleted")


async def test_a_subscription_without_its_first_payment_expires(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    customer = await client.v1.customers.create_async({})
    made = await client.v1.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": gold["id"]}], "payment_behavior": "default_incomplete"}
    )
    assert made.status == "incomplete"
    clock.advance(24 * 3600)
    assert (await client.v1.subscriptions.retrieve_async(made.id)).status == "incomplete_expired"
    invoice = await client.v1.invoices.retrieve_async(str(made.latest_invoice))
    assert invoice.status == "void"
