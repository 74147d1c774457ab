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
        """Return the subscription as last fetched, with its binding; None if it is not recorded."""

    async def load_with_member(self, key: SubscriptionKey) -> tuple[Subscription | None, MemberState | None]:
        """Return a subscription, and all data that decides the roles of its member, in one consistent read.

        Either is None if it is not recorded or has no owner.
        """

    async def load_known(self, provider: str, account: str, ids: Sequence[str]) -> list[RecordedSubscription]:
        """Return the given subscriptions that are in the ledger, in no particular order."""

    async def load_subscriptions_of(self, member_id: int) -> list[Subscription]:
        """Return all subscriptions of this person in every server, newest first."""

    async def load_members_subscriptions(self, guild_id: int, after: int, limit: int) -> list[Subscription]:
        """Return all subscriptions of a server's next `limit` members that have any.

        They are ordered by the members' ids, each greater than `after`.
        """

    async def load_customer_subscriptions(
        self, provider: str, account: str, customer_id: str
    ) -> list[SubscriptionKey]:
        """Return the keys of all recorded subscriptions of one customer."""

    async def load_unbound(
        self, provider: str, account: str, sales: Collection[int], after: int, limit: int
    ) -> list[tuple[int, Subscription]]:
        """Return up to `limit` running subscriptions without owner, each with its number.

        They are ordered by number, each greater than `after`. `sales`: ids from `load_unbound_sales`; only
        subscriptions for one of these sales are returned.
        """

    async def load_unbound_sales(
        self, provider: str, account: str, after: int, limit: int
    ) -> list[UnboundSale]:
        """Return up to `limit` combinations of prices among running subscriptions without owner.

        They are ordered by id, each with an id greater than `after`.
        """

    async def load_living(
        self, provider: str, account: str, after: int, limit: int
    ) -> list[tuple[int, SubscriptionKey]]:
        """Return up to `limit` subscriptions that have not ended, each with its number.

        They are ordered by number, each greater than `after`.
        """

    async def load_to_look_up(
        self, provider: str, account: str, opened_after: int, after: str, limit: int
    ) -> list[str]:
        """Return up to `limit` ids of subscriptions that have not ended, and of payment pages without one.

        Only pages created after `opened_after` (unix seconds). The ids are ordered, each greater than
        `after`. For providers at which a page and its subscription share an id.
        """

    async def load_paying(
        self, guild_id: int, price: tuple[str, str, str], limit: int
    ) -> list[SubscriptionKey]:
        """Return up to `limit` subscriptions of a server that have not ended and are charged this price.

        `price`: as in `Price.key`.
        """

    async def load_homes(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return up to `limit` pairs of provider and account that have recorded subscriptions.

        They are ordered, each greater than `after`.
        """

    async def load_running(
        self, guild_id: int, home: tuple[str, str], after: int, limit: int
    ) -> list[tuple[int, SubscriptionKey, int]]:
        """Return up to `limit` subscriptions of a server at this provider and account that have not ended.

        Each comes with its number and the id of its member. They are ordered by number, each greater than
        `after`.
        """

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

        Also binds its customer, unless a person made the binding, because one customer may pay for others.
        Binding it again can only raise its certainty (`bound_by`). Raises Conflict if it belongs to somebody
        else.
        """

    async def record_unbound(
        self, key: SubscriptionKey, guild_id: int, who: str, at: int, kept: Sequence[int]
    ) -> Binding:
        """Undo a binding that a person made, and return it.

        `kept`: roles that the member had before and that the bot may no longer take. Raises Conflict if there
        is no such binding in this server.
        """

    async def record_managed(self, key: SubscriptionKey, member_id: int, at: int) -> None:
        """Record, once in history, that the member was given a link to the provider's page.

        Does nothing if the subscription is not theirs.
        """

    async def load_managed(self, guild_id: int, member_id: int) -> list[SubscriptionKey]:
        """Return the member's subscriptions in that server for which they were given a management link.

        `record_managed` records the links.
        """

    async def record_checkout(self, checkout: Checkout) -> None:
        """Insert a checkout, or replace the one with this id."""

    async def load_checkout(self, checkout_id: str) -> Checkout | None:
        """Return the checkout with our opaque id; None if there is none."""

    async def load_returned(self, return_ids: Sequence[str]) -> list[Checkout]:
        """Return the payment pages with these return ids that are not finished.

        A page is finished once its subscription is recorded and past its first payment.
        """

    async def load_unfinished(self, member_id: int, opened_after: int, limit: int) -> list[Checkout]:
        """Return up to `limit` unfinished payment pages of a member in all servers, newest first.

        These are the pages created after `opened_after` (unix seconds) that led to nothing yet, and those
        whose subscription awaits its first payment.
        """

    async def load_free_days(self, guild_id: int, member_id: int) -> frozenset[int]:
        """Return the roles for which a member already had free days.

        Counts every subscription that was recorded during its trial.
        """

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
        """Return up to `limit` payment pages in a server that led to nothing yet.

        Only pages created after `opened_after` (unix seconds), ordered by id, each with an id greater than
        `after`. `member_id` None: the pages of all members.
        """
