"""Stripe's objects, cut to what they need to be recognised, in the shapes of API 2026-10-28."""

from __future__ import annotations

from typing import Any

NOW = 1_800_000_000
MONTH = 30 * 86_400


def price(**changes: Any) -> dict[str, Any]:
    return {
        "id": "price_gold",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "currency": "eur",
        "product": "prod_gold",
        "recurring": {"interval": "month", "interval_count": 1, "trial_period_days": None},
        "type": "recurring",
        "unit_amount": 500,
        "unit_amount_decimal": "500",
        **changes,
    }


def item(**changes: Any) -> dict[str, Any]:
    return {
        "id": "si_1",
        "object": "subscription_item",
        "current_period_start": NOW,
        "current_period_end": NOW + MONTH,
        "price": price(),
        "quantity": 1,
        **changes,
    }


def listed(*items: Any, more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": more, "url": "/v1/things"}


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "in_1",
        "object": "invoice",
        "amount_paid": 500,
        "created": NOW + 100,
        "due_date": None,
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
        "status": "open",
        "status_transitions": {"paid_at": NOW + 60},
        **changes,
    }


def subscription(**changes: Any) -> dict[str, Any]:
    return {
        "id": "sub_1",
        "object": "subscription",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "created": NOW,
        "currency": "eur",
        "customer": "cus_1",
        "ended_at": None,
        "items": listed(item()),
        "latest_invoice": None,
        "livemode": False,
        "metadata": {"dues_checkout": "opaque"},
        "pause_collection": None,
        "schedule": None,
        "status": "active",
        "trial_end": None,
        **changes,
    }


def event(kind: str, about: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": NOW,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        **changes,
    }
