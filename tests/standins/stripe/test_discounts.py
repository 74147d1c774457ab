"""Coupons, codes, taxes, previews: what the local Stripe charges, held to Stripe's shapes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from standins.clock import MovableClock
from standins.stripe import StripeServer
from standins.stripe.cards import ASKS_EACH_TIME
from standins.stripe.errors import StripeRefusal
from tests.standins.stripe.helpers import subscribe

DAY = 86_400
Client = stripe.StripeClient


async def change(client: Client, found: Any, **wanted: Any) -> Any:
    given: Any = wanted
    return await client.v1.subscriptions.update_async(found.id, given)


async def next_due(client: Client, fake: StripeServer, clock: MovableClock, found: Any) -> tuple[int, int]:
    """The sum that a preview names, and the sum that the next renewal charges."""
    named = await client.v1.invoices.create_preview_async({"subscription": found.id})
    before = (await client.v1.subscriptions.retrieve_async(found.id)).latest_invoice
    item = (await client.v1.subscriptions.retrieve_async(found.id)).items.data[0]
    clock.advance(item.current_period_end - clock.now() + 3700)
    fake.catch_up()
    after = await client.v1.subscriptions.retrieve_async(found.id, {"expand": ["latest_invoice"]})
    invoice: Any = after.latest_invoice
    assert invoice.id != before
    return named.amount_due, invoice.amount_due


async def test_a_coupon_for_some_months_ends_by_itself(
    client: Client, fake: StripeServer, clock: MovableClock, gold: Any
) -> None:
    coupon = await client.v1.coupons.create_async(
        {"percent_off": 50, "duration": "repeating", "duration_in_months": 2}
    )
    code = await client.v1.promotion_codes.create_async(
        {"code": "HALF", "promotion": {"type": "coupon", "coupon": coupon.id}}
    )
    assert (await client.v1.promotion_codes.list_async({"code": "HALF"})).data[0].id == code.id
    found = await subscribe(client, fake, gold)
    clock.advance(86_400)  # or the two months might end in the second of a renewal, or in the next
    found = await change(client, found, discounts=[{"promotion_code": code.id}])
    price = gold["unit_amount"]
    dues = [await next_due(client, fake, clock, found) for _ in range(3)]
    assert dues == [(price // 2,) * 2, (price // 2,) * 2, (price,) * 2]
    assert (await client.v1.subscriptions.retrieve_async(found.id)).discounts == []
    kinds = [e["type"] for e in fake.events if "discount" in e["type"]]
    assert kinds == ["customer.discount.created", "customer.discount.deleted"]


async def test_discounts_are_expanded_only_on_request(client: Client, fake: StripeServer, gold: Any) -> None:
    product = gold["product"]
    coupon = await client.v1.coupons.create_async(
        {"amount_off": 100, "currency": gold["currency"], "applies_to": {"products": [product]}}
    )
    found = await subscribe(client, fake, gold)
    plain = await change(client, found, discounts=[{"coupon": coupon.id}])
    assert isinstance(plain.discounts[0], str)
    parts = ["discounts.source.coupon.applies_to", "customer"]
    whole = await client.v1.subscriptions.retrieve_async(found.id, {"expand": parts})
    discount: Any = whole.discounts[0]
    assert discount.source.coupon.applies_to.products == [product]
    assert "applies_to" not in await client.v1.coupons.retrieve_async(coupon.id)
    gone = await client.v1.subscriptions.delete_discount_async(found.id)
    assert gone.deleted
    await client.v1.coupons.delete_async(coupon.id)
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.coupons.retrieve_async(coupon.id)


async def test_taxes_can_be_inclusive_or_exclusive(
    client: Client, fake: StripeServer, clock: MovableClock, gold: Any
) -> None:
    on = await client.v1.tax_rates.create_async({"display_name": "VAT", "percentage": 20, "inclusive": False})
    within = await client.v1.tax_rates.create_async(
        {"display_name": "VAT", "percentage": 20, "inclusive": True}
    )
    price = gold["unit_amount"]
    found = await subscribe(client, fake, gold)
    found = await change(client, found, default_tax_rates=[on.id])
    assert found.default_tax_rates[0].percentage == 20
    assert await next_due(client, fake, clock, found) == (price * 12 // 10,) * 2
    found = await change(client, found, default_tax_rates=[within.id])
    assert await next_due(client, fake, clock, found) == (price, price)


async def test_a_promotion_code_can_be_entered_at_checkout(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    fake.add_code("HALF", percent_off=50, duration="forever")
    given: Any = {"mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 1}]}
    without = await client.v1.checkout.sessions.create_async(given)
    with pytest.raises(StripeRefusal, match="takes no codes"):
        fake.pay_checkout(without.id, code="HALF")
    taking: Any = {**given, "allow_promotion_codes": True}
    session = await client.v1.checkout.sessions.create_async(taking)
    with pytest.raises(StripeRefusal, match="invalid"):
        fake.pay_checkout(session.id, code="NONE")
    fake.pay_checkout(session.id, code="half")
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert done.amount_total == gold["unit_amount"] // 2


async def test_a_preview_of_what_does_not_renew_is_refused(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    found = await subscribe(client, fake, gold)
    await change(client, found, cancel_at_period_end=True)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.invoices.create_preview_async({"subscription": found.id})
    assert caught.value.code == "invoice_upcoming_none"


async def test_a_bank_that_asks_each_time_waits_for_the_customer(
    client: Client, fake: StripeServer, clock: MovableClock, gold: Any
) -> None:
    given: Any = {"mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 1}]}
    session = await client.v1.checkout.sessions.create_async(given)
    fake.pay_checkout(session.id, card=ASKS_EACH_TIME)
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    clock.advance(31 * DAY + 3700)
    fake.catch_up()
    found = await client.v1.subscriptions.retrieve_async(
        str(done.subscription), {"expand": ["latest_invoice.payments"]}
    )
    invoice: Any = found.latest_invoice
    intent = await client.v1.payment_intents.retrieve_async(invoice.payments.data[0].payment.payment_intent)
    assert (found.status, invoice.status, intent.status) == ("past_due", "open", "requires_action")
    assert "invoice.payment_action_required" in [e["type"] for e in fake.events]


async def test_a_price_can_be_charged_in_another_currency(client: Client, fake: StripeServer) -> None:
    product = fake.add_product("Gold")["id"]
    price = await client.v1.prices.create_async(
        {
            "product": product,
            "currency": "eur",
            "unit_amount": 500,
            "recurring": {"interval": "month"},
            "currency_options": {"gbp": {"unit_amount": 430}},
        }
    )
    assert "currency_options" not in price
    whole = await client.v1.prices.retrieve_async(price.id, {"expand": ["currency_options"]})
    assert whole.currency_options is not None
    assert whole.currency_options["gbp"].unit_amount == 430
    customer = await client.v1.customers.create_async({"payment_method": "pm_card_visa"})
    await client.v1.customers.update_async(customer.id, {"balance": -30})
    methods = await client.v1.customers.payment_methods.list_async(customer.id)
    found = await client.v1.subscriptions.create_async(
        {
            "customer": customer.id,
            "currency": "gbp",
            "items": [{"price": price.id}],
            "default_payment_method": methods.data[0].id,
            "expand": ["latest_invoice"],
        }
    )
    invoice: Any = found.latest_invoice
    assert (invoice.currency, invoice.total, invoice.amount_due) == ("gbp", 430, 400)
