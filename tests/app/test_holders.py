"""/doctor names who holds a sold role for nothing."""

from __future__ import annotations

import pytest

from tests.app.harness import AppHarness

WITH_INTENT = pytest.mark.parametrize("idle_app", ["members intent"], indirect=True)


@WITH_INTENT
async def test_a_role_given_by_hand_is_reported_until_it_is_gone(app: AppHarness) -> None:
    await app.sell()
    app.world.give_role(app.guild, app.bob, app.gold)
    card = await app.ada.run(app.guild, "doctor")
    assert f"<@{app.bob.id}> has a sold role" in card.text
    app.world.take_role(app.guild, app.bob, app.gold)
    assert "has a sold role that" not in (await app.ada.run(app.guild, "doctor")).text


@WITH_INTENT
async def test_roles_of_paying_or_granted_members_are_not_reported(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.world.give_role(app.guild, app.cleo, app.gold)
    await app.ada.run(app.guild, "grant", {"member": app.cleo, "plan": "Gold"})
    await app.settled()
    assert "Nobody has a sold role without paying" in (await app.ada.run(app.guild, "doctor")).text


async def test_without_the_members_intent_doctor_says_it_could_not_look(app: AppHarness) -> None:
    await app.sell()
    app.world.give_role(app.guild, app.bob, app.gold)
    assert "couldn't look for members who have a sold role" in (await app.ada.run(app.guild, "doctor")).text
