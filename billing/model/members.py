"""Members whose roles are to be reconciled, and everything that decides these."""

from __future__ import annotations

from dataclasses import dataclass

from billing.model.overrides import Override
from billing.model.plans import Plan
from billing.model.subscriptions import Subscription, SubscriptionKey
from billing.model.texts import Reasons


@dataclass(frozen=True, slots=True)
class MemberMark:
    """A member whose roles are to be converged, `since` the first reason; `version` moves on with each."""

    guild_id: int
    member_id: int
    version: int
    attempts: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A member of a server as Discord shows them: their role ids, and whether they still have to pass the
    server's membership screening (`pending`)."""

    roles: frozenset[int]
    pending: bool = False


@dataclass(frozen=True, slots=True)
class MemberState:
    """All that decides one member's roles in one server. `stale`: a subscription waits to be fetched;
    `due_at`: when time alone changes something, until that is taken up. `unasked`: this person's
    subscriptions that an older ledger holds, which are UNKNOWN here; `unswept`: others may be missing, and
    what admins decided before `copied_at` is a backup's word that may be lifted since."""

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
