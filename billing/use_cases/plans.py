"""What a server sells, kept by its admins."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from billing.errors import Conflict, NotFound
from billing.model import Plan, Price
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.names import find_unseen, twin_key

NAME_LIMIT = 60
DESCRIPTION_LIMIT = 300
TRIAL_LIMIT = 730  # days; Stripe's own limit, 'Checkout Session: subscription_data.trial_period_days'


@dataclass(frozen=True, slots=True)
class PlanUpdate:
    """What an admin wants changed; None leaves a thing as it is. `price_ids` maps a provider's name to
    the id of its price; an empty id takes the plan off sale there. `deleted`: roles that Discord no longer
    has, which nobody can choose to remove."""

    name: str | None = None
    description: str | None = None
    hidden: bool | None = None
    trial_days: int | None = None
    add_role: int | None = None
    remove_role: int | None = None
    deleted: frozenset[int] = frozenset()
    price_ids: Mapping[str, str] | None = None


async def load_plan_of(ports: Ports, guild_id: int, plan_id: int, *, removed: bool = False) -> Plan:
    """A plan of this server, one that was removed only if wished; NotFound for any other, whether it exists
    or not."""
    plan = await ports.ledger.load_plan(plan_id)
    if plan is None or plan.guild_id != guild_id or (plan.removed_at is not None and not removed):
        raise NotFound("There is no such plan here. /plans list shows them.")
    return plan


async def add_plan(ports: Ports, guild_id: int, edit: PlanUpdate, by: int) -> Plan:
    """A new plan; needs a name, a role and at least one price that its provider knows."""
    if not edit.name or edit.add_role is None:
        raise Conflict("A plan needs a name and a role.")
    async with _turn(ports, guild_id):
        plan = await _edited(ports, Plan(0, guild_id, "", ()), edit)
        if not plan.prices:
            raise Conflict("A plan needs a price: give stripe_price or paypal_plan.")
        return await ports.ledger.record_plan(plan, str(by), ports.now())


async def edit_plan(ports: Ports, guild_id: int, plan_id: int, edit: PlanUpdate, by: int) -> Plan:
    """Change a plan; whoever paid an earlier price of it keeps it. Of one that was removed only roles, for
    who still pays for it."""
    async with _turn(ports, guild_id):
        plan = await load_plan_of(ports, guild_id, plan_id, removed=True)
        if plan.removed_at is not None:
            _require_roles_only(plan, edit)
        return await ports.ledger.record_plan(await _edited(ports, plan, edit), str(by), ports.now())


def _require_roles_only(plan: Plan, edit: PlanUpdate) -> None:
    rest = replace(edit, add_role=None, remove_role=None, deleted=frozenset(), price_ids=None)
    if rest != PlanUpdate() or edit.price_ids:
        raise Conflict(
            f"{plan.name} is no longer on sale, so only its roles can be changed, for those who pay for it "
            "still. To sell it again use /plans add with the same price."
        )


async def remove_plan(ports: Ports, guild_id: int, plan_id: int, by: int) -> Plan:
    """End its sale; who has paid keeps the roles."""
    plan = await load_plan_of(ports, guild_id, plan_id)
    return await ports.ledger.record_plan(replace(plan, removed_at=ports.now()), str(by), ports.now())


async def map_product(
    ports: Ports, guild_id: int, plan_id: int, provider: str, price_id: str, by: int
) -> Plan:
    """Let a price, and with it its product, count as this plan without being on sale."""
    async with _turn(ports, guild_id):
        plan = await load_plan_of(ports, guild_id, plan_id)
        price = await _fetch_price(ports, provider, price_id)
        if price not in (*plan.prices, *plan.former_prices):
            await _require_free(ports, plan, price)
            plan = replace(plan, former_prices=(*plan.former_prices, price))
        return await ports.ledger.record_plan(plan, str(by), ports.now())


def _turn(ports: Ports, guild_id: int) -> asyncio.Lock:
    """One change at a time: two plans made at once must not get the same price."""
    return ports.turns.lock(("plans", guild_id))


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
            await _require_free(ports, plan, chosen)
        plan = replace(plan, prices=(*others, *price))
    return plan


def _require_payable(price: Price) -> None:
    if price.amount is None:
        raise Conflict(
            f"`{price.id}` has no one amount at {display_name(price.provider)}: it goes by tiers or by what "
            "was used. A plan is sold at a fixed price: make one there, and use its id."
        )
    if price.amount == 0:
        raise Conflict(
            f"`{price.id}` costs nothing at {display_name(price.provider)}, so there is nothing to sell. "
            "Choose a price above zero, or give the role with /grant."
        )
    if not price.active:
        raise Conflict(
            f"`{price.id}` is switched off at {display_name(price.provider)}, so nobody could pay it. "
            "Activate it there, or choose another one."
        )


async def _require_free(ports: Ports, plan: Plan, price: Price) -> None:
    """A price says which plan was bought. With two of this server's behind it, or one that had it earlier,
    the older one's roles would be given; what other servers sell for it decides nothing here."""
    for other in await ports.ledger.load_plans(plan.guild_id):
        if other.id != plan.id and price.key in {p.key for p in (*other.prices, *other.former_prices)}:
            raise Conflict(
                f"Whoever pays `{price.id}` has the plan {other.name}. Make another price at "
                f"{display_name(price.provider)}, or end that plan with /plans remove: this one takes its "
                "payers over then."
            )


async def _name(ports: Ports, plan: Plan, name: str) -> str:
    """A name that people can tell from those of the server's other plans. The name that it has may stay."""
    name = " ".join(name.split())
    if plan.id and name == plan.name:
        return name
    if (hidden := find_unseen(name)) is not None:
        raise Conflict(
            f"This name holds a character that nobody can see (U+{ord(hidden):04X}), so members could not "
            "tell it from another plan's. Type the name anew without it."
        )
    if not 0 < len(name) <= NAME_LIMIT or not twin_key(name):
        raise Conflict(f"A plan's name has 1 to {NAME_LIMIT} characters that can be seen.")
    for other in await ports.ledger.load_plans(plan.guild_id):
        if other.id != plan.id and twin_key(other.name) == twin_key(name):
            raise Conflict(
                f"There is a plan called {other.name} already, and this name looks the same. Choose another "
                "name."
            )
    return name


def _bounded(description: str) -> str:
    if len(description) > DESCRIPTION_LIMIT:
        raise Conflict(f"A plan's description has at most {DESCRIPTION_LIMIT} characters.")
    return description.strip()


def _trial(days: int | None) -> int | None:
    if days is not None and not 0 <= days <= TRIAL_LIMIT:
        raise Conflict(f"A trial lasts 0 to {TRIAL_LIMIT} days.")
    return days


def _roles(plan: Plan, edit: PlanUpdate) -> tuple[int, ...]:
    roles = [r for r in plan.role_ids if r != edit.remove_role and r not in edit.deleted]
    if edit.add_role is not None and edit.add_role not in roles:
        roles.append(edit.add_role)
    if not roles and edit.remove_role is None:
        return plan.role_ids  # all were deleted, and none is in their place yet
    if not roles:
        raise Conflict("A plan needs at least one role. Add another one before you take this one out.")
    return tuple(roles)


async def _fetch_price(ports: Ports, provider_name: str, price_id: str) -> Price:
    provider = ports.providers.get(provider_name)
    if provider is None:
        raise Conflict(
            f"{display_name(provider_name)} is not set up for this bot, so its prices cannot be used."
        )
    return await provider.fetch_price(price_id)
