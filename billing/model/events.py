"""Authenticated notifications, and the history of what changed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """The provider's object that an event is about, e.g. kind 'subscription', id 'sub_1'."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Event:
    """An authenticated notification. `subject` None: of a kind that nobody needs."""

    provider: str
    account: str
    id: str
    kind: str
    subject: Subject | None
    occurred_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row of history: every change of access or of an agreement. Append-only.

    `who`: 'provider', 'timer', 'sweep', or a Discord id; `evidence`: the event or command that shows it.
    """

    at: int
    guild_id: int | None
    member_id: int | None
    subject: str
    who: str
    why: str
    evidence: str
    before: str
    after: str
