"""PayPal's answers as tests begin with them."""

from __future__ import annotations

from typing import Any

from providers.paypal.dates import moment, stamp

START = moment("2027-01-31T14:32:00Z")
NOW = START + 3600
DAY = 86_400


def cycle(
    price: str | None = "5.00", unit: str = "MONTH", *, sequence: int = 1, trial: bool = False, **more: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "frequency": {"interval_unit": unit, "interval_count": 1},
        "tenure_type": "TRIAL" if trial else "REGULAR",
        "sequence": sequence,
        "total_cycles": 1 if trial else 0,
    }
    if price is not None:
        found["pricing_scheme"] = {"fixed_price": {"currency_code": "USD", "value": price}}
    return {**found, **more}


def plan(*cycles: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"product_id": "PROD-1", "status": "ACTIVE", "billing_cycles": list(cycles or [cycle()]), **more}


def trial_plan(days: int = 7, price: str | None = None) -> dict[str, Any]:
    first = cycle(price, "DAY", trial=True, total_cycles=days)
    return plan(first, cycle(sequence=2))


def executed(*completed: int) -> list[dict[str, Any]]:
    tenures = ["TRIAL"] * (len(completed) - 1) + ["REGULAR"]
    return [
        {"tenure_type": tenure, "sequence": number, "cycles_completed": done}
        for number, (tenure, done) in enumerate(zip(tenures, completed, strict=True), 1)
    ]


def info(
    last: int | None = START, due: int | None = None, failed: int | None = None, **more: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "outstanding_balance": {"currency_code": "USD", "value": "0.0"},
        "cycle_executions": executed(1),
        "failed_payments_count": 0,
    }
    money = {"currency_code": "USD", "value": "5.0"}
    if last is not None:
        found["last_payment"] = {"amount": money, "time": stamp(last)}
    if due is not None:
        found["next_billing_time"] = stamp(due)
    if failed is not None:
        found["last_failed_payment"] = {"amount": money, "time": stamp(failed)}
    return {**found, **more}


def subscription(status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {
        "id": "I-ABC",
        "status": status,
        "status_update_time": stamp(START),
        "plan_id": "P-1",
        "start_time": stamp(START),
        "quantity": "1",
        "subscriber": {"payer_id": "PAYER1", "email_address": "a@example.com"},
        "billing_info": info(),
        "create_time": stamp(START - 60),
        "custom_id": "opaque-1",
        **more,
    }
