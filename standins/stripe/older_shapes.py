"""Converts events for endpoints that are pinned to an older API version.

Source: docs.stripe.com/changelog/basil (2025-03-31). That version moved the period from the subscription to
its items, and the invoice lost `subscription`, `payment_intent`, `charge` and `paid`.
"""

from __future__ import annotations

import copy
from typing import Any

from standins.stripe.state import Obj, World

BASIL = "2025-03-31"


def as_version(world: World, event: Obj, version: str) -> Obj:
    """Return the event in the shape of `version`, which begins with its date, as in 2024-06-20."""
    shown = copy.deepcopy(event)
    shown["api_version"] = version
    if version[:10] < BASIL:
        _age(world, shown["data"]["object"])
        previous = shown["data"].get("previous_attributes", {})
        if "items" in previous:
            _lift_period(previous)
    return shown


def _age(world: World, obj: Any) -> None:
    if obj.get("object") == "subscription":
        _lift_period(obj)
        for gone in ("billing_mode", "billing_schedules", "customer_account", "managed_payments"):
            obj.pop(gone, None)
    elif obj.get("object") == "invoice":
        _fill_invoice(world, obj)


def _lift_period(subscription: Obj) -> None:
    items = subscription["items"]["data"]
    for key in ("current_period_start", "current_period_end"):
        subscription[key] = items[0][key]
    for item in items:
        del item["current_period_start"], item["current_period_end"]


def _fill_invoice(world: World, invoice: Obj) -> None:
    details = invoice.pop("parent")["subscription_details"]
    payments = world.all("invoice_payment", invoice=invoice["id"])
    intent = payments[0]["payment"]["payment_intent"] if payments else None
    invoice.update(
        subscription=details["subscription"],
        subscription_details={"metadata": details["metadata"]},
        payment_intent=intent,
        charge=world.by_id[intent]["latest_charge"] if intent else None,
        paid=invoice["status"] == "paid",
    )
