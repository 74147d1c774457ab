"""Admins add, change and remove plans."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from billing.errors import Conflict, NotFound, ProviderNotFound, ProviderUnavailable
from billing.locks import KeyedLocks
from billing.model import Item, Plan
from billing.use_cases.plans import (
    DESCRIPTION_LIMIT,
    NAME_LIMIT,
    TRIAL_LIMIT,
    PlanUpdate,
    add_plan,
    edit_plan,
    load_plan_of,
    map_product,
    remove_plan,
)
from tests.rules.builders import (
    ADMIN,
    GUILD,
    OTHER_GUILD,
    ROLE,
    SECOND_ROLE,
    make_plan,
    make_price,
)
from tests.rules.harness import RulesHarness

SUPPORTER = PlanUpdate(name="Supporter", add_role=ROLE, price_ids={"stripe": "price_1"})


@pytest.fixture
async def plan(world: RulesHarness) -> Plan:
    world.provider.prices = {
        p.id: p for p in (make_price(), make_price("price_2"), make_price("price_3", "other"))
    }
    return await add_plan(world.ports, GUILD, SUPPORTER, ADMIN)


async def test_a_plan_is_added(world: RulesHarness, plan: Plan) -> None:
    assert plan == Plan(plan.id, GUILD, "Supporter", (ROLE,), (make_price(),))
    assert await world.ledger.load_plans(GUILD) == [plan]


@pytest.mark.parametrize(
    ("lacks", "says"),
    [
        ({"name": None}, "error.plan_needs_name_and_role"),
        ({"name": ""}, "error.plan_needs_name_and_role"),
        ({"name": "  "}, "error.name_length"),
        ({"name": "x" * (NAME_LIMIT + 1)}, "error.name_length"),
        ({"add_role": None}, "error.plan_needs_name_and_role"),
        ({"price_ids": None}, "error.plan_needs_price"),
        ({"price_ids": {"stripe": " "}}, "error.plan_needs_price"),
        ({"price_ids": {"paypal": "P-1"}}, "error.provider_not_set_up provider=PayPal"),
        ({"description": "x" * (DESCRIPTION_LIMIT + 1)}, "description"),
        ({"trial_days": -1}, "trial"),
        ({"trial_days": TRIAL_LIMIT + 1}, "trial"),
        ({"name": "supporter", "price_ids": {"stripe": "price_2"}}, "error.name_taken plan=Supporter"),
        ({}, "error.price_taken plan=Supporter price=price_1"),
    ],
)
async def test_an_incomplete_or_invalid_plan_is_refused(
    world: RulesHarness, plan: Plan, lacks: dict[str, Any], says: str
) -> None:
    with pytest.raises(Conflict, match=says):
        await add_plan(world.ports, GUILD, replace(SUPPORTER, **{"name": "Another", **lacks}), ADMIN)
    assert await world.ledger.load_plans(GUILD) == [plan]


@pytest.mark.parametrize(
    "edit",
    [
        PlanUpdate(description="x" * DESCRIPTION_LIMIT, trial_days=TRIAL_LIMIT),
        PlanUpdate(name="y" * NAME_LIMIT),
    ],
)
async def test_a_plan_at_every_limit_is_accepted(world: RulesHarness, plan: Plan, edit: PlanUpdate) -> None:
    await edit_plan(world.ports, GUILD, plan.id, edit, ADMIN)


@pytest.mark.parametrize("error", [ProviderNotFound("No such price."), ProviderUnavailable()])
async def test_a_price_that_cannot_be_fetched_cannot_be_sold(
    world: RulesHarness, error: ProviderNotFound
) -> None:
    world.provider.fail("fetch_price", error)
    with pytest.raises(type(error)):
        await add_plan(world.ports, GUILD, SUPPORTER, ADMIN)
    assert await world.ledger.load_plans(GUILD) == []


async def test_an_inactive_price_cannot_be_sold(world: RulesHarness, plan: Plan) -> None:
    world.provider.prices["price_3"] = make_price("price_3", active=False)
    with pytest.raises(Conflict, match=r"error.price_inactive"):
        await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(price_ids={"stripe": "price_3"}), ADMIN)
    assert await world.ledger.load_plans(GUILD) == [plan]


async def test_a_price_without_a_fixed_amount_can_only_be_mapped(world: RulesHarness, plan: Plan) -> None:
    world.provider.prices["price_3"] = replace(make_price("price_3"), amount=None)
    with pytest.raises(Conflict, match=r"error.price_not_fixed"):
        await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(price_ids={"stripe": "price_3"}), ADMIN)
    assert await world.ledger.load_plans(GUILD) == [plan]
    mapped = await map_product(world.ports, GUILD, plan.id, "stripe", "price_3", ADMIN)
    assert [price.id for price in mapped.former_prices] == ["price_3"]
    assert await world.ledger.load_plans(GUILD) != [plan]


async def test_an_edit_changes_only_what_it_names(world: RulesHarness, plan: Plan) -> None:
    await edit_plan(
        world.ports, GUILD, plan.id, PlanUpdate(description=" Thanks ", hidden=True, trial_days=3), ADMIN
    )
    edited = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(name=" Big   Supporter "), ADMIN)
    assert edited == replace(plan, name="Big Supporter", description="Thanks", hidden=True, trial_days=3)


async def test_roles_can_be_added_to_and_removed_from_a_plan(world: RulesHarness, plan: Plan) -> None:
    both = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(add_role=SECOND_ROLE), ADMIN)
    assert both.role_ids == (ROLE, SECOND_ROLE)
    again = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(add_role=SECOND_ROLE), ADMIN)
    assert again.role_ids == (ROLE, SECOND_ROLE)
    one = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(remove_role=ROLE), ADMIN)
    assert one.role_ids == (SECOND_ROLE,)
    with pytest.raises(Conflict, match=r"error.plan_needs_role"):
        await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(remove_role=SECOND_ROLE), ADMIN)


async def test_deleted_roles_leave_a_plan_once_it_has_others(world: RulesHarness, plan: Plan) -> None:
    deleted = frozenset({ROLE})
    kept = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(name="Other", deleted=deleted), ADMIN)
    assert (kept.name, kept.role_ids) == ("Other", (ROLE,))
    new = await edit_plan(
        world.ports, GUILD, plan.id, PlanUpdate(add_role=SECOND_ROLE, deleted=deleted), ADMIN
    )
    assert new.role_ids == (SECOND_ROLE,)


async def test_changed_plan_roles_reach_its_subscribers(world: RulesHarness, plan: Plan) -> None:
    await world.subscribe()
    await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(add_role=SECOND_ROLE), ADMIN)
    await world.settle()
    assert world.roles_of() == {ROLE, SECOND_ROLE}
    await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(remove_role=ROLE), ADMIN)
    await world.settle()
    assert world.roles_of() == {SECOND_ROLE}


async def test_a_subscriber_at_an_earlier_price_keeps_the_plan(world: RulesHarness, plan: Plan) -> None:
    await world.subscribe()
    edited = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(price_ids={"stripe": "price_3"}), ADMIN)
    assert [p.id for p in edited.prices] == ["price_3"]
    assert [p.id for p in edited.former_prices] == ["price_1"]
    await world.settle()
    assert world.roles_of() == {ROLE}


async def test_an_empty_price_id_takes_a_price_off_sale(world: RulesHarness, plan: Plan) -> None:
    edited = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(price_ids={"stripe": ""}), ADMIN)
    assert edited.prices == ()
    assert [p.id for p in edited.former_prices] == ["price_1"]


async def test_a_removed_plan_is_hidden_from_admins_and_kept_for_subscribers(
    world: RulesHarness, plan: Plan
) -> None:
    await world.subscribe()
    removed = await remove_plan(world.ports, GUILD, plan.id, ADMIN)
    assert removed.removed_at == world.now
    with pytest.raises(NotFound):
        await remove_plan(world.ports, GUILD, plan.id, ADMIN)
    await world.settle()
    assert world.roles_of() == {ROLE}
    assert (await add_plan(world.ports, GUILD, SUPPORTER, ADMIN)).id != plan.id


async def test_another_servers_plan_cannot_be_loaded_or_changed(world: RulesHarness, plan: Plan) -> None:
    for act in (
        load_plan_of(world.ports, OTHER_GUILD, plan.id),
        edit_plan(world.ports, OTHER_GUILD, plan.id, PlanUpdate(name="Stolen"), ADMIN),
        remove_plan(world.ports, OTHER_GUILD, plan.id, ADMIN),
        map_product(world.ports, OTHER_GUILD, plan.id, "stripe", "price_3", ADMIN),
        load_plan_of(world.ports, GUILD, 77),
    ):
        with pytest.raises(NotFound):
            await act
    assert await world.ledger.load_plans(GUILD) == [plan]


async def test_a_mapped_price_gives_its_payers_the_plan(world: RulesHarness, plan: Plan) -> None:
    await world.subscribe(items=(Item(make_price("price_3", "other")),))
    assert world.roles_of() == set()
    mapped = await map_product(world.ports, GUILD, plan.id, "stripe", "price_3", ADMIN)
    assert mapped.prices == plan.prices
    assert [p.id for p in mapped.former_prices] == ["price_3"]
    await world.settle()
    assert world.roles_of() == {ROLE}


class TestOnePriceForOnePlan:
    """The price alone says which plan was bought."""

    async def test_an_edit_cannot_take_another_plans_price(self, world: RulesHarness, plan: Plan) -> None:
        other = PlanUpdate(name="Other", add_role=SECOND_ROLE, price_ids={"stripe": "price_2"})
        second = await add_plan(world.ports, GUILD, other, ADMIN)
        with pytest.raises(Conflict, match=r"error.price_taken plan=Supporter"):
            await edit_plan(world.ports, GUILD, second.id, PlanUpdate(price_ids={"stripe": "price_1"}), ADMIN)
        with pytest.raises(Conflict, match=r"error.price_taken plan=Other"):
            await map_product(world.ports, GUILD, plan.id, "stripe", "price_2", ADMIN)
        assert await world.ledger.load_plans(GUILD) == [plan, second]

    async def test_a_new_plan_cannot_take_a_former_price_of_another(
        self, world: RulesHarness, plan: Plan
    ) -> None:
        await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(price_ids={"stripe": "price_3"}), ADMIN)
        with pytest.raises(Conflict, match=r"error.price_taken plan=Supporter"):
            await add_plan(world.ports, GUILD, replace(SUPPORTER, name="Other"), ADMIN)

    async def test_two_simultaneous_plans_cannot_both_get_a_price(
        self, world: RulesHarness, plan: Plan
    ) -> None:
        """Two processes have no lock in common, so that the ledger alone decides."""
        names = ("One", "Two")
        edits = [replace(SUPPORTER, name=name, price_ids={"stripe": "price_2"}) for name in names]
        apart = [replace(world.ports, locks=KeyedLocks()) for _ in names]
        made = await asyncio.gather(
            *(add_plan(ports, GUILD, edit, ADMIN) for ports, edit in zip(apart, edits, strict=True)),
            return_exceptions=True,
        )
        (refused,) = (one for one in made if isinstance(one, Conflict))
        (added,) = (one for one in made if isinstance(one, Plan))
        assert str(refused) == f"error.price_taken plan={added.name} price=price_2 provider=Stripe"

    async def test_a_plans_own_price_and_another_servers_price_can_be_used(
        self, world: RulesHarness, plan: Plan
    ) -> None:
        same = PlanUpdate(description="More words", price_ids={"stripe": "price_1"})
        assert (await edit_plan(world.ports, GUILD, plan.id, same, ADMIN)).prices == plan.prices
        assert (await add_plan(world.ports, OTHER_GUILD, SUPPORTER, ADMIN)).prices == plan.prices


async def test_mapping_a_price_that_is_on_sale_leaves_it_on_sale(world: RulesHarness, plan: Plan) -> None:
    assert await map_product(world.ports, GUILD, plan.id, "stripe", "price_1", ADMIN) == plan


@pytest.mark.parametrize(
    "edit",
    [
        PlanUpdate(name="New"),
        PlanUpdate(description="x"),
        PlanUpdate(hidden=False),
        PlanUpdate(trial_days=0),
        PlanUpdate(price_ids={"stripe": "price_1"}),
        PlanUpdate(price_ids={"stripe": ""}, add_role=7),
    ],
)
async def test_only_the_roles_of_a_removed_plan_can_be_changed(
    world: RulesHarness, plan: Plan, edit: PlanUpdate
) -> None:
    await remove_plan(world.ports, GUILD, plan.id, ADMIN)
    with pytest.raises(Conflict, match=r"error.plan_not_on_sale"):
        await edit_plan(world.ports, GUILD, plan.id, edit, ADMIN)
    changed = await edit_plan(world.ports, GUILD, plan.id, PlanUpdate(add_role=7, price_ids={}), ADMIN)
    assert changed.role_ids == (*plan.role_ids, 7)
    assert changed.removed_at is not None
    with pytest.raises(NotFound):
        await edit_plan(world.ports, OTHER_GUILD, plan.id, PlanUpdate(add_role=7), ADMIN)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\u3164", "error.name_unseen character=U.3164"),
        ("Support\u2800er", "error.name_unseen character=U.2800"),
        ("\u115fSupporter", "error.name_unseen"),
        ("Sup\u200bporter", "error.name_unseen"),
        ("ｓｕｐｐｏｒｔｅｒ", "error.name_taken"),
        ("Suppоrter", "error.name_taken"),
        ("  ", "error.name_length"),
    ],
)
async def test_an_invisible_or_confusable_plan_name_is_refused(
    world: RulesHarness, plan: Plan, name: str, said: str
) -> None:
    second = replace(SUPPORTER, price_ids={"stripe": "price_2"})
    with pytest.raises(Conflict, match=said):
        await add_plan(world.ports, GUILD, replace(second, name=name), ADMIN)
    other = await add_plan(world.ports, GUILD, replace(second, name="Other"), ADMIN)
    with pytest.raises(Conflict, match=said):
        await edit_plan(world.ports, GUILD, other.id, PlanUpdate(name), ADMIN)
    assert {p.name for p in await world.ledger.load_plans(GUILD)} == {plan.name, "Other"}


async def test_a_confusable_name_of_an_older_version_can_stay(world: RulesHarness) -> None:
    """Confusable names of an earlier version stay, and such plans can otherwise be edited."""
    composed, apart = "Caf\u00e9\u3164", "Cafe\u0301\u3164"
    await world.add_plan(replace(make_plan(1), name=composed))
    second = replace(make_plan(2, prices=(make_price("price_2", "prod_2"),)), name=apart)
    await world.add_plan(second)
    edited = await edit_plan(world.ports, GUILD, 2, PlanUpdate(description="Still here", hidden=True), ADMIN)
    assert (edited.name, edited.description) == (apart, "Still here")
    assert (await edit_plan(world.ports, GUILD, 2, PlanUpdate(apart), ADMIN)).name == apart
