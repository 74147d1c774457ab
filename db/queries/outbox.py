"""Queries for the outbox: typed events, each appended in the transaction of the change it describes."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from itertools import groupby
from typing import Any

from msgspec import ValidationError
from msgspec.json import Decoder

from billing.model import Change, Money, Override, OverrideKind, Plan, Subscription
from billing.model.outbox import (
    OUTBOX_TYPES,
    AccessGiven,
    AccessTaken,
    GrantMade,
    GrantWithdrawn,
    KnownEvent,
    OutboxBody,
    OutboxEvent,
    PlanChanged,
    PlanCreated,
    PlanPrice,
    PlanRemoved,
    RevocationLifted,
    RevocationMade,
    UnknownEvent,
)
from billing.rules.subscription_changes import decide_events
from db.queries.rows import Row, marks, to_json

_OUTBOX = "sequence, id, type, version, at, guild_id, member_id, facts"
_INSERT = f"INSERT INTO outbox ({_OUTBOX}) VALUES ({marks(_OUTBOX)})"


def add_events(
    db: sqlite3.Connection, at: int, guild_id: int, member_id: int | None, bodies: Iterable[KnownEvent]
) -> None:
    """Append events of one server, and of one of its members unless `member_id` is None."""
    db.executemany(
        _INSERT,
        [
            (None, secrets.token_hex(12), b.type, b.version, at, guild_id, member_id, to_json(_packed(b)))
            for b in bodies
        ],
    )


def add_subscription_events(
    db: sqlite3.Connection,
    old: Subscription | None,
    new: Subscription,
    plans: Sequence[Plan],
    who: str,
    at: int,
    *,
    revoked: bool = False,
) -> None:
    """Append the events that lead from a subscription's recorded state to its new one.

    `who`: the author of the change, as in Change.who. `revoked`: an admin's block ended the subscription.
    """
    if new.binding is not None:
        found = decide_events(old, new, plans, by=person(who), revoked=revoked)
        add_events(db, at, new.binding.guild_id, new.binding.member_id, found)


def add_role_events(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Append one event for the roles that each change gave, and one for the roles that it took."""
    for change in changes:
        if change.guild_id is not None:
            given = [AccessGiven(roles=change.given, why=change.why)] if change.given else []
            taken = [AccessTaken(roles=change.taken, why=change.why)] if change.taken else []
            add_events(db, change.at, change.guild_id, change.member_id, [*given, *taken])


def add_decisions(db: sqlite3.Connection, overrides: Iterable[Override], at: int) -> None:
    """Append an event for each new decision of an admin."""
    for rows in _by_decision(overrides):
        kind = GrantMade if rows[0].kind is OverrideKind.GRANT else RevocationMade
        body = kind(by=rows[0].by, reason=rows[0].reason, **_decided(rows))
        add_events(db, at, rows[0].guild_id, rows[0].member_id, [body])


def add_lifted(db: sqlite3.Connection, lifted: Iterable[Override], by: int, reason: str, at: int) -> None:
    """Append an event for each decision that an admin has lifted."""
    for rows in _by_decision(lifted):
        kind = GrantWithdrawn if rows[0].kind is OverrideKind.GRANT else RevocationLifted
        add_events(
            db, at, rows[0].guild_id, rows[0].member_id, [kind(by=by, reason=reason, **_decided(rows))]
        )


def _by_decision(overrides: Iterable[Override]) -> list[list[Override]]:
    def decision(one: Override) -> tuple[str, str, int]:
        return one.decision_id, one.kind, one.member_id

    return [list(rows) for _, rows in groupby(sorted(overrides, key=decision), decision)]


def _decided(rows: Sequence[Override]) -> dict[str, Any]:
    plans = tuple(o.plan_id for o in rows if o.plan_id is not None)
    ends = [o.until for o in rows if o.until is not None]
    return {
        "decision": rows[0].decision_id,
        "plans": plans if len(plans) == len(rows) else (),
        "starts_at": min(o.starts_at for o in rows),
        "until": max(ends) if len(ends) == len(rows) else None,
    }


def add_plan_event(db: sqlite3.Connection, old: Plan | None, new: Plan, who: str, at: int) -> None:
    """Append the event for a plan that was created, edited or removed."""
    kind = PlanCreated if old is None else PlanChanged if new.removed_at is None else PlanRemoved
    prices = tuple(
        PlanPrice(
            p.provider,
            p.id,
            None if p.amount is None else Money(p.amount, p.currency),
            p.interval,
            p.interval_count,
        )
        for p in new.prices
    )
    body = kind(
        plan=new.id, name=new.name, roles=new.role_ids, prices=prices, hidden=new.hidden, by=person(who)
    )
    add_events(db, at, new.guild_id, None, [body])


def person(who: str) -> int | None:
    """Return the Discord id of the person who made a change, or None if the bot or a provider made it."""
    return int(who) if who.isdecimal() else None


_DECODERS: dict[str, Decoder[KnownEvent]] = {name: Decoder(body) for name, body in OUTBOX_TYPES.items()}


def load_outbox(
    db: sqlite3.Connection,
    after: int,
    limit: int,
    guild_id: int | None = None,
    member_id: int | None = None,
) -> list[OutboxEvent]:
    whose = {"guild_id": guild_id, "member_id": member_id}
    named = {column: value for column, value in whose.items() if value is not None}
    where = "".join(f"{column} = ? AND " for column in named)
    rows = db.execute(
        f"SELECT {_OUTBOX} FROM outbox WHERE {where}sequence > ? ORDER BY sequence LIMIT ?",
        (*named.values(), after, limit),
    )
    return [_event(row) for row in rows]


def load_newest_events(
    db: sqlite3.Connection, guild_id: int, member_id: int, limit: int
) -> list[OutboxEvent]:
    rows = db.execute(
        f"SELECT {_OUTBOX} FROM outbox WHERE guild_id = ? AND member_id = ? ORDER BY sequence DESC LIMIT ?",
        (guild_id, member_id, limit),
    )
    return [_event(row) for row in rows]


def load_sequence_before(db: sqlite3.Connection, guild_id: int, at: int) -> int:
    row = db.execute(
        "SELECT sequence FROM outbox WHERE guild_id = ? AND at < ? ORDER BY sequence DESC LIMIT 1",
        (guild_id, at),
    ).fetchone()
    return int(row[0]) if row else 0


def _event(row: Row) -> OutboxEvent:
    sequence, id_, type_, version, at, guild_id, member_id, facts = row
    return OutboxEvent(sequence, id_, at, guild_id, member_id, _body(type_, version, facts))


def _body(type_: str, version: int, facts: str) -> OutboxBody:
    """Build the body of an event from its stored fields.

    Returns UnknownEvent for a type or version that this program does not know, so that it does not block the
    events behind it.
    """
    known = OUTBOX_TYPES.get(type_)
    if known is None or known.version != version:
        return UnknownEvent(type=type_, version=version)
    try:
        return _DECODERS[type_].decode(facts)
    except ValidationError:
        return UnknownEvent(type=type_, version=version)


def _packed(value: object) -> object:
    """Return an event's fields without those that have their default value.

    Most fields are empty, and the rows are kept for good.
    """
    if isinstance(value, tuple):
        return [_packed(one) for one in value]
    if not is_dataclass(value):
        return value
    given = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
    return {name: _packed(one) for name, one, default in given if one != default}
