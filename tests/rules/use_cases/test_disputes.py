"""The effects of disputed payments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import ProviderUnavailable
from billing.model import Disputed, DisputeState, Status
from tests.rules.builders import DAY, GUILD, MEMBER, ROLE, make_key, make_subscription
from tests.rules.harness import RulesHarness


class TestDisputes:
    async def dispute(self, world: RulesHarness, state: DisputeState, name: str = "dp_1") -> None:
        world.provider.disputes[name] = ("sub_1", state)
        await world.ring("dispute", name, f"evt_{name}_{state}_{world.now}")
        await world.settle()

    async def test_an_open_dispute_suspends_access_until_it_is_won(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.OPEN)
        assert world.roles_of() == set()
        await world.change(replace(world.provider.subscriptions["sub_1"], period_end=world.now + DAY))
        assert world.roles_of() == set()
        await self.dispute(world, DisputeState.WON)
        assert world.roles_of() == {ROLE}
        assert [body.state for body in world.said(Disputed)] == ["open", "won"]

    async def test_a_dispute_causes_one_fetch_of_its_subscription(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        before = world.provider.count("fetch_subscription")
        await self.dispute(world, DisputeState.OPEN)
        assert world.provider.count("fetch_subscription") == before + 1

    async def test_a_won_dispute_restores_nothing_if_another_is_open(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.OPEN, "dp_1")
        await self.dispute(world, DisputeState.OPEN, "dp_2")
        await self.dispute(world, DisputeState.WON, "dp_1")
        assert world.roles_of() == set()
        await self.dispute(world, DisputeState.WON, "dp_2")
        assert world.roles_of() == {ROLE}

    async def test_a_lost_dispute_ends_access(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.OPEN)
        await self.dispute(world, DisputeState.LOST)
        assert world.roles_of() == set()

    async def test_a_lost_dispute_ends_the_billing(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.LOST)
        assert world.provider.subscriptions["sub_1"].status is Status.ENDED
        (body,) = world.said(Disputed)
        assert body.stops
        ended = next(
            c for c in await world.ledger.load_history(GUILD, MEMBER, 9) if c.after.startswith("ended")
        )
        assert (ended.who, ended.why, ended.evidence) == ("rule", "history.dispute_lost", "intent lost-dp_1")
        assert world.told("intent_outcome") == []

    async def test_a_lost_dispute_ends_the_billing_once_after_an_outage(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("cancel_now", ProviderUnavailable())
        for number in range(3):
            await world.ring("dispute", "dp_1", f"evt_{number}")
            world.provider.disputes["dp_1"] = ("sub_1", DisputeState.LOST)
            await world.settle()
        assert len(await world.ledger.load_intents_of(make_key())) == 1
        world.provider.heal()
        await world.pass_time(DAY)
        assert world.provider.subscriptions["sub_1"].status is Status.ENDED

    @pytest.mark.parametrize("state", [DisputeState.OPEN, DisputeState.WON])
    async def test_a_dispute_that_is_not_lost_leaves_the_billing(
        self, world: RulesHarness, state: DisputeState
    ) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, state)
        assert await world.ledger.load_intents_of(make_key()) == []

    async def test_a_lost_dispute_leaves_a_subscription_that_already_ends(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await world.change(replace(sub, ends_at=sub.period_end))
        await self.dispute(world, DisputeState.LOST)
        assert await world.ledger.load_intents_of(make_key()) == []
        assert not world.said(Disputed)[0].stops

    async def test_a_lost_dispute_of_an_unowned_subscription_changes_nothing(
        self, world: RulesHarness
    ) -> None:
        world.provider.subscriptions["sub_1"] = make_subscription()
        await self.dispute(world, DisputeState.LOST)
        assert world.provider.subscriptions["sub_1"].status is Status.ACTIVE
        assert world.provider.count("cancel_now") == 0

    async def test_an_inquiry_that_was_dropped_restores_access(self, world: RulesHarness) -> None:
        """Closed without a chargeback: the provider has no dispute any more."""
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.OPEN)
        await self.dispute(world, DisputeState.NONE)
        assert world.roles_of() == {ROLE}

    async def test_a_prevented_dispute_is_not_reported(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.NONE)
        assert world.roles_of() == {ROLE}
        assert world.told("dispute") == []

    async def test_each_change_of_a_dispute_is_reported_once(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        for _ in range(3):
            await self.dispute(world, DisputeState.OPEN)
            world.clock.advance(1)
        assert len(world.told("dispute")) == 1

    async def test_a_dispute_about_no_subscription_is_done(self, world: RulesHarness) -> None:
        world.provider.disputes["dp_1"] = (None, DisputeState.OPEN)
        await world.ring("dispute", "dp_1")
        await world.settle()
        assert (await world.ledger.load_health(world.now)).inbox == 0
