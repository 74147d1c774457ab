"""Lists the subscriptions of a server's members, and their payment states."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from billing.model import Plan, Subscription
from billing.ports import Ports
from billing.rules.access import paid_plans
from billing.rules.payment_state import PaymentState, payment_state
from billing.rules.subscription_changes import is_begun
from billing.use_cases.stats import every_subscription


@dataclass(frozen=True, slots=True)
class ListFilter:
    """The subscriptions to list.

    `plan_id` None: those of every plan; `state` None: all that have not ended.
    """

    plan_id: int | None = None
    state: PaymentState | None = None

    def takes(self, listed: ListedSubscription) -> bool:
        """Return True if the filter includes the subscription."""
        if self.plan_id is not None and self.plan_id not in {plan.id for plan in listed.plans}:
            return False
        ended = listed.state is PaymentState.ENDED
        return not ended if self.state is None else listed.state is self.state


@dataclass(frozen=True, slots=True)
class ListedSubscription:
    """A member's subscription with its plans and its state."""

    subscription: Subscription
    plans: tuple[Plan, ...]
    state: PaymentState

    @property
    def member_id(self) -> int:
        """The id of the member who owns the subscription."""
        assert self.subscription.binding is not None
        return self.subscription.binding.member_id


async def list_members(
    ports: Ports, guild_id: int, wanted: ListFilter, after: int = 0
) -> AsyncIterator[ListedSubscription]:
    """Yield the wanted subscriptions in a server, ordered by member id, starting after the id `after`.

    Subscriptions that wait for their first payment are left out.
    """
    plans, now = await ports.ledger.load_plans(guild_id, removed=True), ports.now()
    async for sub in every_subscription(ports, guild_id, after):
        state = payment_state(sub.status, sub.unpaid_since, now, ports.grace)
        listed = ListedSubscription(sub, tuple(paid_plans(sub, plans)), state)
        if is_begun(sub) and wanted.takes(listed):
            yield listed


async def load_list_page(
    ports: Ports, guild_id: int, wanted: ListFilter, after: int, size: int
) -> tuple[list[ListedSubscription], int | None]:
    """Load about `size` wanted subscriptions; all those of a member are on the same page.

    Also returns the id of the member after whom the next page begins; None if this is the last page.
    """
    found: list[ListedSubscription] = []
    async for listed in list_members(ports, guild_id, wanted, after):
        if len(found) >= size and listed.member_id != found[-1].member_id:
            return found, found[-1].member_id
        found.append(listed)
    return found, None
