"""Discord reports members who join, return, or have just passed the server's screening."""

from __future__ import annotations

import pytest

from billing.use_cases.audit_members import audit_members
from cogs.gateways import roles
from tests.app.harness import DAY, AppHarness

WITH_INTENT = pytest.mark.parametrize("idle_app", ["members intent"], indirect=True)


async def roles_become(app: AppHarness, wanted: list[str]) -> None:
    await app.world.until(lambda: app.roles() == wanted, f"the roles {wanted}")


async def sweep(app: AppHarness) -> None:
    app.clock.advance(60)
    await audit_members(app.ports)
    await app.settled()


async def left_and_ended(app: AppHarness) -> None:
    """Bob paid, left, and his subscription ended while he was away."""
    await app.sell()
    await app.buy()
    app.world.remove_member(app.guild, app.bob)
    (sub,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    app.stripe.dashboard.cancel_now(sub.key.id)
    await app.settled()
    await app.turn(3 * DAY)
    await sweep(app)


async def test_a_role_that_another_bot_gave_back_is_taken_by_the_next_sweep(app: AppHarness) -> None:
    await left_and_ended(app)
    app.world.add_member(app.guild, app.bob, [app.gold])
    await sweep(app)
    assert app.roles() == []


@WITH_INTENT
async def test_with_the_members_intent_a_role_given_back_late_is_taken(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "RESTORING", 0.3)
    await left_and_ended(app)
    app.world.rejoin(app.guild, app.bob)
    await app.stripe.settle()
    app.world.give_role(app.guild, app.bob, app.gold)
    await roles_become(app, [])


async def test_a_role_given_by_hand_after_a_sweep_stays(app: AppHarness) -> None:
    await left_and_ended(app)
    app.world.rejoin(app.guild, app.bob)
    await sweep(app)
    app.world.give_role(app.guild, app.bob, app.gold)
    await sweep(app)
    assert app.roles() == ["Gold"]


async def unscreened(app: AppHarness) -> None:
    """Bob joins again and pays, but has not accepted the server's rules."""
    app.world.remove_member(app.guild, app.bob)
    app.world.add_member(app.guild, app.bob, pending=True)
    await app.sell()
    await app.buy()
    assert app.roles() == []
    note = await app.bob.dm_containing("One more step in Pottery")
    assert "Gold" in note.text


@WITH_INTENT
async def test_with_the_members_intent_a_screened_member_gets_the_role_at_once(app: AppHarness) -> None:
    await unscreened(app)
    app.world.pass_screening(app.guild, app.bob)
    await roles_become(app, ["Gold"])


async def test_without_the_members_intent_a_sweep_gives_a_screened_member_the_role(app: AppHarness) -> None:
    await unscreened(app)
    app.world.pass_screening(app.guild, app.bob)
    await app.settled()
    assert app.roles() == []
    await sweep(app)
    assert app.roles() == ["Gold"]


async def test_without_the_members_intent_a_screened_members_command_brings_the_role(app: AppHarness) -> None:
    await unscreened(app)
    assert "accept its rules" in (await app.bob.run(app.guild, "subscriptions")).text
    await app.settled()
    app.world.pass_screening(app.guild, app.bob)
    await app.bob.run(app.guild, "subscriptions")
    await roles_become(app, ["Gold"])
