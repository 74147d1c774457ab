"""The ledger port: subscriptions and their owners."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from billing.model import (
    Binding,
    BoundBy,
    Checkout,
    MemberState,
    Notice,
    Subscription,
    SubscriptionKey,
)
from billing.ports.records import RecordedSubscription, UnboundSale


class SubscriptionLedger(Protocol):
    """Subscriptions, their owners, and the checkouts that led to them."""

    async def load_subscription(self, key: SubscriptionKey) -> Subscription | None:
        """The subscription as last fetched, with its binding; None if it is not recorded."""

    async def load_with_member(self, key: SubscriptionKey) -> tuple[Subscription | None, MemberState | None]:
        """The subscription, and all data that decides its member's roles if it has an owner, in one
        consistent read."""

    async def load_known(self, provider: str, account: str, ids: Sequence[str]) -> list[RecordedSubscription]:
        """Return the given subscriptions that are in the ledger, in no particular order."""

    async def load_subscriptions_of(self, member_id: int) -> list[Subscription]:
        """All subscriptions of this person in every server, newest first."""

    async def load_members_subscriptions(self, guild_id: int, after: int, limit: int) -> list[Subscription]:
        """All subscriptions of a server's next `limit` members that have any, ordered by the members' ids,
        each greater than `after`."""

    async def load_customer_subscriptions(
        self, provider: str, account: str, customer_id: str
    ) -> list[SubscriptionKey]:
        """All recorded subscriptions of one customer."""

    async def load_unbound(
        self, provider: str, account: str, sales: Collection[int], after: int, limit: int
    ) -> list[tuple[int, Subscription]]:
        """Up to `limit` running subscriptions without owner for one of these sales (see
        `load_unbound_sales`), ordered by number, each with its number, which is greater than `after`."""

    async def load_unbound_sales(
        self, provider: str, account: str, after: int, limit: int
    ) -> list[UnboundSale]:
        """Up to `limit` combinations of prices among running subscriptions without owner, ordered by id, each
        with an id greater than `after`."""

    async def load_living(
        self, provider: str, account: str, after: int, limit: int
    ) -> list[tuple[int, SubscriptionKey]]:
        """Subscriptions that have not ended and whose number is greater than `after`, ordered by number."""

    async def load_to_look_up(
        self, provider: str, account: str, opened_after: int, after: str, limit: int
    ) -> list[str]:
        """Up to `limit` ids of subscriptions that have not ended, and of payment pages created later than
        `opened_after` that led to none yet, ordered, each greater than `after`; for providers at which a page
        and its subscription share an id."""

    async def load_paying(
        self, guild_id: int, price: tuple[str, str, str], limit: int
    ) -> list[SubscriptionKey]:
        """Up to `limit` subscriptions of a server that have not ended and are charged this price.

        `price`: as in `Price.key`.
        """

    async def load_homes(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Up to `limit` providers and accounts of which subscriptions are recorded, ordered, each greater
        than `after`."""

    async def load_running(
        self, guild_id: int, home: tuple[str, str], after: int, limit: int
    ) -> list[tuple[int, SubscriptionKey, int]]:
        """Up to `limit` subscriptions of a server at this provider and account that have not ended, ordered
        by number, each with its number, which is greater than `after`, and the id of its member."""

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
        """Bind a subscription to a member.

        Also bind its customer, unless a person made the binding, because one customer may pay for others.
        Conflict if it belongs to somebody else. Binding it again can only raise its certainty
        (`bound_by`).
        """

    async def record_unbound(
        self, key: SubscriptionKey, guild_id: int, who: str, at: int, kept: Sequence[int]
    ) -> Binding:
        """Undo a binding that a person made; returns it.

        `kept`: roles that the member had before and that the bot may no longer take. Conflict if there is
        no such binding in this server.
        """

    async def record_managed(self, key: SubscriptionKey, member_id: int, at: int) -> None:
        """Record, once in history, that the member was given a link to the provider's page.

        Does nothing if the subscription is not theirs.
        """

    async def load_managed(self, guild_id: int, member_id: int) -> list[SubscriptionKey]:
        """The member's subscriptions in that server for which they were given such a link."""

    async def record_checkout(self, checkout: Checkout) -> None:
        """Insert a checkout, or replace the one with this id."""

    async def load_checkout(self, checkout_id: str) -> Checkout | None:
        """The checkout with our opaque id; None if there is none."""

    async def load_returned(self, return_ids: Sequence[str]) -> list[Checkout]:
        """The payment pages with these return ids, except those whose subscription is recorded and past its
        first payment."""

    async def load_unfinished(self, member_id: int, opened_after: int, limit: int) -> list[Checkout]:
        """A member's payment pages in all servers, newest first: those created after that moment that led to
        nothing yet, and those whose subscription awaits its first payment."""

    async def load_free_days(self, guild_id: int, member_id: int) -> frozenset[int]:
        """The roles for which a member already had free days, by a subscription recorded during its trial."""

    async def load_open_checkouts(
        self,
        provider: str,
        account: str,
        guild_id: int,
        member_id: int | None,
        opened_after: int,
        after: str,
        limit: int,
    ) -> list[Checkout]:
        """Up to `limit` payment pages in a server, created later than `opened_after`, that led to nothing
        yet, ordered by id, each with an id greater than `after`; a member's, or everybody's if `member_id` is
        None."""
