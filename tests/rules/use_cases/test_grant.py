"""An admin gives a plan without payment, and takes it back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import Conflict, NotFound
from billing.model import Granted, GrantEnded, Plan
from billing.use_cases.grant import GrantRequest, Held, grant, load_held, take_grant_back
from billing.use_cases.lift import lift
from billing.use_cases.revoke import load_grants, revoke
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    NOW,
    OTHER_GUILD,
    ROLE,
    make_key,
    make_revoke_request,
)
from tests.rules.harness import RulesHarness


@pytest.fixture
async def plan(world: RulesHarness) -> Plan:
    return await world.add_plan()


def order(plan: Plan, days: int | None = 10, reason: str = "helper") -> GrantRequest:
    return GrantRequest(GUILD, MEMBER, plan, days, reason, ADMIN)


class TestGrant:
    async def test_a_grant_for_days_gives_the_roles_until_its_end(
        self, world: RulesHarness, plan: Plan
    ) -> None:
        made = await grant(world.ports, order(plan))
        await world.settle()
        assert world.roles_of() == {ROLE}
        until = world.now + 10 * DAY
        assert made.override.until == until
        assert world.said(Granted) == [Granted("Plan 1", until, "helper", given=(ROLE,))]
        await world.pass_time(10 * DAY)
        assert world.roles_of() == set()

    async def test_a_grant_without_days_is_permanent(self, world: RulesHarness, plan: Plan) -> None:
        await grant(world.ports, order(plan, None))
        await world.pass_time(4_000 * DAY)
        assert world.roles_of() == {ROLE}
        with pytest.raises(Conflict, match=r"error.granted_for_good"):
            await grant(world.ports, order(plan))

    async def test_the_history_of_a_grant_names_admin_and_reason(
        self, world: RulesHarness, plan: Plan
    ) -> None:
        made = await grant(world.ports, order(plan))
        (row,) = await world.ledger.load_history(GUILD, MEMBER, 9)
        assert (row.who, row.why, row.evidence) == (str(ADMIN), "helper", made.override.decision_id)
        assert row.after.startswith("grant plan=1")

    async def test_a_removed_plan_cannot_be_granted(self, world: RulesHarness, plan: Plan) -> None:
        with pytest.raises(Conflict, match=r"error.plan_removed"):
            await grant(world.ports, order(replace(plan, removed_at=1)))

    @pytest.mark.parametrize("plan_id", [None, 1])
    async def test_a_revoked_member_cannot_be_granted_the_plan(
        self, world: RulesHarness, plan: Plan, plan_id: int | None
    ) -> None:
        await revoke(world.ports, replace(NOW, plan_id=plan_id))
        with pytest.raises(Conflict, match=r"error.plan_revoked"):
            await grant(world.ports, order(plan))
        assert await load_grants(world.ports, NOW) == []

    async def test_the_longer_of_two_grants_counts(self, world: RulesHarness, plan: Plan) -> None:
        longer = await grant(world.ports, order(plan, 20))
        shorter = await grant(world.ports, order(plan, 5))
        assert shorter.earlier is not None
        assert shorter.earlier.decision_id == longer.override.decision_id
        assert [held.until for held in await load_held(world.ports, MEMBER)] == [longer.override.until]

    async def test_a_granted_member_who_pays_is_told_that_billing_goes_on(self, paying: RulesHarness) -> None:
        (plan,) = await paying.ledger.load_plans(GUILD)
        made = await grant(paying.ports, order(plan))
        assert made.pays == await paying.recorded()
        await paying.settle()
        assert [body.pays for body in paying.said(Granted)] == [make_key()]


class TestTakenBack:
    async def test_taking_a_grant_back_takes_the_roles(self, world: RulesHarness, plan: Plan) -> None:
        made = await grant(world.ports, order(plan))
        await world.settle()
        await take_grant_back(world.ports, GUILD, made.override.decision_id, ADMIN)
        await world.settle()
        assert world.roles_of() == set()
        assert world.said(GrantEnded) == [GrantEnded("Plan 1", taken=(ROLE,))]

    async def test_taking_a_grant_back_keeps_paid_roles(self, paying: RulesHarness) -> None:
        (plan,) = await paying.ledger.load_plans(GUILD)
        made = await grant(paying.ports, order(plan))
        await take_grant_back(paying.ports, GUILD, made.override.decision_id, ADMIN)
        await paying.settle()
        assert paying.roles_of() == {ROLE}
        assert paying.said(GrantEnded) == [GrantEnded("Plan 1", has=True)]

    async def test_taking_back_an_ended_grant_is_refused(self, world: RulesHarness, plan: Plan) -> None:
        made = await grant(world.ports, order(plan))
        late = await grant(world.ports, order(plan, 1))
        await take_grant_back(world.ports, GUILD, made.override.decision_id, ADMIN)
        world.clock.advance(DAY)
        for decision in (made.override.decision_id, late.override.decision_id):
            with pytest.raises(Conflict, match=r"error.grant_ended"):
                await take_grant_back(world.ports, GUILD, decision, ADMIN)

    async def test_another_server_cannot_take_a_grant_back(self, world: RulesHarness, plan: Plan) -> None:
        made = await grant(world.ports, order(plan))
        blocked = await revoke(world.ports, make_revoke_request(member_id=77))
        with pytest.raises(NotFound):
            await take_grant_back(world.ports, OTHER_GUILD, made.override.decision_id, ADMIN)
        with pytest.raises(NotFound):
            await take_grant_back(world.ports, GUILD, blocked.decision_id, ADMIN)
        with pytest.raises(NotFound):
            await lift(world.ports, GUILD, made.override.decision_id, ADMIN)


class TestRevoked:
    @pytest.mark.parametrize("at_once", [True, False])
    async def test_undoing_a_revocation_does_not_restore_a_grant(
        self, world: RulesHarness, plan: Plan, *, at_once: bool
    ) -> None:
        """A grant was not paid for, and giving it again needs more permissions than revoking."""
        await grant(world.ports, order(plan, None))
        await world.settle()
        done = await revoke(world.ports, make_revoke_request(plan_id=plan.id, at_once=at_once))
        await world.settle()
        assert world.roles_of() == set()
        undone = await lift(world.ports, GUILD, done.decision_id, ADMIN)
        await world.settle()
        assert world.roles_of() == set()
        assert undone.until is None
        assert await load_held(world.ports, MEMBER) == []

    async def test_a_revoked_grant_is_not_shown(self, world: RulesHarness, plan: Plan) -> None:
        made = await grant(world.ports, order(plan))
        assert await load_held(world.ports, MEMBER) == [Held(plan, made.override.until, paid=False)]
        await revoke(world.ports, make_revoke_request(member_id=MEMBER))
        assert await load_held(world.ports, MEMBER) == []
