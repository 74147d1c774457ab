"""/doctor names who holds a sold role for nothing."""

from __future__ import annotations

import pytest

from tests.cogs.town import Town

WITH_INTENT = pytest.mark.parametrize("still_town", ["members intent"], indirect=True)


@WITH_INTENT
async def test_a_role_that_was_given_by_hand_is_named_until_it_is_gone(town: Town) -> None:
    await town.sell()
    town.world.give_role(town.guild, town.bob, town.gold)
    card = await town.ada.run(town.guild, "doctor")
    assert f"<@{town.bob.id}> holds a sold role" in card.text
    town.world.take_role(town.guild, town.bob, town.gold)
    assert "holds a sold role that" not in (await town.ada.run(town.guild, "doctor")).text


@WITH_INTENT
async def test_who_pays_or_was_granted_it_is_not_named(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.world.give_role(town.guild, town.cleo, town.gold)
    await town.ada.run(town.guild, "grant", {"member": town.cleo, "plan": "Gold"})
    await town.settled()
    assert "Nobody holds a sold role without paying" in (await town.ada.run(town.guild, "doctor")).text


async def test_without_the_intent_it_says_that_it_could_not_look(town: Town) -> None:
    await town.sell()
    town.world.give_role(town.guild, town.bob, town.gold)
    assert "could not be looked for" in (await town.ada.run(town.guild, "doctor")).text
