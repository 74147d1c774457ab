"""Lets an admin name the owner of a running subscription that has none, and undo that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.errors import Conflict, MemberGone, NotAllowed, NotFound, ProviderNotFound
from billing.model import Binding, BoundBy, Linked, Notice, Plan, Status, Subscription, SubscriptionKey
from billing.model.translatable_text import Text
from billing.ports import Ports
from billing.rules.access import block_on, plans_of
from billing.use_cases.selling_servers import load_sellers, sells_at
from billing.use_cases.sync import record_snapshot
from billing.use_cases.unowned_subscriptions import load_nobodys

NOT_HERE = Text("error.not_linkable")


@dataclass(frozen=True, slots=True)
class Ask:
    """An admin's request to link a subscription to a member.

    `owner`: the application's owner or a team member asks. `proposed`: the bot proposed the link, based on
    data at the provider.
    """

    guild_id: int
    member_id: int
    key: SubscriptionKey
    by: int
    owner: bool
    proposed: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was made.

    `had`: ids of the plans' roles that the member already had and that the bot did not give.
    """

    subscription: Subscription
    plans: tuple[Plan, ...]
    had: tuple[int, ...]


async def find_linkable(ports: Ports, ask: Ask) -> tuple[Subscription, list[Plan]]:
    """Fetch and record the subscription; return it with the plans of this server that it pays for.

    Raises NotFound, NotAllowed or Conflict before revealing anything if this admin may not link it.
    """
    provider = ports.provider_of(ask.key)
    if not await sells_at(ports.ledger, ask.guild_id, *ask.key.at):
        raise NotFound(NOT_HERE)
    shared = len(await load_sellers(ports.ledger, *ask.key.at)) > 1
    if shared and not ask.owner and not ask.proposed:
        raise NotAllowed(Text("error.account_shared"))
    async with ports.locks.lock(ask.key):
        try:
            snapshot = await provider.fetch_subscription(ask.key.id)
        except ProviderNotFound:
            raise NotFound(NOT_HERE) from None
        plans = plans_of(snapshot, await ports.ledger.load_plans(ask.guild_id, removed=True))
        if not plans or not snapshot.customer_id or snapshot.status in (Status.ENDED, Status.PENDING):
            raise NotFound(NOT_HERE)
        await record_snapshot(ports, provider, snapshot, str(ask.by), "fetched", "members_link")
    found = await ports.ledger.load_subscription(ask.key)
    if found is None:
        raise NotFound(NOT_HERE)
    _require_free(ask, found, snapshot)
    return found, plans


def _require_free(ask: Ask, found: Subscription, snapshot: Subscription) -> None:
    claim, wanted = snapshot.claim, Binding(ask.guild_id, ask.member_id)
    if found.binding == wanted:
        raise Conflict(Text("error.linked_already"))
    if found.binding is not None:
        raise Conflict(Text("error.taken"))
    if claim is not None and claim.guild_id not in (None, ask.guild_id) and not ask.owner:
        raise NotAllowed(Text("error.of_another_server"))
    if ask.proposed and (claim is None or claim.member_id != ask.member_id):
        raise Conflict(Text("error.not_proposed"))


async def link(ports: Ports, ask: Ask, subscription: Subscription, plans: list[Plan]) -> Link:
    """Bind the subscription to the member, who gets its roles but no access to the provider's pages.

    Raises the errors of `find_had`.
    """
    had = await find_had(ports, ask, plans)
    await bind(ports, ask, plans)
    return Link(subscription, tuple(plans), had)


async def find_had(ports: Ports, ask: Ask, plans: list[Plan]) -> tuple[int, ...]:
    """Return the roles of the plans that the member already has and that the bot did not give.

    Raises NotFound if the member is not in the server, and Conflict if a plan is revoked for them.
    """
    try:
        seen = await ports.roles.fetch_member(ask.guild_id, ask.member_id)
    except MemberGone:
        raise NotFound(Text("error.nobody_to_give_to")) from None
    state = await ports.ledger.load_member_state(ask.guild_id, ask.member_id)
    if block_on((plan.id for plan in plans), state.overrides) is not None:
        raise Conflict(Text("error.plan_revoked"))
    return tuple(role for role in _sold(plans) if role in seen.roles and role not in state.granted)


async def bind(ports: Ports, ask: Ask, plans: list[Plan]) -> None:
    """Record the member as the owner of a subscription that `find_linkable` allowed, and notify them."""
    name = " + ".join(plan.name for plan in plans)
    key = f"linked:{ask.key}:{ask.member_id}:{ports.now()}"
    notice = Notice(key, ask.guild_id, ask.member_id, Linked(name, ask.key), ports.now())
    whose, who = Binding(ask.guild_id, ask.member_id), str(ask.by)
    await ports.ledger.record_binding(
        ask.key, whose, who, "members_link", ports.now(), BoundBy.ADMIN, [notice]
    )


async def unlink(ports: Ports, guild_id: int, key: SubscriptionKey, by: int, had: int) -> Binding:
    """Undo a link and remove its roles, except those that the member had before.

    `had`: those roles, as a bit mask made by `had_mask`.
    """
    found = await ports.ledger.load_subscription(key)
    plans = plans_of(found, await ports.ledger.load_plans(guild_id, removed=True)) if found else []
    kept = [role for bit, role in enumerate(_sold(plans)) if had >> bit & 1]
    return await ports.ledger.record_unbound(key, guild_id, str(by), ports.now(), kept)


def had_mask(made: Link) -> int:
    """Return a bit mask of the link's roles that the member had before."""
    return mask_of(made.plans, made.had)


def mask_of(plans: Sequence[Plan], had: Sequence[int]) -> int:
    """Return a bit mask of the plans' roles that the member had before."""
    return sum(1 << bit for bit, role in enumerate(_sold(plans)) if role in had)


def _sold(plans: Sequence[Plan]) -> list[int]:
    return list(dict.fromkeys(role for plan in plans for role in plan.role_ids))


async def open_page(ports: Ports, guild_id: int, key: SubscriptionKey, by: int, *, owner: bool) -> Binding:
    """Record that the application's owner confirms the linked member as the payer.

    The member may then see the billing pages. Raises NotAllowed for anyone but the owner, and Conflict if the
    link was undone.
    """
    if not owner:
        raise NotAllowed(Text("error.owner_only"))
    found = await ports.ledger.load_subscription(key)
    if found is None or found.binding is None or found.binding.guild_id != guild_id:
        raise Conflict(Text("error.link_undone"))
    await ports.ledger.record_binding(key, found.binding, str(by), "button", ports.now(), BoundBy.OWNER)
    return found.binding


async def load_linkable(ports: Ports, guild_id: int, *, owner: bool) -> list[Subscription]:
    """Return the running subscriptions without an owner that this admin may link."""
    found = []
    for provider in ports.providers.values():
        home = (provider.name, provider.account)
        if await sells_at(ports.ledger, guild_id, *home) and (
            owner or len(await load_sellers(ports.ledger, *home)) == 1
        ):
            found += await load_nobodys(ports.ledger, provider, guild_id)
    return found
