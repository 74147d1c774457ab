"""Builds PayPal's description of a billing plan from a few values, for tests and the sandbox."""

from __future__ import annotations

from decimal import Decimal

from standins.paypal.state import Obj


def make_plan(product_id: str, price: str, interval: str, currency: str, more: Obj) -> Obj:
    """Return the body of POST /v1/billing/plans; PayPalServer.add_plan explains `more`."""
    cycles = [
        _cycle(currency, trial, unit, total) | {"tenure_type": "TRIAL"}
        for trial, unit, total in more.pop("trials", ())
    ]
    cycles.append(_cycle(currency, price, interval, more.pop("total_cycles", 0), more.pop("count", 1)))
    preferences: Obj = {"payment_failure_threshold": more.pop("threshold", 0)}
    if "setup_fee" in more:
        preferences["setup_fee"] = {"currency_code": currency, "value": more.pop("setup_fee")}
    return {
        "product_id": product_id,
        "name": f"{price} {currency} a {interval.lower()}",
        "billing_cycles": [{**one, "sequence": n} for n, one in enumerate(cycles, 1)],
        **more,
        "payment_preferences": preferences | more.get("payment_preferences", {}),
    }


def _cycle(currency: str, price: str, interval: str, total: int, count: int = 1) -> Obj:
    cycle: Obj = {
        "frequency": {"interval_unit": interval, "interval_count": count},
        "tenure_type": "REGULAR",
        "total_cycles": total,
    }
    if Decimal(price):
        cycle["pricing_scheme"] = {"fixed_price": {"currency_code": currency, "value": price}}
    return cycle
