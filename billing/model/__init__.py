"""The nouns of Dues, frozen. Times are unix seconds UTC; money is minor units with its ISO currency."""

from __future__ import annotations

from billing.model.charges import PLAIN, Discount, NextCharge, Step, Tax, Terms, Unsure
from billing.model.events import Change, Event, Subject
from billing.model.findings import Finding
from billing.model.intents import RULE, Intent, IntentKind, IntentState
from billing.model.members import MemberMark, MemberState
from billing.model.money import Money, Payment
from billing.model.notices import Notice
from billing.model.overrides import Entitlement, Override, OverrideKind
from billing.model.plans import GuildSettings, Plan, Price
from billing.model.subscriptions import (
    Binding,
    Checkout,
    DisputeState,
    Item,
    Status,
    Subscription,
    SubscriptionKey,
)

__all__ = [
    "PLAIN",
    "RULE",
    "Binding",
    "Change",
    "Checkout",
    "Discount",
    "DisputeState",
    "Entitlement",
    "Event",
    "Finding",
    "GuildSettings",
    "Intent",
    "IntentKind",
    "IntentState",
    "Item",
    "MemberMark",
    "MemberState",
    "Money",
    "NextCharge",
    "Notice",
    "Override",
    "OverrideKind",
    "Payment",
    "Plan",
    "Price",
    "Status",
    "Step",
    "Subject",
    "Subscription",
    "SubscriptionKey",
    "Tax",
    "Terms",
    "Unsure",
]
