"""Shapes of what PayPal has really sent, as merchants published it and as PayPal's own documents show it.

Persons, ids and addresses are replaced.
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def _money(value: str, currency: str = "USD") -> Obj:
    return {"currency_code": currency, "value": value}


def _execution(tenure: str, sequence: int, completed: int, remaining: int, total: int) -> Obj:
    return {
        "tenure_type": tenure,
        "sequence": sequence,
        "cycles_completed": completed,
        "cycles_remaining": remaining,
        "current_pricing_scheme_version": 1,
        "total_cycles": total,
    }


_NONE_BILLED = [
    _execution("TRIAL", 1, 0, 2, 2),
    _execution("TRIAL", 2, 0, 3, 3),
    _execution("REGULAR", 3, 0, 12, 12),
]
_PERSON = {
    "email_address": "buyer@example.com",
    "payer_id": "EXAMPLEPAYER1",
    "name": {"given_name": "Ada", "surname": "Member"},
}


def _subscription(**more: Any) -> Obj:
    return {
        "id": "I-EXAMPLE00001",
        "plan_id": "P-EXAMPLE0000000000000001",
        "status": "ACTIVE",
        "quantity": "1",
        "shipping_amount": _money("0.0"),
        "subscriber": _PERSON,
        "plan_overridden": False,
        **more,
    }


def _cycle(sequence: int, tenure: str, price: str, total: int, unit: str = "MONTH") -> Obj:
    return {
        "frequency": {"interval_unit": unit, "interval_count": 1},
        "tenure_type": tenure,
        "sequence": sequence,
        "total_cycles": total,
        "pricing_scheme": {"fixed_price": _money(price), "version": 1},
    }


# developer.paypal.com/docs/api/subscriptions/v1, "Create plan" (read 2026-11).
DOCUMENTED_PLAN: Obj = {
    "id": "P-EXAMPLE0000000000000001",
    "product_id": "PROD-EXAMPLE0000001",
    "name": "Video streaming service plan",
    "status": "ACTIVE",
    "billing_cycles": [
        _cycle(1, "TRIAL", "3.00", 2),
        _cycle(2, "TRIAL", "6.00", 3),
        _cycle(3, "REGULAR", "10.00", 12),
    ],
    "payment_preferences": {
        "auto_bill_outstanding": True,
        "setup_fee": _money("10.00"),
        "setup_fee_failure_action": "CONTINUE",
        "payment_failure_threshold": 3,
    },
    "taxes": {"percentage": "10", "inclusive": False},
    "quantity_supported": True,
}
# The same document, "Show subscription details".
DOCUMENTED = _subscription(
    start_time="2019-04-10T07:00:00Z",
    quantity="20",
    shipping_amount=_money("10.0"),
    billing_info={
        "outstanding_balance": _money("1.0"),
        "cycle_executions": _NONE_BILLED,
        "last_payment": {"amount": _money("1.15"), "time": "2019-04-09T10:27:20Z"},
        "next_billing_time": "2019-04-10T10:00:00Z",
        "failed_payments_count": 0,
    },
    create_time="2019-04-09T10:26:04Z",
    update_time="2019-04-09T10:27:27Z",
    status_update_time="2019-04-09T10:27:27Z",
)
# BILLING.SUBSCRIPTION.ACTIVATED out of PayPal's sandbox, 2021-12, of the documented plan: its set-up fee was
# paid, and the first trial starts a day later.
FEE_PAID = _subscription(
    start_time="2021-12-27T15:57:47Z",
    billing_info={
        "outstanding_balance": _money("0.0"),
        "cycle_executions": _NONE_BILLED,
        "last_payment": {"amount": _money("11.0"), "time": "2021-12-26T19:56:26Z"},
        "next_billing_time": "2021-12-27T10:00:00Z",
        "final_payment_time": "2023-04-27T10:00:00Z",
        "failed_payments_count": 0,
    },
    create_time="2021-12-26T19:56:25Z",
    update_time="2021-12-26T19:56:27Z",
)
# BILLING.SUBSCRIPTION.CANCELLED out of PayPal's sandbox, 2021-02, of the documented plan: two minutes after
# the fee, before anything else was billed.
CANCELLED_AFTER_FEE = _subscription(
    status="CANCELLED",
    status_change_note="Testing",
    shipping_amount=_money("10.0"),
    start_time="2021-02-18T21:42:05Z",
    billing_info={
        "outstanding_balance": _money("0.0"),
        "cycle_executions": _NONE_BILLED,
        "last_payment": {"amount": _money("11.0"), "time": "2021-02-18T21:46:54Z"},
        "failed_payments_count": 0,
    },
    create_time="2021-02-18T21:42:05Z",
    update_time="2021-02-18T21:48:45Z",
    status_update_time="2021-02-18T21:48:45Z",
)
# GET /v1/billing/subscriptions in PayPal's sandbox, 2024-03: a free day, which counts as soon as it begins.
FREE_DAY = _subscription(
    start_time="2024-03-04T09:20:35Z",
    billing_info={
        "outstanding_balance": _money("0.0"),
        "cycle_executions": [_execution("TRIAL", 1, 1, 0, 1), _execution("REGULAR", 2, 0, 0, 0)],
        "next_billing_time": "2024-03-05T10:00:00Z",
        "failed_payments_count": 0,
    },
    create_time="2024-03-04T09:23:04Z",
    update_time="2024-03-04T09:23:04Z",
    status_update_time="2024-03-04T09:23:04Z",
)
# GET /v1/billing/subscriptions at PayPal's live API, 2019-07: a month that was paid.
MONTH_PAID = _subscription(
    start_time="2019-07-13T22:00:00Z",
    shipping_amount=_money("0.0", "EUR"),
    billing_info={
        "outstanding_balance": _money("0.0", "EUR"),
        "cycle_executions": [_execution("REGULAR", 1, 1, 997, 998)],
        "last_payment": {"amount": _money("1.0", "EUR"), "time": "2019-07-14T12:49:53Z"},
        "next_billing_time": "2019-08-14T10:00:00Z",
        "final_payment_time": "2102-08-14T10:00:00Z",
        "failed_payments_count": 0,
    },
    create_time="2019-07-14T12:48:57Z",
    update_time="2019-07-14T12:49:54Z",
    status_update_time="2019-07-14T12:49:54Z",
)

# As PayPal's webhook simulator sends it (read 2024-07). A reversal's id is its own, under which PayPal keeps
# it as a refund; it names no sale.
SALE_REVERSED: Obj = {
    "id": "WH-EXAMPLE000000001-EXAMPLE000000001",
    "event_version": "1.0",
    "create_time": "2014-10-23T00:19:27Z",
    "resource_type": "sale",
    "event_type": "PAYMENT.SALE.REVERSED",
    "summary": "A $ 0.49 USD sale payment was reversed",
    "resource": {
        "id": "EXAMPLEREVERSAL01",
        "create_time": "2014-10-23T00:19:12Z",
        "state": "completed",
        "amount": {
            "total": "-0.49",
            "currency": "USD",
            "details": {"subtotal": "-0.64", "tax": "0.08", "shipping": "0.07"},
        },
        "links": [
            {
                "href": "https://api.paypal.com/v1/payments/refund/EXAMPLEREVERSAL01",
                "rel": "self",
                "method": "GET",
            }
        ],
    },
}
SALE_REFUNDED: Obj = {
    "id": "WH-EXAMPLE000000002-EXAMPLE000000002",
    "event_version": "1.0",
    "create_time": "2014-10-31T15:42:24Z",
    "resource_type": "sale",
    "event_type": "PAYMENT.SALE.REFUNDED",
    "summary": "A 0.01 USD sale payment was refunded",
    "resource": {
        "id": "EXAMPLEREFUND0001",
        "create_time": "2014-10-31T15:41:51Z",
        "update_time": "2014-10-31T15:41:51Z",
        "state": "completed",
        "amount": {"total": "-0.01", "currency": "USD"},
        "sale_id": "EXAMPLESALE000001",
        "parent_payment": "PAY-EXAMPLE00000000000001",
        "links": [
            {
                "href": "https://api.paypal.com/v1/payments/sale/EXAMPLESALE000001",
                "rel": "sale",
                "method": "GET",
            }
        ],
    },
}
CAPTURE_REFUNDED: Obj = {
    "id": "WH-EXAMPLE000000003-EXAMPLE000000003",
    "event_version": "1.0",
    "create_time": "2018-08-15T19:14:04.543Z",
    "resource_type": "refund",
    "resource_version": "2.0",
    "event_type": "PAYMENT.CAPTURE.REFUNDED",
    "summary": "A $ 0.99 USD capture payment was refunded",
    "resource": {
        "id": "EXAMPLEREFUND0002",
        "amount": _money("0.99"),
        "seller_payable_breakdown": {
            "gross_amount": _money("0.99"),
            "paypal_fee": _money("0.02"),
            "net_amount": _money("0.97"),
            "total_refunded_amount": _money("1.98"),
        },
        "status": "COMPLETED",
        "create_time": "2018-08-15T12:13:29-07:00",
        "update_time": "2018-08-15T12:13:29-07:00",
        "links": [
            {
                "href": "https://api.paypal.com/v2/payments/refunds/EXAMPLEREFUND0002",
                "rel": "self",
                "method": "GET",
            },
            {
                "href": "https://api.paypal.com/v2/payments/captures/EXAMPLESALE000001",
                "rel": "up",
                "method": "GET",
            },
        ],
    },
}
CAPTURE_REVERSED: Obj = {
    **CAPTURE_REFUNDED,
    "id": "WH-EXAMPLE000000004-EXAMPLE000000004",
    "event_type": "PAYMENT.CAPTURE.REVERSED",
    "summary": "A $ 2.51 USD capture payment was reversed",
    "resource": {
        **CAPTURE_REFUNDED["resource"],
        "id": "EXAMPLEREVERSAL02",
        "amount": _money("2.51"),
        "note_to_payer": "Payment reversed",
    },
}
