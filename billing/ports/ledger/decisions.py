"""The ledger: admins' decisions and what was asked of a provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import Intent, Notice, Override, SubscriptionKey
from billing.ports.records import SyncResult


class DecisionLedger(Protocol):
    """Admins' decisions, and what was asked of a provider."""

    async def record_overrides(
        self,
        overrides: Sequence[Override],
        intents: Sequence[Intent],
        notices: Sequence[Notice],
        at: int,
        *,
        replaces: Sequence[str] = (),
    ) -> None:
        """An admin's decision with everything that follows from it, in one transaction; marks the member.

        The overrides' own `id` is ignored. `replaces`: decisions that it lifts."""

    async def load_overrides(self, guild_id: int, member_id: int, at: int) -> list[Override]:
        """Those not lifted and not over at that moment."""

    async def load_granting(self, member_id: int) -> list[int]:
        """The servers in which a grant to this person stands that was not lifted, be it over or not."""

    async def load_decision(self, decision_id: str) -> list[Override]:
        """The rows of one decision that are not lifted."""

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
        """Lift a decision with the wishes and notices that follow from it, in one transaction; what was
        lifted, empty when it was already: then nothing is recorded. Marks the member.

        `replaces`: decisions that are lifted along; `overrides`: what is decided in their place."""

    async def record_intent(self, intent: Intent, /) -> Intent:
        """Keep a wish before acting on it. A pending one of the same kind for the same subscription is
        returned instead; a pending one that this wish contradicts is dropped."""

    async def load_intents(self, at: int, limit: int) -> list[Intent]:
        """Pending ones whose next try is due."""

    async def load_intents_of(self, key: SubscriptionKey) -> list[Intent]:
        """All of a subscription, newest first."""

    async def load_intent(self, intent_id: str) -> Intent | None:
        """By its id."""

    async def record_intent_outcome(
        self, intent: Intent, synced: SyncResult | None, notices: Sequence[Notice]
    ) -> None:
        """The new state of an intent, with the snapshot and the notices that go with it."""
