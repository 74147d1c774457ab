"""Members whose roles need to be reconciled, and all data that decides those roles."""

from __future__ import annotations

from dataclasses import dataclass

from billing.model.overrides import Override
from billing.model.plans import Plan
from billing.model.subscriptions import Subscription, SubscriptionKey
from billing.model.translatable_text import Reasons


@dataclass(frozen=True, slots=True)
class QueuedMember:
    """A queued member whose roles need to be reconciled.

    `since`: when the first reason arose, in unix seconds; `version` increases with each new reason.
    """

    guild_id: int
    member_id: int
    version: int
    attempts: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A member of a server as Discord shows them.

    `roles`: their role ids; `pending`: they have not yet passed the server's membership screening.
    """

    roles: frozenset[int]
    pending: bool = False


@dataclass(frozen=True, slots=True)
class MemberState:
    """All data that decides one member's roles in one server.

    `stale`: a subscription is waiting to be fetched. `due_at`: the next moment at which the roles change by
    time alone. `unasked`: the person's subscriptions in a restored ledger that the provider has not confirmed
    yet; they are UNKNOWN here. `unswept`: further subscriptions may be missing, and decisions made before
    `copied_at` come from a backup and may have been lifted since.
    """

    plans: tuple[Plan, ...]
    subscriptions: tuple[Subscription, ...]
    overrides: tuple[Override, ...]
    granted: frozenset[int]
    parked: Reasons = ()
    stale: bool = False
    due_at: int | None = None
    unasked: tuple[SubscriptionKey, ...] = ()
    unswept: bool = False
    copied_at: int = 0
