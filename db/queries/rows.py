"""Conversion between database rows and the types of billing.model."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson
from msgspec.json import Decoder

from billing.model import (
    PLAIN,
    Binding,
    BoundBy,
    Change,
    DisputeState,
    Event,
    Intent,
    IntentKind,
    IntentState,
    Item,
    Money,
    Override,
    OverrideKind,
    Price,
    Status,
    Step,
    Subject,
    Subscription,
    SubscriptionKey,
    Terms,
)
from billing.model.stored_texts import from_stored, to_stored
from billing.model.translatable_text import Reasons, Text

SUBSCRIPTION = (
    "provider, account, id, customer_id, status, provider_status, items, created_at, period_start,"
    " period_end, ends_at, ended_at, trial_end, unpaid_since, paid_through,"
    " checkout_id, dispute, guild_id, member_id, terms, needs_action, bound_by"
)
EVENT = "provider, account, event_id, kind, subject_kind, subject_id, occurred_at"
CHECKOUT = (
    "id, provider, account, guild_id, member_id, plan_id, price_id, created_at, session_id, expires_at,"
    " subscription_id, return_id"
)
OVERRIDE = (
    "id, decision_id, guild_id, member_id, plan_id, kind, starts_at, until, reason, decided_by, created_at,"
    " subscriptions"
)
INTENT = (
    "id, kind, provider, account, subscription_id, asked_by, reason, created_at, state, attempts,"
    " next_attempt_at, payment_id, refunded_amount, refunded_currency, outcome, receipt"
)
NOTICE = "key, guild_id, member_id, kind, facts, created_at"
CHANGE = "at, guild_id, member_id, subject, who, why, evidence, before, after"
PRICE = (
    "provider, account, id, product_id, amount, currency, interval, interval_count, trial_days, active,"
    " setup_fee, steps"
)

Row = tuple[Any, ...]


def marks(columns: str) -> str:
    """Return SQL placeholders for a list of columns, such as '?, ?'."""
    return ", ".join("?" * (columns.count(",") + 1))


def key_row(key: SubscriptionKey) -> Row:
    """Convert a subscription's key to its columns: provider, account, id."""
    return (key.provider, key.account, key.id)


def subscription_row(sub: Subscription) -> Row:
    """Convert a subscription to a row with the columns of SUBSCRIPTION."""
    binding = (sub.binding.guild_id, sub.binding.member_id) if sub.binding else (None, None)
    return (
        *key_row(sub.key),
        sub.customer_id,
        sub.status,
        sub.provider_status,
        to_json(sub.items),
        sub.created_at,
        sub.period_start,
        sub.period_end,
        sub.ends_at,
        sub.ended_at,
        sub.trial_end,
        sub.unpaid_since,
        sub.paid_through,
        sub.checkout_id,
        sub.dispute,
        *binding,
        "" if sub.terms == PLAIN else to_json(sub.terms),
        int(sub.needs_action),
        sub.bound_by,
    )


def sold(items: Iterable[Item]) -> str:
    """Return the fields that identify each item's plan, as compact JSON.

    Items with quantity 0 are left out.
    """
    prices = [item.price for item in items if item.quantity]
    return to_json([(price.id, price.product_id, price.provider, price.account) for price in prices])


def sold_prices(text: str) -> list[Price]:
    """Build prices from the JSON that `sold` returns. Only the fields that identify a plan are filled in."""
    return [
        Price(where, account, name, product, 0, "", "")
        for name, product, where, account in orjson.loads(text)
    ]


def subscription(row: Row) -> Subscription:
    """Build a subscription from a row with the columns of SUBSCRIPTION."""
    provider, account, id_, customer, status, provider_status, items, *rest = row
    *rest, dispute, guild, member, terms, needs_action, bound_by = rest
    fields: Row = (
        SubscriptionKey(provider, account, id_),
        customer,
        Status(status),
        provider_status,
        _read_items(items),
        *rest,
        DisputeState(dispute),
        None if guild is None else Binding(guild, member),
        _read_terms(terms) if terms else PLAIN,
        bool(needs_action),
        BoundBy(bound_by),
    )
    return Subscription(*fields)


# Subscriptions to the same price have the same text.
_read_items = lru_cache(maxsize=1024)(Decoder(tuple[Item, ...]).decode)
_read_steps = Decoder(tuple[Step, ...]).decode
_read_terms = Decoder(Terms).decode


def event_row(event: Event) -> Row:
    """Convert an event to a row with the columns of EVENT."""
    subject = (event.subject.kind, event.subject.id) if event.subject else (None, None)
    return (event.provider, event.account, event.id, event.kind, *subject, event.occurred_at)


def event(row: Row) -> Event:
    """Build an event from a row with the columns of EVENT."""
    provider, account, id_, kind, subject_kind, subject_id, occurred_at = row
    subject = None if subject_kind is None else Subject(subject_kind, subject_id)
    return Event(provider, account, id_, kind, subject, occurred_at)


def override(row: Row) -> Override:
    """Build an override from a row with the columns of OVERRIDE."""
    id_, decision, guild, member, plan, kind, *rest, keys = row
    barred = tuple(SubscriptionKey(*key) for key in orjson.loads(keys))
    fields: Row = (id_, decision, guild, member, plan, OverrideKind(kind), *rest, barred)
    return Override(*fields)


def intent_row(intent: Intent) -> Row:
    """Convert an intent to a row with the columns of INTENT."""
    refunded = (intent.refunded.amount, intent.refunded.currency) if intent.refunded else (None, None)
    return (
        intent.id,
        intent.kind,
        *key_row(intent.key),
        intent.by,
        intent.reason,
        intent.created_at,
        intent.state,
        intent.attempts,
        intent.next_attempt_at,
        intent.payment_id,
        *refunded,
        to_stored(intent.outcome),
        int(intent.receipt),
    )


def intent(row: Row) -> Intent:
    """Build an intent from a row with the columns of INTENT."""
    id_, kind, provider, account, subscription_id, by, reason, created_at, state, *rest = row
    attempts, next_attempt_at, payment_id, amount, currency, outcome, receipt = rest
    return Intent(
        id_,
        IntentKind(kind),
        SubscriptionKey(provider, account, subscription_id),
        by,
        reason,
        created_at,
        IntentState(state),
        attempts,
        next_attempt_at,
        payment_id,
        None if amount is None else Money(amount, currency),
        from_stored(outcome),
        bool(receipt),
    )


def price_row(price: Price) -> Row:
    """Convert a price to a row with the columns of PRICE.

    A missing amount is stored as 0. Such a price is never on sale, so nobody sees the 0.
    """
    return (
        price.provider,
        price.account,
        price.id,
        price.product_id,
        price.amount or 0,
        price.currency,
        price.interval,
        price.interval_count,
        price.trial_days,
        int(price.active),
        price.setup_fee,
        to_json(price.steps) if price.steps else "",
    )


def price(row: Row) -> Price:
    """Build a price from a row with the columns of PRICE."""
    *rest, active, setup_fee, steps = row
    fields: Row = (*rest, bool(active), setup_fee, _read_steps(steps) if steps else ())
    return Price(*fields)


def parked_row(reasons: Iterable[Text | str]) -> str | None:
    """Join the reasons why a member's roles cannot be set, one per line; return None if there are none."""
    return "\n".join(map(to_stored, reasons)) or None


def parked_reasons(parked: str | None) -> Reasons:
    """Parse the reasons that `parked_row` has joined."""
    return tuple(map(from_stored, parked.split("\n"))) if parked else ()


def to_json(value: Any) -> str:
    """Serialize a value, which may contain dataclasses, to JSON text."""
    return orjson.dumps(value).decode()


def change(row: Row) -> Change:
    """Build a change from a row with the columns of CHANGE."""
    return Change(*row)


_INSERT_CHANGE = f"INSERT INTO history ({CHANGE}) VALUES ({marks(CHANGE)})"


def add_changes(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Append changes to the history."""
    db.executemany(
        _INSERT_CHANGE,
        [
            (c.at, c.guild_id, c.member_id, c.subject, c.who, c.why, c.evidence, c.before, c.after)
            for c in changes
        ],
    )
