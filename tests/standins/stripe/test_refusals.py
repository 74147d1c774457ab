"""The stand-in refuses requests that Stripe refuses, in Stripe's shapes."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
import stripe

from standins.clock import MovableClock
from standins.stripe import StripeRefusal, StripeServer
from tests.standins.stripe.helpers import close, subscribe

Client = stripe.StripeClient


async def refused(call: Awaitable[Any]) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await call
    return caught.value


async def test_a_wrong_api_key_is_answered_401(fake: StripeServer) -> None:
    http = stripe.AIOHTTPClient()
    for key in ("sk_test_other", "sk_live_other"):
        client = stripe.StripeClient(key, base_addresses={"api": fake.url}, http_client=http)
        with pytest.raises(stripe.AuthenticationError) as caught:
            await client.v1.prices.list_async()
        assert key not in str(caught.value)
    await close(http)


async def test_an_unknown_api_version_is_refused(client: Client) -> None:
    error = await refused(client.v1.prices.list_async({}, {"stripe_version": "2024-06-20"}))
    assert "2024-06-20" in str(error)


async def test_unknown_parameters_and_objects_are_refused(client: Client, fake: StripeServer) -> None:
    typo: Any = {"nmae": "x"}
    error = await refused(client.v1.customers.create_async(typo))
    assert (error.http_status, error.code, error.param) == (400, "parameter_unknown", "nmae")
    assert "Received unknown parameter: nmae" in str(error)
    error = await refused(client.v1.subscriptions.retrieve_async("sub_none"))
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    error = await refused(client.v1.subscriptions.list_async({"price": "price_none"}))
    assert (error.http_status, error.code, error.param) == (400, "resource_missing", "price")
    error = await refused(
        client.v1.customers.create_async({"tax_id_data": [{"type": "eu_vat", "value": "1"}]})
    )
    assert "local Stripe" in str(error)


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        ({"unit_amount": 5, "currency": "usd"}, "product", "parameter_missing"),
        ({"product": "prod_x", "unit_amount": 5, "currency": "usd"}, "product", "resource_missing"),
        ({"unit_amount": 5}, "currency", "parameter_missing"),
        ({"currency": "usd", "unit_amount": "five"}, "unit_amount", "parameter_invalid_integer"),
        ({"currency": "usd", "recurring": {"interval": "hour"}}, "recurring[interval]", None),
        ({"currency": "usd", "active": "yes"}, "active", None),
        ({"currency": "usd", "metadata": "x"}, "metadata", None),
        ({"currency": "usd", "metadata": {"a" * 41: "b"}}, "metadata", None),
        ({"currency": "usd", "metadata": {"a": "b" * 501}}, "metadata[a]", None),
    ],
)
async def test_nested_parameters_are_parsed_as_stripe_parses_them(
    client: Client, given: Any, param: str, code: Any
) -> None:
    error = await refused(client.v1.prices.create_async(given))
    assert (error.param, error.code) == (param, code)


async def test_checkout_refuses_a_price_that_cannot_be_sold(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    async def checkout(**more: Any) -> stripe.InvalidRequestError:
        given = {"mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 1}], **more}
        return await refused(client.v1.checkout.sessions.create_async(given))  # type: ignore[arg-type]  # built from parts

    once = await client.v1.prices.create_async(
        {"product": gold["product"], "currency": "usd", "unit_amount": 1}
    )
    assert (await checkout(line_items=[{"price": once.id}])).param == "line_items[0][price]"
    assert (await checkout(line_items=[])).param == "line_items"
    assert (await checkout(customer="cus_none")).code == "resource_missing"
    assert (await checkout(expires_at=int(clock.now()) + 60)).param == "expires_at"
    assert (await checkout(subscription_data={"trial_period_days": 0})).param is not None
    assert (await checkout(success_url="example.com")).code == "url_invalid"
    assert (await checkout(client_reference_id="x" * 201)).param == "client_reference_id"
    long = {"submit": {"message": "x" * 1201}}
    assert (await checkout(custom_text=long)).param == "custom_text[submit][message]"
    described = {"description": "x" * 501}
    assert (await checkout(subscription_data=described)).param == "subscription_data[description]"
    fake.dashboard.archive_price(gold["id"])
    assert (await checkout()).param == "line_items[0][price]"


async def test_a_declined_card_leaves_the_page_open(client: Client, fake: StripeServer, gold: Any) -> None:
    session = await client.v1.checkout.sessions.create_async(
        {"mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 1}]}
    )
    for card in ("4000000000000002", "4000000000000341", "4000000000000069", "4242424242424241"):
        with pytest.raises(StripeRefusal) as caught:
            fake.pay_checkout(session.id, card)
        assert caught.value.status == 402
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert (await client.v1.subscriptions.list_async({"status": "all"})).data == []
    fake.pay_checkout(session.id)
    with pytest.raises(StripeRefusal):
        fake.pay_checkout(session.id)
    error = await refused(client.v1.checkout.sessions.expire_async(session.id))
    assert "complete" in str(error)


async def test_a_checkout_session_expires(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    session = await client.v1.checkout.sessions.create_async(
        {"mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 1}]}
    )
    clock.advance(86_401)
    late = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert (late.status, late.url) == ("expired", None)
    assert fake.events[-1]["type"] == "checkout.session.expired"
    assert fake.events[-1]["created"] == session.expires_at


async def test_a_canceled_subscription_stays_canceled(client: Client, fake: StripeServer, gold: Any) -> None:
    subscription = await subscribe(client, fake, gold)
    over = await client.v1.subscriptions.cancel_async(subscription.id, {"invoice_now": True, "prorate": True})
    assert (over.status, over.ended_at) == ("canceled", over.canceled_at)
    error = await refused(client.v1.subscriptions.cancel_async(subscription.id))
    assert (error.http_status, error.code) == (404, "resource_missing")
    error = await refused(
        client.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": False})
    )
    assert error.http_status == 400
    kept = await client.v1.subscriptions.update_async(subscription.id, {"metadata": {"note": "x"}})
    assert kept.metadata["note"] == "x"
    assert (await refused(client.v1.subscriptions.resume_async(subscription.id))).http_status == 400


async def test_a_scheduled_subscription_cannot_be_cancelled_directly(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    subscription = await subscribe(client, fake, gold)
    schedule = await client.v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    for given in ({"cancel_at_period_end": True}, {"cancel_at": "min_period_end"}):
        error = await refused(client.v1.subscriptions.update_async(subscription.id, given))  # type: ignore[arg-type]  # built from parts
        assert schedule.id in str(error)
    released = await client.v1.subscription_schedules.release_async(schedule.id)
    assert (released.status, released.released_subscription) == ("released", subscription.id)
    planned = await client.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert planned.cancel_at_period_end is True
    assert planned.schedule is None
    assert (await refused(client.v1.subscription_schedules.release_async(schedule.id))).http_status == 400


async def test_classic_billing_knows_no_min_period_end(client: Client, fake: StripeServer, gold: Any) -> None:
    fake.world.settings.billing_mode = "classic"
    subscription = await subscribe(client, fake, gold)
    error = await refused(
        client.v1.subscriptions.update_async(subscription.id, {"cancel_at": "min_period_end"})
    )
    assert error.param == "cancel_at"


async def test_refunds_never_exceed_what_was_paid(client: Client, fake: StripeServer, gold: Any) -> None:
    subscription = await subscribe(client, fake, gold)
    charge = fake.dashboard.last_charge(subscription.id)
    part = await client.v1.refunds.create_async({"charge": charge["id"], "amount": 200})
    assert (part.status, part.amount) == ("succeeded", 200)
    assert (
        await refused(client.v1.refunds.create_async({"charge": charge["id"], "amount": 301}))
    ).param == "amount"
    rest = await client.v1.refunds.create_async(
        {"payment_intent": charge["payment_intent"], "reason": "requested_by_customer"}
    )
    assert rest.amount == 300
    error = await refused(client.v1.refunds.create_async({"charge": charge["id"]}))
    assert error.code == "charge_already_refunded"
    shown = await client.v1.charges.retrieve_async(charge["id"], {"expand": ["refunds"]})
    assert shown.refunded is True
    assert shown.refunds is not None
    assert [one.amount for one in shown.refunds.data] == [300, 200]


async def test_a_dispute_can_be_opened_and_closed(client: Client, fake: StripeServer, gold: Any) -> None:
    subscription = await subscribe(client, fake, gold)
    charge = fake.dashboard.last_charge(subscription.id)
    dispute = fake.dashboard.dispute(charge["id"])
    listed = await client.v1.disputes.list_async({"payment_intent": charge["payment_intent"]})
    assert [one.status for one in listed.data] == ["needs_response"]
    error = await refused(client.v1.refunds.create_async({"charge": charge["id"]}))
    assert error.code == "charge_disputed"
    fake.dashboard.win(dispute["id"])
    assert (await client.v1.disputes.retrieve_async(dispute["id"])).status == "won"
    types = [event["type"] for event in fake.events if event["type"].startswith("charge.dispute")]
    assert types[-1] == "charge.dispute.funds_reinstated"


async def test_expanding_an_unknown_field_is_refused(client: Client, gold: Any) -> None:
    error = await refused(client.v1.prices.retrieve_async(gold["id"], {"expand": ["currency"]}))
    assert error.param == "expand"
    error = await refused(client.v1.prices.list_async({"expand": ["data.a.b.c.d"]}))
    assert "4 levels" in str(error)
    shown = await client.v1.prices.list_async({"expand": ["data.product"]})
    product: Any = shown.data[0].product
    assert product.name == "Gold"


async def test_long_lists_are_paged(client: Client, fake: StripeServer) -> None:
    names = [f"Plan {n}" for n in range(25)]
    for name in names:
        fake.add_product(name)
    first = await client.v1.products.list_async({"limit": 10})
    assert (first.has_more, len(first.data)) == (True, 10)
    everything = [one.name async for one in first.auto_paging_iter()]
    assert everything == names[::-1]
    second = await client.v1.products.list_async({"limit": 10, "starting_after": first.data[-1].id})
    back = await client.v1.products.list_async({"limit": 10, "ending_before": second.data[0].id})
    assert [one.id for one in back.data] == [one.id for one in first.data]
    assert (await refused(client.v1.products.list_async({"limit": 101}))).param == "limit"
    assert (
        await refused(client.v1.products.list_async({"starting_after": "prod_x"}))
    ).param == "starting_after"


async def test_an_archived_payment_method_cannot_be_used(client: Client, fake: StripeServer) -> None:
    one = await client.v1.customers.create_async({"payment_method": "pm_card_visa"})
    other = await client.v1.customers.create_async({})
    methods = await client.v1.customers.payment_methods.list_async(one.id)
    taken = methods.data[0].id
    error = await refused(client.v1.payment_methods.attach_async(taken, {"customer": other.id}))
    assert error.http_status == 400
    error = await refused(
        client.v1.customers.update_async(other.id, {"invoice_settings": {"default_payment_method": taken}})
    )
    assert error.code == "resource_missing"
    with pytest.raises(stripe.CardError) as caught:
        await client.v1.payment_methods.attach_async("pm_card_visa_chargeDeclined", {"customer": other.id})
    assert caught.value.code == "card_declined"
    freed = await client.v1.payment_methods.detach_async(taken)
    assert freed.customer is None


async def test_an_unknown_route_is_answered_404(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.quotes.list_async()
    assert caught.value.http_status == 404
