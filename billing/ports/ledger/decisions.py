"""The ledger port: admins' decisions and requests to providers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import Intent, Notice, Override, SubscriptionKey
from billing.ports.records import SyncResult


class DecisionLedger(Protocol):
    """Admins' decisions, and requests to providers."""

    async def record_overrides(
        self,
        overrides: Sequence[Override],
        intents: Sequence[Intent],
        notices: Sequence[Notice],
        at: int,
        *,
        replaces: Sequence[str] = (),
    ) -> None:
        """Record an admin's decision with all that follows from it in one transaction, and queue the member.

        The overrides' own `id` is ignored. `replaces`: decisions that this one lifts.
        """

    async def load_overrides(self, guild_id: int, member_id: int, at: int) -> list[Override]:
        """Return the member's overrides that are not lifted and have not expired at `at` (unix seconds)."""

    async def load_granting(self, member_id: int) -> list[int]:
        """Return the ids of servers in which this person has a grant that was not lifted, expired or not."""

    async def load_decision(self, decision_id: str) -> list[Override]:
        """Return the rows of one decision that are not lifted."""

    async def record_lifted(
        self,
        decision_id: str,
        by: int,
        reason: str,
        at: int,
        intents: Sequence[Intent] = (),
        notices: Sequence[Notice] = (),
        *,
        replaces: Sequence[str] = (),
        overrides: Sequence[Override] = (),
    ) -> list[Override]:
        """Lift a decision and return the lifted rows.

        In the same transaction, records the intents and notices that follow, and queues the member. If the
        decision was already lifted, records nothing and returns an empty list.

        `replaces`: further decisions to lift; `overrides`: decisions that take their place.
        """

    async def record_intent(self, intent: Intent, /) -> Intent:
        """Save an intent before it is carried out, and return it.

        If an intent of the same kind for the same subscription is already pending, returns that one instead.
        A pending intent that this one contradicts is dropped.
        """

    async def load_intents(self, at: int, limit: int) -> list[Intent]:
        """Return up to `limit` pending intents whose next attempt is due at `at` (unix seconds)."""

    async def load_intents_of(self, key: SubscriptionKey) -> list[Intent]:
        """Return all intents for a subscription, newest first."""

    async def load_intent(self, intent_id: str) -> Intent | None:
        """Return the intent with this id; None if there is none."""

    async def record_intent_outcome(
        self,
        intent: Intent,
        synced: SyncResult | None,
        notices: Sequence[Notice],
        at: int | None = None,
    ) -> None:
        """Record the new state of an intent with its snapshot and notices.

        `at`: when the provider confirmed it, in unix seconds.
        """
