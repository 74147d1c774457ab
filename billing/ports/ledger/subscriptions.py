"""The ledger: subscriptions and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import Binding, BoundBy, Checkout, MemberState, Notice, Subscription, SubscriptionKey
from billing.ports.records import RecordedSubscription


class SubscriptionLedger(Protocol):
    """Subscriptions, whose they are, and the checkouts that led to them."""

    async def load_subscription(self, key: SubscriptionKey) -> Subscription | None:
        """As last fetched, with its binding."""

    async def load_with_member(self, key: SubscriptionKey) -> tuple[Subscription | None, MemberState | None]:
        """The subscription, and all that decides its member's roles where it is somebody's, in one consistent
        read."""

    async def load_known(self, provider: str, account: str, ids: Sequence[str]) -> list[RecordedSubscription]:
        """Those of these subscriptions that are recorded, in no order."""

    async def load_subscriptions_of(self, member_id: int) -> list[Subscription]:
        """All that are bound to this person, in every server, newest first."""

    async def load_customer_subscriptions(
        self, provider: str, account: str, customer_id: str
    ) -> list[SubscriptionKey]:
        """All recorded subscriptions of one customer."""

    async def load_unbound(self, provider: str, account: str) -> list[Subscription]:
        """Recorded subscriptions, not ended, that belong to nobody here."""

    async def load_living(
        self, provider: str, account: str, after: int, limit: int
    ) -> list[tuple[int, SubscriptionKey]]:
        """The recorded subscriptions that have not ended and whose number is beyond `after`, by number."""

    async def load_to_look_up(self, provider: str, account: str, opened_after: int) -> list[str]:
        """Ids of the recorded subscriptions that have not ended, and of the payment pages made after that
        moment that led to none yet: for providers where page and subscription are one."""

    async def load_paying(
        self, guild_id: int, price: tuple[str, str, str], limit: int
    ) -> list[SubscriptionKey]:
        """A server's subscriptions, not ended, that this price is charged for; `limit` of them at most.
        `price`: as `Price.key`."""

    async def load_running(self, guild_id: int) -> list[tuple[SubscriptionKey, int]]:
        """What has not ended of a server's subscriptions, with whose it is."""

    async def record_binding(
        self,
        key: SubscriptionKey,
        binding: Binding,
        who: str,
        evidence: str,
        at: int,
        bound_by: BoundBy = BoundBy.PAGE,
        notices: Sequence[Notice] = (),
    ) -> None:
        """Tie a subscription to a member, and its customer unless a person said so: one customer may pay for
        others. Conflict when it is somebody else's; binding it again may only make it better known."""

    async def record_unbound(
        self, key: SubscriptionKey, guild_id: int, who: str, at: int, kept: Sequence[int]
    ) -> Binding:
        """Undo what a person said; whose it was. `kept`: roles that the member had before and that are not
        ours any more. Conflict where it is not so bound in this server."""

    async def record_managed(self, key: SubscriptionKey, member_id: int, at: int) -> None:
        """Its member was given a link to the provider's page; once in history. Nothing for anybody else's."""

    async def load_managed(self, guild_id: int, member_id: int) -> list[SubscriptionKey]:
        """The member's subscriptions in that server that they were given such a link for."""

    async def record_checkout(self, checkout: Checkout) -> None:
        """Insert, or replace the row with this id."""

    async def load_checkout(self, checkout_id: str) -> Checkout | None:
        """By our opaque id."""

    async def load_returned(self, return_ids: Sequence[str]) -> list[Checkout]:
        """The payment pages that these ids lead back from, without those whose subscription is recorded and
        past its first payment."""

    async def load_unfinished(self, member_id: int, opened_after: int, limit: int) -> list[Checkout]:
        """A member's payment pages in all servers, the newest first: those made after that moment that led to
        nothing yet, and those whose subscription waits for its first payment."""

    async def load_free_days(self, guild_id: int, member_id: int) -> frozenset[int]:
        """The roles that a member had free days for, by a subscription that was recorded in them."""

    async def load_open_checkouts(
        self, provider: str, account: str, guild_id: int, member_id: int | None, opened_after: int
    ) -> list[Checkout]:
        """A member's payment pages in a server (None: everybody's), made after that moment, that led to
        nothing yet."""
