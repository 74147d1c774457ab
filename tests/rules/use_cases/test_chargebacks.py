"""A payer who won a dispute against the server cannot buy again by themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.model import RULE, BoundBy, Disputed, DisputeState, Item, OverrideKind
from billing.rules.brake import ordered_roles
from billing.use_cases.appeal import appeal
from billing.use_cases.lift import lift
from billing.use_cases.subscribe import Offer, offer
from tests.rules.builders import (
    ADMIN,
    GUILD,
    MEMBER,
    ROLE,
    SECOND_ROLE,
    make_override,
    make_plan,
    make_price,
)
from tests.rules.harness import RulesHarness

SILVER = make_price("price_2", "prod_2")


@pytest.fixture
async def selling(paying: RulesHarness) -> RulesHarness:
    """A member who pays for the first of two plans."""
    await paying.add_plan(make_plan(2, SECOND_ROLE, prices=(SILVER,)))
    return paying


async def lose(world: RulesHarness, name: str = "dp_1", sub: str = "sub_1") -> None:
    for state in (DisputeState.OPEN, DisputeState.LOST):
        world.provider.disputes[name] = (sub, state)
        await world.ring("dispute", name, f"evt_{name}_{state}_{len(world.provider.calls)}")
        await world.settle()


async def offered(world: RulesHarness, plan_id: int = 1) -> Offer:
    plan = await world.ledger.load_plan(plan_id)
    assert plan is not None
    return await offer(world.ports, GUILD, MEMBER, plan, pages=False)


@pytest.mark.parametrize("plan_id", [1, 2])
async def test_a_member_who_charged_back_cannot_buy_until_an_admin_lifts_the_block(
    selling: RulesHarness, plan_id: int
) -> None:
    await lose(selling)
    block = (await offered(selling, plan_id)).block
    assert block is not None
    assert block.by == RULE
    notice = selling.said(Disputed)[-1]
    assert notice.decision == block.decision_id
    assert await appeal(selling.ports, GUILD, MEMBER, block.decision_id)
    await lift(selling.ports, GUILD, block.decision_id, ADMIN)
    assert (await offered(selling, plan_id)).block is None


async def test_a_purchase_on_an_old_page_while_blocked_is_stopped(
    selling: RulesHarness,
) -> None:
    await lose(selling)
    await selling.subscribe("sub_2")
    assert selling.roles_of() == set()
    assert selling.provider.subscriptions["sub_2"].ends_at is not None


async def test_a_subscription_stopped_by_a_block_renews_after_its_lift(selling: RulesHarness) -> None:
    await lose(selling)
    await selling.subscribe("sub_2")
    await lift(selling.ports, GUILD, "lost-dp_1", ADMIN)
    await selling.settle()
    assert selling.provider.subscriptions["sub_2"].ends_at is None
    assert selling.roles_of() == {ROLE}


async def test_a_lifted_block_does_not_return_for_the_same_dispute(
    selling: RulesHarness,
) -> None:
    await lose(selling)
    await lift(selling.ports, GUILD, "lost-dp_1", ADMIN)
    await lose(selling)
    assert (await offered(selling)).block is None
    await lose(selling, "dp_2")
    assert (await offered(selling)).block is not None


async def test_a_linked_member_is_not_blocked_for_another_payers_chargeback(selling: RulesHarness) -> None:
    sub = await selling.recorded()
    linked = replace(sub, bound_by=BoundBy.ADMIN)
    await selling.ledger._writer.run(
        lambda db: db.execute("UPDATE subscriptions SET bound_by = ?", (linked.bound_by,))
    )
    await lose(selling)
    assert (await offered(selling)).block is None
    assert selling.said(Disputed)[-1].decision is None


async def test_an_inquiry_that_was_settled_with_a_refund_blocks_nobody(selling: RulesHarness) -> None:
    selling.provider.inquiries.add("dp_1")
    await lose(selling)
    assert (await offered(selling)).block is None


@pytest.mark.parametrize("state", [DisputeState.OPEN, DisputeState.WON, DisputeState.NONE])
async def test_a_dispute_that_is_not_lost_blocks_nobody(selling: RulesHarness, state: DisputeState) -> None:
    selling.provider.disputes["dp_1"] = ("sub_1", state)
    await selling.ring("dispute", "dp_1", "evt_dp")
    await selling.settle()
    assert await selling.ledger.load_overrides(GUILD, MEMBER, selling.now) == []


async def test_a_chargeback_leaves_the_members_other_subscriptions(selling: RulesHarness) -> None:
    await selling.subscribe("sub_2", items=(Item(SILVER),))
    await lose(selling)
    assert selling.roles_of() == {SECOND_ROLE}
    assert selling.provider.subscriptions["sub_2"].ends_at is None
    assert (await offered(selling)).block is not None


async def test_a_chargeback_leaves_an_admins_grant(selling: RulesHarness) -> None:
    grant = make_override(1, OverrideKind.GRANT, decision_id="gift")
    await selling.ledger.record_overrides([grant], [], [], selling.now)
    await lose(selling)
    assert selling.roles_of() == {ROLE}
    assert (await offered(selling, 2)).block is not None


def test_a_removal_after_a_chargeback_counts_for_the_brake() -> None:
    """A fault at a provider may report many disputes as lost at once."""
    plan, block = make_plan(), make_override(1)
    assert ordered_roles([plan], [block], 5) == {ROLE}
    assert ordered_roles([plan], [replace(block, by=RULE)], 5) == frozenset()
