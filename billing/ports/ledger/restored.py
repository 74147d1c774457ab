"""The ledger port: subscriptions of a restored ledger that the providers have not confirmed yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import SubscriptionKey


class OlderLedger(Protocol):
    """Subscriptions that count as unknown until their provider confirms them."""

    async def record_started(
        self, homes: Sequence[tuple[str, str]], at: int, *, older: bool, copied: bool
    ) -> None:
        """Record that the bot starts with this ledger, connected to these providers and accounts.

        `older`: put all subscriptions and decisions that may give a right on hold. `copied`: the ledger is a
        backup that replaced a later one, so its open work may already be done: pending intents are executed
        only after asking the provider, and notices are not sent but shown at the next command.
        """

    async def load_unswept(self, provider: str, account: str) -> bool:
        """Return True if no sweep of this provider was completed since its subscriptions were put on hold."""

    async def record_looked(self, keys: Sequence[SubscriptionKey], at: int) -> None:
        """Record that the provider shows these subscriptions as recorded.

        They are no longer on hold and their members are queued; if the provider's disputes were not listed
        yet, this happens once they are.
        """

    async def record_disputes_listed(self, provider: str, account: str, at: int) -> None:
        """Record that every dispute of the provider was checked."""

    async def record_swept(self, provider: str, account: str) -> None:
        """Record that a full sweep of this provider was completed."""

    async def record_waiting(self, keys: Sequence[SubscriptionKey], /) -> None:
        """Queue subscriptions to be fetched before all others."""

    async def load_unasked_intent(self, intent_id: str) -> bool:
        """Return True if the provider was not yet asked about an intent from a restored backup."""

    async def load_sold_before(self, moment: int, limit: int) -> dict[int, int]:
        """Return the number of active subscriptions that pay for none of a server's plans, by server id.

        Counts those created until `moment` (unix seconds), for the first `limit` servers.
        """
