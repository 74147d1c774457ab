"""Builds objects of billing.model with defaults for every field that a test does not mention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from billing.model import (
    Binding,
    Checkout,
    Item,
    Override,
    OverrideKind,
    Plan,
    Price,
    Status,
    Subscription,
    SubscriptionKey,
)
from billing.use_cases.revoke import RevokeRequest

GUILD, OTHER_GUILD = 100, 200
MEMBER, OTHER_MEMBER, ADMIN = 11, 12, 99
DAY = 86_400
MONTH = 30 * DAY
GRACE = 7 * DAY
ROLE, SECOND_ROLE, FOREIGN_ROLE = 501, 502, 999


def make_key(name: str = "sub_1") -> SubscriptionKey:
    return SubscriptionKey("stripe", "test", name)


def make_price(name: str = "price_1", product: str = "prod_1", **more: Any) -> Price:
    facts: dict[str, Any] = {"amount": 500, "currency": "eur", "interval": "month", **more}
    return Price("stripe", "test", name, product, **facts)


def make_plan(plan_id: int = 1, *roles: int, **more: Any) -> Plan:
    facts: dict[str, Any] = {"prices": (make_price(),), **more}
    return Plan(plan_id, GUILD, f"Plan {plan_id}", roles or (ROLE,), **facts)


def make_subscription(
    name: str = "sub_1", status: Status = Status.ACTIVE, *, at: int = 0, **more: Any
) -> Subscription:
    """One that began at `at` and is paid for a month."""
    facts: dict[str, Any] = {
        "items": (Item(make_price()),),
        "period_start": at,
        "period_end": at + MONTH,
        **more,
    }
    return Subscription(make_key(name), "cus_1", status, str(status), created_at=at, **facts)


def make_override(
    plan_id: int | None = None, kind: OverrideKind = OverrideKind.BLOCK, **more: Any
) -> Override:
    facts: dict[str, Any] = {"starts_at": 0, "until": None, "reason": "", "by": ADMIN, "created_at": 0}
    facts |= {"id": 0, "decision_id": "decision", **more}
    return Override(guild_id=GUILD, member_id=MEMBER, plan_id=plan_id, kind=kind, **facts)


def make_revoke_request(**more: Any) -> RevokeRequest:
    facts: dict[str, Any] = {"plan_id": None, "at_once": False, "refund": False, "reason": "", "by": ADMIN}
    return RevokeRequest(**{"guild_id": GUILD, "member_id": MEMBER, **facts, **more})


NOW = make_revoke_request(at_once=True, reason="spam")


def make_checkout(name: str = "ours_1", **more: Any) -> Checkout:
    facts: dict[str, Any] = {"plan_id": 1, "price_id": "price_1", "created_at": 0, **more}
    return Checkout(name, "stripe", "test", GUILD, MEMBER, **facts)


def bound(subscription: Subscription, member_id: int = MEMBER, guild_id: int = GUILD) -> Subscription:
    return replace(subscription, binding=Binding(guild_id, member_id))
