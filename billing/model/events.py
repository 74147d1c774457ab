"""Authenticated notifications of a provider, and the history of changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """The provider's object that an event is about, for example kind 'subscription', id 'sub_1'."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Event:
    """An authenticated notification. `subject` None: Dues does not use this kind of event.

    `occurred_at`: unix seconds UTC, from the provider.
    """

    provider: str
    account: str
    id: str
    kind: str
    subject: Subject | None
    occurred_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the history of access and subscriptions, which only grows.

    `who`: 'provider', 'timer', 'sweep', or a Discord id; `evidence`: the event or command that caused the
    change. `given` and `taken`: the roles that the bot gave and took, for the outbox; the history has them
    in `before` and `after`.
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
    given: tuple[int, ...] = ()
    taken: tuple[int, ...] = ()
