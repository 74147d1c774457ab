"""The owner of a subscription whose payment page the ledger does not know, from data at the provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.model import Binding, BoundBy, Claim, Status, Subscription
from billing.ports import SyncResult
from billing.use_cases.sweep import sweep
from tests.rules.builders import (
    DAY,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    OTHER_MEMBER,
    ROLE,
    make_checkout,
    make_key,
    make_override,
    make_subscription,
)
from tests.rules.harness import RulesHarness

OURS = Claim(MEMBER, GUILD, proven=True, current=True)


async def found(world: RulesHarness, claim: Claim | None = OURS, **more: Any) -> Subscription:
    """An event about a sale that this ledger does not know."""
    return await world.change(make_subscription(at=world.now, claim=claim, **more))


async def test_an_id_that_dues_wrote_binds_a_subscription(world: RulesHarness) -> None:
    await world.add_plan()
    recorded = await found(world, checkout_id="lost")
    assert recorded.binding == Binding(GUILD, MEMBER)
    assert recorded.bound_by is BoundBy.PROVIDER
    assert recorded.is_payers
    assert world.roles_of() == {ROLE}


async def test_a_member_found_in_an_older_purchase_is_not_thanked(world: RulesHarness) -> None:
    await world.add_plan()
    await found(world)
    assert world.told("started") == []


@pytest.mark.parametrize(
    "claim", [None, Claim(MEMBER, GUILD), Claim(MEMBER, None), replace(OURS, proven=False)]
)
async def test_an_id_that_others_may_have_written_binds_nothing(
    world: RulesHarness, claim: Claim | None
) -> None:
    await world.add_plan()
    assert (await found(world, claim)).binding is None
    assert world.roles_of() == set()


async def test_a_subscription_is_not_bound_in_a_server_without_the_bot(world: RulesHarness) -> None:
    await world.add_plan()
    world.roles.left.add(GUILD)
    assert (await found(world)).binding is None
    world.roles.left.clear()
    await sweep(world.ports)
    await world.settle()
    assert (await world.recorded()).binding == Binding(GUILD, MEMBER), "it was invited, months later too"


async def test_a_checkout_in_the_ledger_takes_precedence_over_the_claim(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout())
    recorded = await found(world, replace(OURS, member_id=OTHER_MEMBER), checkout_id="ours_1")
    assert recorded.binding == Binding(GUILD, MEMBER)
    assert recorded.bound_by is BoundBy.PAGE


async def test_a_copied_claim_binds_nothing_if_the_ledger_knows_the_checkout(
    world: RulesHarness,
) -> None:
    """The page led to another subscription."""
    await world.add_plan()
    await world.subscribe()
    copied = make_subscription("sub_2", at=world.now, claim=OURS, checkout_id="ours_sub_1")
    assert (await world.change(copied)).binding is None


async def test_a_binding_stays_whatever_is_written_later(world: RulesHarness) -> None:
    await world.add_plan()
    await found(world)
    later = await found(world, replace(OURS, member_id=OTHER_MEMBER, guild_id=OTHER_GUILD))
    assert later.binding == Binding(GUILD, MEMBER)


async def test_one_sweep_of_an_empty_ledger_finds_every_payer(world: RulesHarness) -> None:
    await world.add_plan()
    members = range(20, 40)
    for member in members:
        name = f"sub_{member}"
        claim = replace(OURS, member_id=member)
        world.provider.subscriptions[name] = make_subscription(name, claim=claim, checkout_id=f"co_{member}")
    assert await sweep(world.ports) == []
    await world.settle()
    for member in members:
        assert (await world.recorded(f"sub_{member}")).binding == Binding(GUILD, member)
        assert world.roles_of(member) == {ROLE}
    world.provider.calls.clear()
    await sweep(world.ports)
    await world.settle()
    assert [name for name, _ in world.provider.calls] == ["list_subscriptions", "list_disputes"]


async def test_a_subscription_is_bound_before_its_plan_is_on_sale_again(world: RulesHarness) -> None:
    world.provider.subscriptions["sub_1"] = make_subscription(claim=OURS)
    await sweep(world.ports)
    await world.settle()
    assert (await world.recorded()).binding == Binding(GUILD, MEMBER)
    await world.add_plan()
    await world.settle()
    assert world.roles_of() == {ROLE}


async def test_a_role_granted_by_a_lost_ledger_goes_with_its_subscription(world: RulesHarness) -> None:
    """The ledger that gave the role is lost; the role remains in Discord."""
    world.roles_of().add(ROLE)
    await world.add_plan()
    recorded = await found(world)
    assert world.roles.changes() == []
    await world.change(replace(recorded, status=Status.ENDED, ended_at=world.now))
    assert world.roles_of() == set()


async def test_a_role_from_before_a_purchase_stays_after_it_ends(world: RulesHarness) -> None:
    world.roles_of().add(ROLE)
    await world.add_plan()
    recorded = await world.subscribe()
    await world.change(replace(recorded, status=Status.ENDED, ended_at=world.now))
    assert world.roles_of() == {ROLE}


async def test_a_revocation_holds_for_a_subscription_found_later(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_overrides([make_override()], [], [], world.now)
    await found(world)
    assert world.roles_of() == set()
    assert world.provider.count("cancel_at_period_end") == 1, "and nobody is billed on for nothing"


async def test_a_member_is_thanked_when_a_pending_payment_arrives(world: RulesHarness) -> None:
    """Every sale by Dues carries this data, but the page is known as well."""
    await world.add_plan()
    pending = await world.subscribe(status=Status.PENDING, claim=OURS)
    assert world.told("started") == []
    await world.change(replace(pending, status=Status.ACTIVE, claim=OURS))
    assert len(world.told("started")) == 1


async def test_proof_from_the_provider_replaces_an_admins_link(world: RulesHarness) -> None:
    await world.add_plan()
    await found(world, None)
    linked = replace(make_subscription(at=world.now), binding=Binding(GUILD, MEMBER), bound_by=BoundBy.ADMIN)
    await world.ledger.record_synced(SyncResult(linked, "99", "linked", "test", world.now))
    assert not (await world.recorded()).is_payers
    again = await found(world, replace(OURS, member_id=OTHER_MEMBER))
    assert (again.binding, again.bound_by) == (Binding(GUILD, MEMBER), BoundBy.ADMIN)
    assert (await found(world)).bound_by is BoundBy.PROVIDER
    await world.pass_time(DAY)
    assert (await world.recorded(make_key().id)).is_payers
