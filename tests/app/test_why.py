"""The button "Why these roles?" in /subscriptions."""

from __future__ import annotations

from tests.app.forged_presses import press
from tests.app.harness import MONTH, AppHarness

LABEL = "Why these roles?"


async def test_a_member_reads_why_they_have_a_role_and_why_no_longer(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    why = await (await app.bob.run(app.guild, "subscriptions")).press(LABEL)
    assert why.ephemeral
    assert why.pings == []
    assert "**Pottery**" in why.text
    assert f"<@&{app.gold.id}>: Gold is paid." in why.text
    in_dm = await (await app.bob.run(None, "subscriptions")).press(LABEL)
    assert "**Gold**: Gold is paid." in in_dm.text
    await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")
    await app.turn(MONTH)
    ended = await (await app.bob.run(app.guild, "subscriptions")).press(LABEL)
    assert f"no longer <@&{app.gold.id}>: the subscription to Gold ended." in ended.text


async def test_a_missing_role_is_explained_and_given_again(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    shown = await app.bob.run(app.guild, "subscriptions")
    await app.settled()
    app.world.take_role(app.guild, app.bob, app.gold)
    assert "is missing in Discord, although you should have it" in (await shown.press(LABEL)).text
    await app.settled()
    assert app.roles() == ["Gold"]


async def test_nobody_reads_the_reasons_of_somebody_else(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.buy(app.cleo)
    shown = await app.cleo.run(app.guild, "subscriptions")
    forged = await press(app, shown, f"dues:why:{app.bob.id}:")
    assert "Gold is paid" not in forged.text


async def test_a_member_without_subscriptions_is_offered_no_reasons(app: AppHarness) -> None:
    assert (await app.bob.run(app.guild, "subscriptions")).buttons == []
