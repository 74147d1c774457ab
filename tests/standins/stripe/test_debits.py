"""A first payment that takes days, as bank debits do; and how many kinds of events may be listed at once."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from standins.clock import MovableClock
from standins.stripe import StripeServer
from tests.standins.stripe.helpers import subscribe

DAY = 86_400


async def begin(client: stripe.StripeClient, fake: StripeServer, gold: Any) -> Any:
    fake.world.settings.delay_next = 1
    return await subscribe(client, fake, gold)


@pytest.mark.parametrize("paid", [True, False])
async def test_a_bank_debit_is_pending_until_the_bank_confirms(
    client: stripe.StripeClient, fake: StripeServer, gold: Any, clock: MovableClock, *, paid: bool
) -> None:
    sub = await begin(client, fake, gold)
    (session,) = (await client.v1.checkout.sessions.list_async({"subscription": sub.id})).data
    assert (session.status, session.payment_status, sub.status) == ("complete", "unpaid", "incomplete")
    invoice = await client.v1.invoices.retrieve_async(str(sub.latest_invoice))
    assert (invoice.status, invoice.amount_paid) == ("open", 0)
    (intent,) = (await client.v1.payment_intents.list_async()).data
    charge = await client.v1.charges.retrieve_async(str(intent.latest_charge))
    assert (intent.status, charge.status, charge.paid) == ("processing", "pending", False)
    assert "invoice.payment_failed" not in [event["type"] for event in fake.events]
    clock.advance(3 * DAY)
    await fake.settle()
    assert (await client.v1.subscriptions.retrieve_async(sub.id)).status == "incomplete"
    known = len(fake.events)
    fake.dashboard.settle_debit(sub.id, paid=paid)
    after = [event["type"] for event in fake.events[known:]]
    assert f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}" in after
    assert ("invoice.paid" in after, "invoice.payment_failed" in after) == (paid, not paid)
    await fake.settle()
    now = await client.v1.subscriptions.retrieve_async(sub.id)
    assert now.status == ("active" if paid else "incomplete_expired")
    session = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert session.payment_status == ("paid" if paid else "unpaid")


async def test_events_of_at_most_twenty_kinds_are_listed(
    client: stripe.StripeClient, fake: StripeServer
) -> None:
    fake.add_product("Gold")
    kinds = ["product.created", *["product.updated"] * 19]
    listed = await client.v1.events.list_async({"types": kinds, "created": {"gte": 0}, "limit": 1})
    assert [event.type for event in listed.data] == ["product.created"]
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.events.list_async({"types": [*kinds, "price.updated"]})
