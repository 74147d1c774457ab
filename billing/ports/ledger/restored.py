"""The ledger: what one that is older than itself has not asked the providers for yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import SubscriptionKey


class OlderLedger(Protocol):
    """Subscriptions that are held as unknown until their provider was asked for them."""

    async def record_started(
        self, homes: Sequence[tuple[str, str]], at: int, *, older: bool, copied: bool
    ) -> None:
        """The bot goes on with this ledger, connected to these providers and accounts.

        `older`: everything that may give a right is held from now on. `copied`: it was put in the place of
        a later one, so what it shows as open may be done: pending intents are not to be carried out unseen,
        and notices are no longer sent, but shown at the next command.
        """

    async def load_unswept(self, provider: str, account: str) -> bool:
        """Whether no whole round over this provider was made since subscriptions are held."""

    async def record_looked(self, keys: Sequence[SubscriptionKey], at: int) -> None:
        """The provider shows these as they are recorded: they are held no longer, and members are marked;
        where the provider's disputes were not listed yet, once that is done."""

    async def record_disputes_listed(self, provider: str, account: str, at: int) -> None:
        """Every dispute of the provider was looked at."""

    async def record_swept(self, provider: str, account: str) -> None:
        """A whole round over this provider was made."""

    async def record_waiting(self, keys: Sequence[SubscriptionKey], /) -> None:
        """Mark subscriptions to be fetched before all others."""

    async def load_unasked_intent(self, intent_id: str) -> bool:
        """Whether an intent comes from a ledger that was put in the place of a later one."""

    async def load_sold_before(self, moment: int) -> dict[int, int]:
        """By server, how many subscriptions that run and were made until then pay for no plan there."""
