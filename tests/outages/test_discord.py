"""Faults of Discord: in the end the roles are right, and everybody who must know was told."""

from __future__ import annotations

import asyncio

import pytest

from cogs.gateways import roles
from standins.discord import NoAnswerError
from tests.app.harness import MONTH, AppHarness
from tests.outages.helpers import (
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


async def buys(app: AppHarness) -> None:
    """To the role, however long Discord makes it take."""
    await app.sell()
    await pay(app)
    await patiently(app, lambda: app.roles() == ["Gold"])
    assert changes_of(app) == ["+Gold"]


async def ends(app: AppHarness) -> None:
    """To the end of what was bought."""
    app.stripe.dashboard.cancel_now(subscription_of(app)["id"])
    await patiently(app, lambda: app.roles() == [])
    assert changes_of(app) == ["+Gold", "-Gold"]


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
async def test_a_rate_limit_is_waited_for_and_the_role_is_given(
    app: AppHarness, call: tuple[str, str], limit: dict[str, float]
) -> None:
    fault = app.discord.faults.rate_limit(*call, **limit)  # type: ignore[arg-type]  # flags among numbers
    await buys(app)
    assert fault.struck == 1
    assert len(cards(app.bob, "Thank you")) == 1
    await comes_to_rest(app)


async def test_a_lasting_rate_limit_causes_few_further_calls(app: AppHarness) -> None:
    """Each further request during a ban lengthens it: three tries in ten minutes, not hundreds."""
    fault = app.discord.faults.rate_limit("*", "/guilds/*", retry_after=600, via=False, times=None)
    await app.sell()
    await pay(app)
    await app.settled()
    for _ in range(10):
        await app.turn(60)
    assert 1 <= fault.struck <= 10
    app.discord.faults.clear()
    await patiently(app, lambda: app.roles() == ["Gold"])


# -- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_role_is_given_after_a_passing_server_error(app: AppHarness, status: int) -> None:
    given = app.discord.faults.fail(*GIVES, status)
    await buys(app)
    taken = app.discord.faults.fail(*TAKES, status)
    await ends(app)
    assert given.struck == taken.struck == 1
    await comes_to_rest(app)


async def test_a_role_is_retried_during_a_lasting_server_error_until_it_is_given(app: AppHarness) -> None:
    await app.sell()
    fault = app.discord.faults.fail(*GIVES, 503, times=None)
    await pay(app)
    await app.settled()
    for _ in range(5):
        await app.turn(60)
    assert app.roles() == []
    assert fault.struck > 2
    assert not await is_at_rest(app)
    assert "### Gold" in (await app.bob.run(app.guild, "subscriptions")).text
    app.discord.faults.clear()
    await patiently(app, lambda: app.roles() == ["Gold"])
    assert changes_of(app) == ["+Gold"]


@pytest.mark.parametrize("status", [500, 502])
async def test_a_role_given_without_an_answer_is_found(app: AppHarness, status: int) -> None:
    app.discord.faults.lose_answer(*GIVES, status)
    await buys(app)
    app.discord.faults.lose_answer(*TAKES, status)
    await ends(app)
    await comes_to_rest(app)


async def test_a_role_is_given_after_the_connection_was_cut(app: AppHarness) -> None:
    app.discord.faults.hang_up(*GIVES, times=3)
    await buys(app)
    app.discord.faults.hang_up(*TAKES, times=3)
    await ends(app)


async def test_a_call_without_an_answer_times_out_and_the_role_is_given_later(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "PATIENCE", 0.1)
    held = app.discord.faults.hold(*GIVES)
    await app.sell()
    await pay(app)
    await held.wait_struck()
    await patiently(app, lambda: app.roles() == ["Gold"])


async def test_a_204_without_effect_is_noticed_and_repeated(app: AppHarness) -> None:
    given = app.discord.faults.swallow(*GIVES)
    await buys(app)
    taken = app.discord.faults.swallow(*TAKES, times=2)
    await ends(app)
    assert (given.struck, taken.struck) == (1, 2)
    await comes_to_rest(app)


async def test_204s_that_never_have_an_effect_count_as_failures(app: AppHarness) -> None:
    app.discord.faults.swallow(*GIVES, times=None)
    await app.sell()
    await pay(app)
    await app.settled()
    await app.turn(600)
    assert app.roles() == []
    assert not await is_at_rest(app)
    app.discord.faults.clear()
    await patiently(app, lambda: app.roles() == ["Gold"])


# -- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["hierarchy", "permission"])
async def test_a_403_is_reported_to_admins_and_the_role_changes_once_it_is_allowed(
    app: AppHarness, cause: str
) -> None:
    """Giving: the admins are told, and the role is given once the cause is fixed. Taking: the admins are
    told, and the role is taken then."""

    def break_it() -> None:
        if cause == "hierarchy":
            app.world.set_role_position(app.bot_role, 1)
        else:
            app.world.edit_role(app.bot_role, bits=0)

    def fix_it() -> None:
        if cause == "hierarchy":
            app.world.set_role_position(app.bot_role, 90)
        else:
            app.world.edit_role(app.bot_role, bits=1 << 28)

    await app.sell()
    break_it()
    await pay(app)
    await app.settled()
    assert app.roles() == []
    assert len(cards(app.ada, "The bot couldn't set a role")) == 1
    fix_it()
    await app.world.until(lambda: app.roles() == ["Gold"], "the role")
    await app.settled()
    break_it()
    app.stripe.dashboard.cancel_now(subscription_of(app)["id"])
    await app.settled()
    await app.turn(60)
    assert app.roles() == ["Gold"]
    assert await app.ports.ledger.load_parked(app.guild.id, 0, 999) != []
    fix_it()
    await app.world.until(lambda: app.roles() == [], "the role to go")
    assert changes_of(app) == ["+Gold", "-Gold"]


async def test_a_member_who_left_gets_the_role_when_they_return(app: AppHarness) -> None:
    await app.sell()
    await pay(app)
    app.world.remove_member(app.guild, app.bob)
    await app.settled()
    await app.turn(60)
    await comes_to_rest(app)
    app.world.rejoin(app.guild, app.bob)
    await app.bob.run(app.guild, "subscriptions")
    await patiently(app, lambda: app.roles() == ["Gold"])


async def test_a_role_given_by_hand_to_a_returned_member_whose_time_ran_out_stays(app: AppHarness) -> None:
    await buys(app)
    app.world.remove_member(app.guild, app.bob)
    app.stripe.dashboard.cancel_now(subscription_of(app)["id"])
    await patiently(app, lambda: True)
    await comes_to_rest(app)
    app.world.rejoin(app.guild, app.bob)
    await app.bob.run(app.guild, "subscriptions")
    await app.turn(60)
    app.world.give_role(app.guild, app.bob, app.gold)  # by an admin's hand, after the first look
    await app.bob.run(app.guild, "subscriptions")
    await app.turn(60)
    assert app.roles() == ["Gold"]


async def test_a_deleted_role_is_reported_to_admins_and_its_replacement_is_given(app: AppHarness) -> None:
    await app.sell()
    app.world.delete_role(app.gold)
    await pay(app)
    await app.settled()
    assert len(cards(app.ada, "was deleted")) == 1
    await app.ada.run(app.guild, "plans edit", {"plan": "Gold", "add_role": app.silver})
    await patiently(app, lambda: app.roles() == ["Silver"])


# -- the gateway -------------------------------------------------------------------------------------


@pytest.mark.slow  # discord.py waits for seconds before it reconnects
@pytest.mark.parametrize("how", ["drop", "ask_to_reconnect", "invalidate", "forget"])
async def test_roles_and_commands_work_again_after_the_gateway_was_away(app: AppHarness, how: str) -> None:
    """Dropped, asked to reconnect, the session invalid, or forgotten: roles go on, and commands come back."""
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    feed = app.world.subscribe()
    getattr(app.world.hub, how)(app.application)
    (url,) = [button.url for button in reply.buttons if button.url]
    app.stripe.pay_checkout(url)
    await app.settled()
    assert app.roles() == ["Gold"]
    while (await asyncio.wait_for(feed.get(), 30))["kind"] != "bot_connected":
        pass
    assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_an_interaction_that_expired_before_it_arrived_changes_nothing(app: AppHarness) -> None:
    """Nothing is done for somebody who was shown that it failed."""
    await buys(app)
    question = await app.bob.run(app.guild, "cancel")
    app.world.ack_seconds = 0.1
    held = app.discord.faults.hold("POST", "/interactions/*")
    with pytest.raises(NoAnswerError):
        await question.press("Cancel subscription")
    held.release()
    app.world.ack_seconds = 30
    assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text
    assert subscription_of(app)["cancel_at_period_end"] is False
    again = await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")
    assert "### Cancelled" in again.text


async def test_an_interaction_that_expired_before_the_answer_is_answered_by_direct_message(
    app: AppHarness,
) -> None:
    """The command was executed and its response came too late, so the receipt comes by direct message."""
    await buys(app)
    question = await app.bob.run(app.guild, "cancel")
    held = app.discord.faults.hold("PATCH", "/webhooks/*")
    await question.press("Cancel subscription", wait=False)
    await held.wait_struck()
    assert subscription_of(app)["cancel_at_period_end"] is True
    app.clock.advance(16 * 60)
    held.release()
    await app.bob.dm_containing("### Cancelled")


async def test_a_notice_to_a_member_with_closed_messages_is_shown_at_the_next_command(
    app: AppHarness,
) -> None:
    app.world.close_dms(app.bob)
    await buys(app)
    await comes_to_rest(app)
    assert cards(app.bob, "Thank you") == []
    assert "Thank you" in (await app.bob.run(app.guild, "subscriptions")).text
    assert "Thank you" not in (await app.bob.run(app.guild, "subscriptions")).text


async def test_roles_are_right_after_an_outage_over_the_end_of_a_period(app: AppHarness) -> None:
    """Nothing of Discord works while a month ends; afterwards all is as it should be."""
    await buys(app)
    await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")
    await app.settled()
    app.discord.faults.fail("*", "/guilds/*", 503, times=None)
    app.discord.faults.fail("*", "/users/*", 503, times=None)
    await app.turn(MONTH)
    await app.turn(3600)
    assert app.roles() == ["Gold"]
    app.discord.faults.clear()
    await patiently(app, lambda: app.roles() == [])
    await patiently(app, lambda: cards(app.bob, "has ended") != [])
    assert changes_of(app) == ["+Gold", "-Gold"]
