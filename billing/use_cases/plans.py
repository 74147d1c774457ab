"""Lets admins add, change and remove the plans that a server sells."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from billing.errors import Conflict, NotFound
from billing.model import Plan, Price
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.names import find_unseen, twin_key

NAME_LIMIT = 60
DESCRIPTION_LIMIT = 300
TRIAL_LIMIT = 730  # days; Stripe's own limit, 'Checkout Session: subscription_data.trial_period_days'


@dataclass(frozen=True, slots=True)
class PlanUpdate:
    """Changes to a plan; None keeps a value.

    `price_ids` maps a provider's name to the id of its price; an empty id takes the plan off sale there.
    `deleted`: roles that Discord no longer has, which nobody can select for removal.
    """

    name: str | None = None
    description: str | None = None
    hidden: bool | None = None
    trial_days: int | None = None
    add_role: int | None = None
    remove_role: int | None = None
    deleted: frozenset[int] = frozenset()
    price_ids: Mapping[str, str] | None = None


async def load_plan_of(ports: Ports, guild_id: int, plan_id: int, *, removed: bool = False) -> Plan:
    """Return a plan of this server.

    Raises NotFound for any other plan, whether it exists or not, and for a removed one unless `removed` is
    set.
    """
    plan = await ports.ledger.load_plan(plan_id)
    if plan is None or plan.guild_id != guild_id or (plan.removed_at is not None and not removed):
        raise NotFound(Text("error.no_such_plan_for_admin"))
    return plan


async def add_plan(ports: Ports, guild_id: int, edit: PlanUpdate, by: int) -> Plan:
    """Add a plan; it needs a name, a role and at least one price that its provider knows.

    Raises Conflict if one of these is missing or not allowed, and ProviderError if a price cannot be fetched.
    """
    if not edit.name or edit.add_role is None:
        raise Conflict(Text("error.plan_needs_name_and_role"))
    async with _turn(ports, guild_id):
        plan = await _edited(ports, Plan(0, guild_id, "", ()), edit)
        if not plan.prices:
            raise Conflict(Text("error.plan_needs_price"))
        return await ports.ledger.record_plan(plan, str(by), ports.now())


async def edit_plan(ports: Ports, guild_id: int, plan_id: int, edit: PlanUpdate, by: int) -> Plan:
    """Change a plan; members who pay an earlier price keep it.

    Of a removed plan, only the roles can be changed, for those who still pay for it; raises Conflict for
    anything else.
    """
    async with _turn(ports, guild_id):
        plan = await load_plan_of(ports, guild_id, plan_id, removed=True)
        if plan.removed_at is not None:
            _require_roles_only(plan, edit)
        return await ports.ledger.record_plan(await _edited(ports, plan, edit), str(by), ports.now())


def _require_roles_only(plan: Plan, edit: PlanUpdate) -> None:
    rest = replace(edit, add_role=None, remove_role=None, deleted=frozenset(), price_ids=None)
    if rest != PlanUpdate() or edit.price_ids:
        raise Conflict(Text("error.plan_not_on_sale", plan=plan.name))


async def remove_plan(ports: Ports, guild_id: int, plan_id: int, by: int) -> Plan:
    """Take a plan off sale; members who have paid keep their roles. Raises NotFound if it is not on sale."""
    plan = await load_plan_of(ports, guild_id, plan_id)
    return await ports.ledger.record_plan(replace(plan, removed_at=ports.now()), str(by), ports.now())


async def map_product(
    ports: Ports, guild_id: int, plan_id: int, provider: str, price_id: str, by: int
) -> Plan:
    """Count a price, and with it its product, as this plan without putting it on sale.

    Raises NotFound if the plan is not on sale, and ProviderError if the price cannot be fetched.
    """
    async with _turn(ports, guild_id):
        plan = await load_plan_of(ports, guild_id, plan_id)
        price = await _fetch_price(ports, provider, price_id)
        if price not in (*plan.prices, *plan.former_prices):
            plan = replace(plan, former_prices=(*plan.former_prices, price))
        return await ports.ledger.record_plan(plan, str(by), ports.now())


def _turn(ports: Ports, guild_id: int) -> asyncio.Lock:
    """Return the lock for changes to a server's plans, so that no change undoes a simultaneous one."""
    return ports.locks.lock(("plans", guild_id))


async def _edited(ports: Ports, plan: Plan, edit: PlanUpdate) -> Plan:
    plan = replace(
        plan,
        name=plan.name if edit.name is None else await _name(ports, plan, edit.name),
        description=_bounded(plan.description if edit.description is None else edit.description),
        hidden=plan.hidden if edit.hidden is None else edit.hidden,
        trial_days=_trial(plan.trial_days if edit.trial_days is None else edit.trial_days),
        role_ids=_roles(plan, edit),
    )
    for provider, price_id in (edit.price_ids or {}).items():
        others = tuple(p for p in plan.prices if p.provider != provider)
        price = (await _fetch_price(ports, provider, price_id.strip()),) if price_id.strip() else ()
        for chosen in price:
            _require_payable(chosen)
        plan = replace(plan, prices=(*others, *price))
    return plan


def _require_payable(price: Price) -> None:
    if price.amount is None:
        raise Conflict(
            Text("error.price_not_fixed", price=Verbatim(price.id), provider=display_name(price.provider))
        )
    if price.amount == 0:
        raise Conflict(
            Text("error.price_is_zero", price=Verbatim(price.id), provider=display_name(price.provider))
        )
    if not price.active:
        raise Conflict(
            Text("error.price_inactive", price=Verbatim(price.id), provider=display_name(price.provider))
        )


async def _name(ports: Ports, plan: Plan, name: str) -> str:
    """Return the normalized name.

    Raises Conflict if it is too long, empty or contains an invisible character, or if people could confuse it
    with the name of another plan of the server. A plan may always keep its current name.
    """
    name = " ".join(name.split())
    if plan.id and name == plan.name:
        return name
    if (hidden := find_unseen(name)) is not None:
        raise Conflict(Text("error.name_unseen", character=Verbatim(f"U+{ord(hidden):04X}")))
    if not 0 < len(name) <= NAME_LIMIT or not twin_key(name):
        raise Conflict(Text("error.name_length", most=NAME_LIMIT))
    for other in await ports.ledger.load_plans(plan.guild_id):
        if other.id != plan.id and twin_key(other.name) == twin_key(name):
            raise Conflict(Text("error.name_taken", plan=other.name))
    return name


def _bounded(description: str) -> str:
    if len(description) > DESCRIPTION_LIMIT:
        raise Conflict(Text("error.description_length", most=DESCRIPTION_LIMIT))
    return description.strip()


def _trial(days: int | None) -> int | None:
    if days is not None and not 0 <= days <= TRIAL_LIMIT:
        raise Conflict(Text("error.trial_length", most=TRIAL_LIMIT))
    return days


def _roles(plan: Plan, edit: PlanUpdate) -> tuple[int, ...]:
    roles = [r for r in plan.role_ids if r != edit.remove_role and r not in edit.deleted]
    if edit.add_role is not None and edit.add_role not in roles:
        roles.append(edit.add_role)
    if not roles and edit.remove_role is None:
        return plan.role_ids  # all were deleted in Discord and no new one is chosen yet
    if not roles:
        raise Conflict(Text("error.plan_needs_role"))
    return tuple(roles)


async def _fetch_price(ports: Ports, provider_name: str, price_id: str) -> Price:
    provider = ports.providers.get(provider_name)
    if provider is None:
        raise Conflict(Text("error.provider_not_set_up", provider=display_name(provider_name)))
    return await provider.fetch_price(price_id)
