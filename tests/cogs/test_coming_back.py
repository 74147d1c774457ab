"""Members who join, come back, or have just passed the server's screening, as Discord tells of them."""

from __future__ import annotations

import pytest

from billing.use_cases.audit_members import audit_members
from cogs.gateways import roles
from tests.cogs.town import DAY, Town

WITH_INTENT = pytest.mark.parametrize("still_town", ["members intent"], indirect=True)


async def roles_become(town: Town, wanted: list[str]) -> None:
    await town.world.until(lambda: town.roles() == wanted, f"the roles {wanted}")


async def sweep(town: Town) -> None:
    town.clock.advance(60)
    await audit_members(town.ports)
    await town.settled()


async def left_and_ended(town: Town) -> None:
    """Bob paid, left, and his subscription ended while he was away."""
    await town.sell()
    await town.buy()
    town.world.remove_member(town.guild, town.bob)
    (sub,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    town.stripe.dashboard.cancel_now(sub.key.id)
    await town.settled()
    await town.turn(3 * DAY)
    await sweep(town)


async def test_a_role_that_another_bot_gave_back_is_taken_by_the_next_sweep(town: Town) -> None:
    await left_and_ended(town)
    town.world.add_member(town.guild, town.bob, [town.gold])
    await sweep(town)
    assert town.roles() == []


@WITH_INTENT
async def test_with_the_members_intent_it_is_taken_though_it_came_a_moment_later(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "RESTORING", 0.3)
    await left_and_ended(town)
    town.world.rejoin(town.guild, town.bob)
    await town.stripe.settle()
    town.world.give_role(town.guild, town.bob, town.gold)
    await roles_become(town, [])


async def test_a_role_given_by_hand_after_a_look_stays(town: Town) -> None:
    await left_and_ended(town)
    town.world.rejoin(town.guild, town.bob)
    await sweep(town)
    town.world.give_role(town.guild, town.bob, town.gold)
    await sweep(town)
    assert town.roles() == ["Gold"]


async def unscreened(town: Town) -> None:
    """Bob joins anew, pays, and has not accepted the server's rules."""
    town.world.remove_member(town.guild, town.bob)
    town.world.add_member(town.guild, town.bob, pending=True)
    await town.sell()
    await town.buy()
    assert town.roles() == []
    note = await town.bob.dm_containing("One more step in Pottery")
    assert "Gold" in note.text


@WITH_INTENT
async def test_with_the_members_intent_the_screening_s_end_brings_the_role(town: Town) -> None:
    await unscreened(town)
    town.world.pass_screening(town.guild, town.bob)
    await roles_become(town, ["Gold"])


async def test_without_it_the_next_sweep_does(town: Town) -> None:
    await unscreened(town)
    town.world.pass_screening(town.guild, town.bob)
    await town.settled()
    assert town.roles() == []
    await sweep(town)
    assert town.roles() == ["Gold"]


async def test_without_it_the_member_s_next_command_does(town: Town) -> None:
    await unscreened(town)
    assert "accept its rules" in (await town.bob.run(town.guild, "subscriptions")).text
    await town.settled()
    town.world.pass_screening(town.guild, town.bob)
    await town.bob.run(town.guild, "subscriptions")
    await roles_become(town, ["Gold"])
