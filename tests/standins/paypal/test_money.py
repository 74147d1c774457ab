"""Refunds in both generations of the API, reversals, disputes."""

from __future__ import annotations

from typing import Any

import pytest

from standins.paypal import PayPalServer
from tests.standins.paypal.helpers import Client, kinds

SALE, CAPTURE, DISPUTES = "/v1/payments/sale", "/v2/payments/captures", "/v1/customer/disputes"


@pytest.fixture
async def sale(client: Client, fake: PayPalServer, gold: Any) -> str:
    """The id of a payment of 5.00 USD."""
    made = await client.active(gold)
    return fake.dashboard.last_sale(made["id"]).id


async def test_a_sale_can_be_refunded_in_parts(client: Client, fake: PayPalServer, sale: str) -> None:
    shown = await client.good("GET", f"{SALE}/{sale}")
    assert (shown["state"], shown["amount"]["total"]) == ("completed", "5.00")
    part = {"amount": {"total": "2.00", "currency": "USD"}}
    refund = await client.good("POST", f"{SALE}/{sale}/refund", part)
    assert (refund["sale_id"], refund["amount"]["total"], refund["state"]) == (sale, "2.00", "completed")
    assert (await client.good("GET", f"{SALE}/{sale}"))["state"] == "partially_refunded"
    rest = await client.good("POST", f"{SALE}/{sale}/refund", {})
    assert (rest["amount"]["total"], rest["total_refunded_amount"]["value"]) == ("3.00", "5.00")
    assert (await client.good("GET", f"{SALE}/{sale}"))["state"] == "refunded"
    assert await client.good("GET", f"/v1/payments/refund/{rest['id']}") == rest
    again = await client.refused("POST", f"{SALE}/{sale}/refund", {})
    assert again == (400, "TRANSACTION_ALREADY_REFUNDED")
    told = [one["resource"] for one in fake.events if one["event_type"] == "PAYMENT.SALE.REFUNDED"]
    assert [one["sale_id"] for one in told] == [sale, sale]
    assert not any("billing_agreement_id" in one for one in told)


async def test_a_refund_leaves_the_subscription_alone(client: Client, fake: PayPalServer, gold: Any) -> None:
    made = await client.active(gold)
    fake.dashboard.refund(fake.dashboard.last_sale(made["id"]).id, "1.50")
    assert (await client.show(made))["status"] == "ACTIVE"
    assert (await client.transactions(made))[0]["status"] == "PARTIALLY_REFUNDED"


@pytest.mark.parametrize("amount", [("6.00", "USD"), ("1.00", "EUR"), ("0.00", "USD"), ("x", "USD")])
async def test_a_sale_is_not_refunded_beyond_itself(
    client: Client, sale: str, amount: tuple[str, str]
) -> None:
    given = {"amount": {"total": amount[0], "currency": amount[1]}}
    refusal = await client.refused("POST", f"{SALE}/{sale}/refund", given)
    assert refusal == (400, "REFUND_EXCEEDED_TRANSACTION_AMOUNT")
    assert (await client.good("GET", f"{SALE}/{sale}"))["state"] == "completed"
    assert await client.refused("GET", f"{SALE}/NONE") == (404, "INVALID_RESOURCE_ID")


async def test_a_payment_is_found_as_sale_and_as_capture(
    client: Client, fake: PayPalServer, sale: str
) -> None:
    shown = await client.good("GET", f"{CAPTURE}/{sale}")
    assert (shown["status"], shown["amount"]["value"]) == ("COMPLETED", "5.00")
    money = {"currency_code": "USD", "value": "1.25"}
    made = await client.good("POST", f"{CAPTURE}/{sale}/refund", {"amount": money})
    assert set(made) == {"id", "status", "links"}
    refund = await client.good("GET", f"/v2/payments/refunds/{made['id']}")
    assert (refund["amount"], refund["status"]) == (money, "COMPLETED")
    assert (await client.good("GET", f"{SALE}/{sale}"))["state"] == "partially_refunded"
    too_much = {"amount": {"currency_code": "USD", "value": "3.76"}}
    refusal = await client.refused("POST", f"{CAPTURE}/{sale}/refund", too_much)
    assert refusal == (422, "REFUND_AMOUNT_EXCEEDED")
    other = {"amount": {"currency_code": "EUR", "value": "1.00"}}
    refusal = await client.refused("POST", f"{CAPTURE}/{sale}/refund", other)
    assert refusal == (422, "REFUND_CAPTURE_CURRENCY_MISMATCH")
    full = await client.good("POST", f"{CAPTURE}/{sale}/refund", b"", Prefer="return=representation")
    assert full["seller_payable_breakdown"]["total_refunded_amount"]["value"] == "5.00"
    assert await client.refused("POST", f"{CAPTURE}/{sale}/refund", {}) == (422, "CAPTURE_FULLY_REFUNDED")


async def test_a_declined_payment_cannot_be_refunded(client: Client, fake: PayPalServer, gold: Any) -> None:
    fake.dashboard.fail_next_payment()
    made = await client.active(gold)
    (declined,) = await client.transactions(made)
    assert declined["status"] == "DECLINED"
    assert (await client.good("GET", f"{SALE}/{declined['id']}"))["state"] == "denied"
    assert (await client.refused("POST", f"{SALE}/{declined['id']}/refund", {}))[1] == "TRANSACTION_REFUSED"
    refusal = await client.refused("POST", f"{CAPTURE}/{declined['id']}/refund", {})
    assert refusal == (422, "REFUND_NOT_ALLOWED")


async def test_a_reversal_names_its_sale(client: Client, fake: PayPalServer, sale: str) -> None:
    fake.dashboard.reverse(sale)
    event = fake.events[-1]
    assert event["event_type"] == "PAYMENT.SALE.REVERSED"
    assert (event["resource"]["id"], event["resource"]["amount"]["total"]) == (sale, "-5.00")
    assert (await client.good("GET", f"{SALE}/{sale}"))["state"] == "refunded"


async def test_a_won_dispute_keeps_the_payment(client: Client, fake: PayPalServer, sale: str) -> None:
    dispute = fake.dashboard.dispute(sale)
    key = dispute["dispute_id"]
    shown = await client.good("GET", f"{DISPUTES}/{key}")
    assert (shown["status"], shown["reason"]) == ("OPEN", "MERCHANDISE_OR_SERVICE_NOT_RECEIVED")
    assert shown["disputed_transactions"][0]["seller_transaction_id"] == sale
    fake.dashboard.escalate(key)
    fake.dashboard.win(key)
    shown = await client.good("GET", f"{DISPUTES}/{key}")
    assert shown["dispute_outcome"] == {"outcome_code": "RESOLVED_SELLER_FAVOUR"}
    assert kinds(fake)[-3:] == [f"CUSTOMER.DISPUTE.{one}" for one in ("CREATED", "UPDATED", "RESOLVED")]
    assert (await client.good("GET", f"{SALE}/{sale}"))["state"] == "completed"


async def test_a_dispute_that_is_lost_takes_the_payment_back(
    client: Client, fake: PayPalServer, sale: str
) -> None:
    fake.dashboard.lose(fake.dashboard.dispute(sale, "UNAUTHORISED")["dispute_id"])
    assert kinds(fake)[-2:] == ["CUSTOMER.DISPUTE.RESOLVED", "PAYMENT.SALE.REVERSED"]
    outcome = fake.events[-2]["resource"]["dispute_outcome"]
    assert outcome["outcome_code"] == "RESOLVED_BUYER_FAVOUR"
    assert outcome["amount_refunded"] == {"currency_code": "USD", "value": "5.00"}


async def test_disputes_are_listed(client: Client, fake: PayPalServer, sale: str) -> None:
    first, second = (fake.dashboard.dispute(sale)["dispute_id"] for _ in range(2))
    fake.dashboard.win(first)

    async def listed(query: str) -> list[str]:
        return [one["dispute_id"] for one in (await client.good("GET", f"{DISPUTES}?{query}"))["items"]]

    assert await listed("") == [second, first]
    assert await listed("page_size=1") == [second]
    page = await client.good("GET", f"{DISPUTES}?page_size=1")
    assert [one["dispute_id"] for one in (await client.good("GET", page["links"][-1]["href"]))["items"]] == [
        first
    ]
    assert await listed("dispute_state=RESOLVED") == [first]
    assert await listed(f"disputed_transaction_id={sale}") == [second, first]
    assert await listed("disputed_transaction_id=NONE") == []
    assert await listed("start_time=2099-01-01T00:00:00Z") == []
    assert await client.refused("GET", f"{DISPUTES}/PP-D-0") == (404, "INVALID_RESOURCE_ID")
