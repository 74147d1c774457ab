"""What Discord can do to the bot: in the end the roles are right, and whoever must know was told."""

from __future__ import annotations

import asyncio

import pytest

from cogs.gateways import roles
from standins.discord import NoAnswerError
from tests.cogs.town import MONTH, Town
from tests.faults.neighbours.ways import (
    GIVES,
    MEMBER,
    TAKES,
    cards,
    changes_of,
    comes_to_rest,
    is_at_rest,
    patiently,
    pay,
    subscription_of,
)


async def buys(town: Town) -> None:
    """To the role, however long Discord makes it take."""
    await town.sell()
    await pay(town)
    await patiently(town, lambda: town.roles() == ["Gold"])
    assert changes_of(town) == ["+Gold"]


async def ends(town: Town) -> None:
    """To the end of what was bought."""
    town.stripe.dashboard.cancel_now(subscription_of(town)["id"])
    await patiently(town, lambda: town.roles() == [])
    assert changes_of(town) == ["+Gold", "-Gold"]


# -- limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [GIVES, ("GET", MEMBER)], ids=["give", "look"])
@pytest.mark.parametrize(
    "limit",
    [
        {"retry_after": 0.5},
        {"retry_after": 600.0},
        {"retry_after": 0.5, "is_global": True},
        {"retry_after": 5.0, "via": False},
    ],
    ids=["0.5 s", "600 s", "global", "without Via"],
)
async def test_a_limit(town: Town, call: tuple[str, str], limit: dict[str, float]) -> None:
    fault = town.discord.faults.rate_limit(*call, **limit)  # type: ignore[arg-type]  # flags among numbers
    await buys(town)
    assert fault.struck == 1
    assert len(cards(town.bob, "Thank you")) == 1
    await comes_to_rest(town)


async def test_a_limit_that_lasts_is_not_run_against(town: Town) -> None:
    """Each further request during a ban lengthens it: three tries in ten minutes, not hundreds."""
    fault = town.discord.faults.rate_limit("*", "/guilds/*", retry_after=600, via=False, times=None)
    await town.sell()
    await pay(town)
    await town.settled()
    for _ in range(10):
        await town.turn(60)
    assert 1 <= fault.struck <= 10
    town.discord.faults.clear()
    await patiently(town, lambda: town.roles() == ["Gold"])


# -- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_error_that_passes(town: Town, status: int) -> None:
    given = town.discord.faults.fail(*GIVES, status)
    await buys(town)
    taken = town.discord.faults.fail(*TAKES, status)
    await ends(town)
    assert given.struck == taken.struck == 1
    await comes_to_rest(town)


async def test_an_error_that_lasts(town: Town) -> None:
    await town.sell()
    fault = town.discord.faults.fail(*GIVES, 503, times=None)
    await pay(town)
    await town.settled()
    for _ in range(5):
        await town.turn(60)
    assert town.roles() == []
    assert fault.struck > 2
    assert not await is_at_rest(town)
    assert "### Gold" in (await town.bob.run(town.guild, "subscriptions")).text
    town.discord.faults.clear()
    await patiently(town, lambda: town.roles() == ["Gold"])
    assert changes_of(town) == ["+Gold"]


@pytest.mark.parametrize("status", [500, 502])
async def test_an_answer_that_is_lost_although_it_was_done(town: Town, status: int) -> None:
    town.discord.faults.lose_answer(*GIVES, status)
    await buys(town)
    town.discord.faults.lose_answer(*TAKES, status)
    await ends(town)
    await comes_to_rest(town)


async def test_a_line_that_is_cut(town: Town) -> None:
    town.discord.faults.hang_up(*GIVES, times=3)
    await buys(town)
    town.discord.faults.hang_up(*TAKES, times=3)
    await ends(town)


async def test_a_call_that_is_never_answered(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "PATIENCE", 0.1)
    held = town.discord.faults.hold(*GIVES)
    await town.sell()
    await pay(town)
    await held.wait_struck()
    await patiently(town, lambda: town.roles() == ["Gold"])


async def test_a_204_that_did_nothing(town: Town) -> None:
    given = town.discord.faults.swallow(*GIVES)
    await buys(town)
    taken = town.discord.faults.swallow(*TAKES, times=2)
    await ends(town)
    assert (given.struck, taken.struck) == (1, 2)
    await comes_to_rest(town)


async def test_204s_that_never_do_anything_are_no_success(town: Town) -> None:
    town.discord.faults.swallow(*GIVES, times=None)
    await town.sell()
    await pay(town)
    await town.settled()
    await town.turn(600)
    assert town.roles() == []
    assert not await is_at_rest(town)
    town.discord.faults.clear()
    await patiently(town, lambda: town.roles() == ["Gold"])


# -- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["hierarchy", "permission"])
async def test_a_403(town: Town, cause: str) -> None:
    """To give: told to the admins, and done once it is mended. To take: the same."""

    def break_it() -> None:
        if cause == "hierarchy":
            town.world.set_role_position(town.bot_role, 1)
        else:
            town.world.edit_role(town.bot_role, bits=0)

    def mend_it() -> None:
        if cause == "hierarchy":
            town.world.set_role_position(town.bot_role, 90)
        else:
            town.world.edit_role(town.bot_role, bits=1 << 28)

    await town.sell()
    break_it()
    await pay(town)
    await town.settled()
    assert town.roles() == []
    assert len(cards(town.ada, "A role could not be set")) == 1
    mend_it()
    await town.world.until(lambda: town.roles() == ["Gold"], "the role")
    await town.settled()
    break_it()
    town.stripe.dashboard.cancel_now(subscription_of(town)["id"])
    await town.settled()
    await town.turn(60)
    assert town.roles() == ["Gold"]
    assert await town.ports.ledger.load_parked(town.guild.id) != []
    mend_it()
    await town.world.until(lambda: town.roles() == [], "the role to go")
    assert changes_of(town) == ["+Gold", "-Gold"]


async def test_10007_a_member_who_left(town: Town) -> None:
    await town.sell()
    await pay(town)
    town.world.remove_member(town.guild, town.bob)
    await town.settled()
    await town.turn(60)
    await comes_to_rest(town)
    town.world.rejoin(town.guild, town.bob)
    await town.bob.run(town.guild, "subscriptions")
    await patiently(town, lambda: town.roles() == ["Gold"])


async def test_10007_a_member_who_left_and_whose_time_ran_out(town: Town) -> None:
    await buys(town)
    town.world.remove_member(town.guild, town.bob)
    town.stripe.dashboard.cancel_now(subscription_of(town)["id"])
    await patiently(town, lambda: True)
    await comes_to_rest(town)
    town.world.rejoin(town.guild, town.bob)
    await town.bob.run(town.guild, "subscriptions")
    await town.turn(60)
    town.world.give_role(town.guild, town.bob, town.gold)  # by an admin's hand, after the first look
    await town.bob.run(town.guild, "subscriptions")
    await town.turn(60)
    assert town.roles() == ["Gold"]


async def test_10011_a_role_that_was_deleted(town: Town) -> None:
    await town.sell()
    town.world.delete_role(town.gold)
    await pay(town)
    await town.settled()
    assert len(cards(town.ada, "was deleted")) == 1
    await town.ada.run(town.guild, "plans edit", {"plan": "Gold", "add_role": town.silver})
    await patiently(town, lambda: town.roles() == ["Silver"])


# -- the gateway -------------------------------------------------------------------------------------


@pytest.mark.slow  # discord.py waits for seconds before it begins anew
@pytest.mark.parametrize("how", ["drop", "ask_to_reconnect", "invalidate", "forget"])
async def test_the_gateway(town: Town, how: str) -> None:
    """Dropped, asked to reconnect, the session invalid, or forgotten: roles go on, and commands come back."""
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    feed = town.world.subscribe()
    getattr(town.world.hub, how)(town.app)
    (url,) = [button.url for button in reply.buttons if button.url]
    town.stripe.pay_checkout(url)
    await town.settled()
    assert town.roles() == ["Gold"]
    while (await asyncio.wait_for(feed.get(), 30))["kind"] != "bot_connected":
        pass
    assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_an_interaction_that_expired_before_it_was_heard(town: Town) -> None:
    """Nothing is done for somebody who was shown that it failed."""
    await buys(town)
    question = await town.bob.run(town.guild, "cancel")
    town.world.ack_seconds = 0.1
    held = town.discord.faults.hold("POST", "/interactions/*")
    with pytest.raises(NoAnswerError):
        await question.press("Cancel subscription")
    held.release()
    town.world.ack_seconds = 30
    assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text
    assert subscription_of(town)["cancel_at_period_end"] is False
    again = await (await town.bob.run(town.guild, "cancel")).press("Cancel subscription")
    assert "### Cancelled" in again.text


async def test_an_interaction_that_expired_before_it_was_answered(town: Town) -> None:
    """It was done, and its answer came too late: the receipt comes by message all the same."""
    await buys(town)
    question = await town.bob.run(town.guild, "cancel")
    held = town.discord.faults.hold("PATCH", "/webhooks/*")
    await question.press("Cancel subscription", wait=False)
    await held.wait_struck()
    assert subscription_of(town)["cancel_at_period_end"] is True
    town.clock.advance(16 * 60)
    held.release()
    await town.bob.dm_containing("### Cancelled")


async def test_closed_messages_are_told_at_the_next_command(town: Town) -> None:
    town.world.close_dms(town.bob)
    await buys(town)
    await comes_to_rest(town)
    assert cards(town.bob, "Thank you") == []
    assert "Thank you" in (await town.bob.run(town.guild, "subscriptions")).text
    assert "Thank you" not in (await town.bob.run(town.guild, "subscriptions")).text


async def test_an_outage_over_the_end_of_a_period(town: Town) -> None:
    """Nothing of Discord works while a month ends; afterwards all is as it should be."""
    await buys(town)
    await (await town.bob.run(town.guild, "cancel")).press("Cancel subscription")
    await town.settled()
    town.discord.faults.fail("*", "/guilds/*", 503, times=None)
    town.discord.faults.fail("*", "/users/*", 503, times=None)
    await town.turn(MONTH)
    await town.turn(3600)
    assert town.roles() == ["Gold"]
    town.discord.faults.clear()
    await patiently(town, lambda: town.roles() == [])
    await patiently(town, lambda: cards(town.bob, "has ended") != [])
    assert changes_of(town) == ["+Gold", "-Gold"]
