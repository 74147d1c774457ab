"""An older ledger: who waits is fetched first, and nothing is taken before a whole round was made."""

from __future__ import annotations

from dataclasses import replace

from billing.model import Status
from billing.use_cases.converge import converge_member
from billing.use_cases.older import begin
from billing.use_cases.sweep import sweep
from tests.billing.builders import MEMBER, ROLE, make_key
from tests.billing.world import World

HOUR = 3_600


async def old(world: World) -> None:
    await world.ledger.record_value("older", "count")
    await begin(world.ports, HOUR)


async def test_nothing_is_taken_before_the_provider_was_listed_to_its_end(world: World) -> None:
    """A newer subscription of the same member may show up only there."""
    await world.add_plan()
    sub = await world.subscribe()
    await old(world)
    await world.ledger.record_disputes_listed("stripe", "test", world.now)
    await world.change(replace(sub, status=Status.ENDED, provider_status="canceled", binding=None))
    assert world.roles_of() == {ROLE}
    assert await sweep(world.ports) == []
    await world.ledger.record_retry(world.now, world.now)
    await world.settle()
    assert world.roles_of() == set()


async def test_who_waits_for_a_role_is_fetched_before_all_others(world: World) -> None:
    await world.add_plan()
    await world.subscribe()
    world.roles_of().clear()
    await old(world)
    await world.ledger.record_stale([make_key("other")], "event", world.now)
    await world.ledger.record_marks([(await world.recorded()).binding], "test", world.now)  # type: ignore[list-item]  # it is bound
    (mark,) = await world.ledger.load_marked(world.now, 9)
    assert mark.member_id == MEMBER
    await converge_member(world.ports, mark)
    assert world.roles_of() == set()
    assert [stale.key.id for stale in await world.ledger.load_stale(world.now, 9)] == ["sub_1", "other"]


async def test_age_alone_holds_after_two_sweeps_and_never_within_ten_minutes(world: World) -> None:
    await world.add_plan()
    await world.subscribe()
    for interval, silent, holds in ((HOUR, 2 * HOUR, 0), (1, 600, 0), (1, 601, 1), (HOUR, 2 * HOUR + 1, 1)):
        await world.ledger.record_value("written", str(world.now))
        world.clock.advance(silent)
        await begin(world.ports, interval)
        assert (await world.ledger.load_health(world.now)).unasked == holds
        await sweep(world.ports)
        await world.settle()
