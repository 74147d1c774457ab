"""Who took a payment back and won that against the server cannot buy again by themselves."""

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
    """The member pays for the first of two plans."""
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
async def test_who_paid_it_themselves_can_buy_nothing_until_an_admin_lifts_it(
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


async def test_bought_again_through_an_old_page_it_gives_nothing_and_is_stopped(
    selling: RulesHarness,
) -> None:
    await lose(selling)
    await selling.subscribe("sub_2")
    assert selling.roles_of() == set()
    assert selling.provider.subscriptions["sub_2"].ends_at is not None


async def test_what_the_block_stopped_renews_again_once_it_is_lifted(selling: RulesHarness) -> None:
    await lose(selling)
    await selling.subscribe("sub_2")
    await lift(selling.ports, GUILD, "lost-dp_1", ADMIN)
    await selling.settle()
    assert selling.provider.subscriptions["sub_2"].ends_at is None
    assert selling.roles_of() == {ROLE}


async def test_what_is_lifted_once_comes_back_by_no_later_word_on_the_same_dispute(
    selling: RulesHarness,
) -> None:
    await lose(selling)
    await lift(selling.ports, GUILD, "lost-dp_1", ADMIN)
    await lose(selling)
    assert (await offered(selling)).block is None
    await lose(selling, "dp_2")
    assert (await offered(selling)).block is not None


async def test_a_linked_holder_for_whom_another_pays_is_not_blocked(selling: RulesHarness) -> None:
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


async def test_what_they_pay_for_otherwise_goes_on(selling: RulesHarness) -> None:
    await selling.subscribe("sub_2", items=(Item(SILVER),))
    await lose(selling)
    assert selling.roles_of() == {SECOND_ROLE}
    assert selling.provider.subscriptions["sub_2"].ends_at is None
    assert (await offered(selling)).block is not None


async def test_what_an_admin_gave_stays(selling: RulesHarness) -> None:
    grant = make_override(1, OverrideKind.GRANT, decision_id="gift")
    await selling.ledger.record_overrides([grant], [], [], selling.now)
    await lose(selling)
    assert selling.roles_of() == {ROLE}
    assert (await offered(selling, 2)).block is not None


def test_the_brake_counts_what_a_rule_takes() -> None:
    """A fault at a provider may call many disputes lost at once."""
    plan, block = make_plan(), make_override(1)
    assert ordered_roles([plan], [block], 5) == {ROLE}
    assert ordered_roles([plan], [replace(block, by=RULE)], 5) == frozenset()
