"""How much of a payment was given back, in every shape in which PayPal tells it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from billing.model import Payment, Subject
from providers.paypal.payments import payment_of, sum_refunds
from providers.paypal.provider import PayPalProvider
from providers.paypal.webhook import _Notification, find_subject
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from tests.providers.paypal import recorded
from tests.providers.paypal.samples import NOW
from tests.providers.paypal.test_provider import buy, sell

SALE = "EXAMPLESALE000001"
PAID = Payment(SALE, 1000, 0, "usd", NOW)


def refund(number: int = 1, kind: str = "PAYMENT.SALE.REFUNDED", **more: Any) -> dict[str, Any]:
    resource = {"id": f"R{number}", "sale_id": SALE, "state": "completed", **more}
    return {"event_type": kind, "resource": resource}


def total(value: str, name: str = "value") -> dict[str, Any]:
    return {"total_refunded_amount": {name: value, "currency": "USD"}}


def amount(value: str) -> dict[str, Any]:
    return {"amount": {"total": value, "currency": "USD"}}


@pytest.mark.parametrize(
    ("events", "given"),
    [
        ([], 0),
        ([refund(**total("2.00"))], 200),
        ([refund(**total("2.00", "total"))], 200),
        ([refund(**amount("-2.00"))], 200),
        ([refund(**amount("2.00"))], 200),
        ([refund(**amount("-2.00")), refund(2, **amount("-1.50"))], 350),
        ([refund(**amount("-2.00")), refund(**amount("-2.00"))], 200),
        ([refund(**total("2.00"), **amount("-2.00")), refund(2, **total("3.50"), **amount("-1.50"))], 350),
        ([refund(**total("2.00"), **amount("-2.00")), refund(2, **amount("-1.50"))], 350),
        ([refund(**{**amount("-2.00"), "state": "failed"})], 0),
        ([refund(**{**amount("-2.00"), "state": "pending"})], 200),
        ([refund(**{**amount("-2.00"), "sale_id": "ANOTHER"})], 0),
        ([refund(kind="PAYMENT.SALE.COMPLETED", **amount("10.00"))], 0),
        ([refund(kind="PAYMENT.SALE.REVERSED", **amount("-10.00"))], 1000),
        ([recorded.SALE_REFUNDED], 1),
        ([recorded.CAPTURE_REFUNDED], 198),
    ],
)
def test_refunds_of_a_payment_are_summed_from_events_of_every_shape(
    events: list[dict[str, Any]], given: int
) -> None:
    assert sum_refunds(events, PAID) == given


@pytest.mark.parametrize("event", [recorded.SALE_REFUNDED, recorded.CAPTURE_REFUNDED])
def test_a_refund_leads_to_its_payment_by_name_or_link(event: dict[str, Any]) -> None:
    assert payment_of(event["resource"]) == SALE


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (recorded.SALE_REFUNDED, Subject("sale", SALE)),
        (recorded.CAPTURE_REFUNDED, Subject("sale", SALE)),
        (recorded.CAPTURE_REVERSED, Subject("dispute", SALE)),
        (recorded.SALE_REVERSED, Subject("dispute", "EXAMPLEREVERSAL01")),
    ],
)
def test_a_refund_notification_leads_to_its_payment_if_it_names_one(
    event: dict[str, Any], subject: Subject
) -> None:
    assert find_subject(msgspec.convert(event, _Notification)) == subject


@pytest.mark.parametrize(
    "change",
    [
        {"total_refunded_amount": {"total": "2.00", "currency": "USD"}},
        {"total_refunded_amount": None, "amount": {"total": "-2.00", "currency": "USD"}},
    ],
)
async def test_a_partial_refund_is_found_in_the_events(
    fake: PayPalServer, provider: PayPalProvider, change: dict[str, Any]
) -> None:
    bought = await buy(fake, provider)
    fake.dashboard.refund(fake.dashboard.last_sale(bought.key.id).id, "2.00")
    event = next(one for one in fake.world.all("event") if one["event_type"].endswith("REFUNDED"))
    event["resource"] |= change
    payment = await provider.fetch_last_payment(bought)
    assert payment is not None
    assert (payment.refunded, payment.partly) == (200, False)


async def test_a_partial_refund_of_unknown_amount_is_not_treated_as_none(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    bought = await buy(fake, provider)
    fake.dashboard.refund(fake.dashboard.last_sale(bought.key.id).id, "2.00")
    fake.faults.add("status", "/webhooks-events", method="GET", status=403, times=None)
    payment = await provider.fetch_last_payment(bought)
    assert payment is not None
    assert payment.partly


async def test_the_last_payment_is_the_period_and_not_the_set_up_fee(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    """Where PayPal takes both in the same second."""
    fake.world.settings.fee_first_seconds = 0
    taxes = {"percentage": "20", "inclusive": False}
    bought = await buy(fake, provider, sell(fake, "10.00", setup_fee="25.00", taxes=taxes))
    payment = await provider.fetch_last_payment(bought)
    assert payment is not None
    assert payment.amount == 1200


async def test_the_set_up_fee_is_the_last_payment_if_nothing_else_was_paid(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    bought = await buy(fake, provider, sell(fake, "10.00", setup_fee="25.00"))
    payment = await provider.fetch_last_payment(bought)
    assert payment is not None
    assert payment.amount == 2500
