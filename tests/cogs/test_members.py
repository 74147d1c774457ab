"""/subscriptions, /manage and /cancel, beyond the story."""

from __future__ import annotations

import asyncio

import pytest

from billing.model import Ended, Notice, SubscriptionKey
from standins.discord import Reply
from tests.cogs.town import DAY, MONTH, Town, link_of, running


async def two_subscriptions(town: Town) -> None:
    """Bob pays for Gold and for Silver."""
    await town.sell()
    await town.sell("Silver", town.silver, town.stripe.add_price(town.stripe.add_product("S"), 300)["id"])
    await town.buy()
    await town.buy(plan="Silver")


async def test_one_of_several_is_chosen(town: Town) -> None:
    await two_subscriptions(town)
    assert "Open Stripe" in [b.label for b in (await silver_of(town, "manage")).buttons]
    assert "Cancel Silver?" in (await silver_of(town, "cancel")).text


async def silver_of(town: Town, command: str) -> Reply:
    """Use a command without an option, and choose Silver in its menu."""
    asked = await town.bob.run(town.guild, command)
    (menu,) = asked.selects
    silver = next(value for value, name in menu.options.items() if name.startswith("Silver"))
    chosen = await asked.choose(menu.custom_id, silver)
    assert chosen.updated
    return chosen


async def test_one_is_named_by_hand_or_by_suggestion(town: Town) -> None:
    await two_subscriptions(town)
    (choice,) = await town.bob.autocomplete(town.guild, "cancel", "subscription", "silv")
    assert choice["name"] == "Silver — Pottery · $3.00 a month"
    for typed in (choice["value"], "silver", choice["value"].split(":")[2]):
        asked = await town.bob.run(town.guild, "cancel", {"subscription": typed})
        assert "Cancel Silver?" in asked.text


async def test_somebody_elses_subscription_does_not_exist(town: Town) -> None:
    await town.sell()
    await town.buy()
    (choice,) = await town.bob.autocomplete(town.guild, "manage", "subscription", "")
    assert await town.cleo.autocomplete(town.guild, "manage", "subscription", "") == []
    for command in ("manage", "cancel"):
        for typed in (choice["value"], "Gold"):
            reply = await town.cleo.run(town.guild, command, {"subscription": typed})
            assert reply.text == "You have no such subscription. /subscriptions lists yours."
            assert reply.buttons == []


async def test_the_link_leads_to_the_callers_own_portal(town: Town) -> None:
    await town.sell()
    await town.buy()
    reply = await town.bob.run(town.guild, "manage")
    assert reply.ephemeral
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    assert town.stripe.portal(link_of(reply))["customer"] == own.customer_id
    look = await town.bob.run(town.guild, "subscriptions")
    assert town.stripe.portal(link_of(await look.press("Manage")))["customer"] == own.customer_id


@pytest.mark.parametrize("command", ["manage", "cancel"])
async def test_with_no_subscription(town: Town, command: str) -> None:
    assert "The bot knows of no running subscription of yours" in (await town.bob.run(None, command)).text


async def test_this_server_first_then_the_others_then_what_ended(town: Town) -> None:
    await town.sell()
    chess = town.world.add_guild("Chess", town.ada)
    town.world.add_member(chess, town.bob)
    await town.invite(chess)
    rook = town.world.add_role(chess, "Rook")
    await town.sell("Rook", rook, town.stripe.add_price(town.stripe.add_product("R"), 100)["id"])
    await town.buy()
    await town.buy(plan="Rook", guild=chess)
    here = (await town.bob.run(town.guild, "subscriptions")).text
    there = (await town.bob.run(chess, "subscriptions")).text
    assert here.index("Gold") < here.index("Rook")
    assert there.index("Rook") < there.index("Gold")
    assert f"<@&{town.gold.id}>" in here
    assert "Roles: **Rook**" in here
    gold = next(
        s for s in await town.ports.ledger.load_subscriptions_of(town.bob.id) if s.price.amount == 500
    )
    town.stripe.dashboard.cancel_now(gold.key.id)
    await town.settled()
    here = (await town.bob.run(town.guild, "subscriptions")).text
    assert here.index("Rook") < here.index("Gold")
    assert "Ended <t:" in here
    await town.turn(31 * DAY)
    assert "Gold" not in (await town.bob.run(town.guild, "subscriptions")).text


async def test_a_long_list_comes_on_pages(town: Town) -> None:
    for number in range(6):
        price = town.stripe.add_price(town.stripe.add_product(f"P{number}"), 100)["id"]
        await town.sell(f"Plan {number}", price=price)
        await town.buy(plan=f"Plan {number}")
    first = await town.bob.run(town.guild, "subscriptions")
    assert first.text.count("a month, through Stripe") == 4
    second = await first.press("Next ›")
    assert second.updated
    assert second.text.count("a month, through Stripe") == 2


async def test_buttons_work_after_a_restart_and_for_nobody_else(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        note = await town.bob.dm_containing("Thank you")
        look = await town.bob.run(town.guild, "subscriptions")
    async with running(town):
        assert link_of(await note.press("Manage"))
        asked = await look.press("Cancel")
        assert "Cancel Gold?" in asked.text
        reply = await town.cleo.look_at(note).press("Manage")
        assert "made for somebody else" in reply.text
        assert [b for b in reply.buttons if b.url] == []


async def test_a_provider_that_is_down_keeps_the_wish_and_tells_later(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.bob.run(town.guild, "cancel")
    town.stripe.faults.add("status", status=503, times=None)
    reply = await asked.press("Cancel subscription")
    assert "Not cancelled yet" in reply.text
    assert "Stripe is not answering" in reply.text
    assert "has not confirmed yet" in (await town.bob.run(town.guild, "subscriptions")).text
    town.stripe.faults.clear()
    await town.turn(120)
    note = await town.bob.dm_containing("Cancelled")
    assert "Resume" in [b.label for b in note.buttons]
    assert "Ends on" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_a_wish_that_waits_can_be_taken_back(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.bob.run(town.guild, "cancel")
    town.stripe.faults.add("status", status=503, times=None)
    waiting = await asked.press("Cancel subscription")
    town.stripe.faults.clear()
    assert "Resumed" in (await waiting.press("Resume")).text
    await town.turn(120)
    assert "Renews on" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_what_the_provider_refuses_is_said(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.bob.run(town.guild, "cancel")
    town.stripe.faults.add("status", "subscriptions/sub_", method="POST", status=400, times=None)
    reply = await asked.press("Cancel subscription")
    assert "Not cancelled" in reply.text
    assert "Resume" not in [b.label for b in reply.buttons]


async def test_a_question_that_has_changed_is_asked_anew(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.bob.run(town.guild, "cancel")
    await town.turn(MONTH)
    again = await asked.press("Cancel subscription")
    assert "has changed meanwhile" in again.text
    done = await again.press("Cancel subscription")
    assert "Receipt" in done.text


async def test_keeping_it_changes_nothing(town: Town) -> None:
    await town.sell()
    await town.buy()
    reply = await (await town.bob.run(town.guild, "cancel")).press("Keep it")
    assert reply.text == "Nothing was changed."
    assert "Renews on" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_cancelled_already(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.bob.run(town.guild, "cancel")
    second = await town.bob.run(town.guild, "cancel")
    await asked.press("Cancel subscription")
    stale = await second.press("Cancel subscription")
    assert "cancelled already" in stale.text
    assert stale.updated
    again = await town.bob.run(town.guild, "cancel")
    assert "cancelled already and ends <t:" in again.text
    assert [b.label for b in stale.buttons] == [b.label for b in again.buttons] == ["Resume"]
    assert "Resumed" in (await again.press("Resume")).text


async def test_a_second_press_while_the_first_is_under_way(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked, second = [await town.bob.run(town.guild, "cancel") for _ in range(2)]
    town.stripe.faults.add("stall", "subscriptions/", method="POST")
    first = asyncio.create_task(asked.press("Cancel subscription"))
    await town.stripe.faults.reached.wait()
    told = await second.press("Cancel subscription")
    assert "Stripe is being asked at this moment" in told.text
    town.stripe.faults.release()
    assert "### Cancelled" in (await first).text


async def test_closed_dms_are_made_up_for_at_the_next_command(town: Town) -> None:
    await town.sell()
    town.world.close_dms(town.bob)
    await town.buy()
    assert "News" in (await town.bob.run(town.guild, "subscriptions")).text  # the thanks for paying
    notice = Notice(
        "ended:x",
        town.guild.id,
        town.bob.id,
        Ended("Old", SubscriptionKey("stripe", "test", "sub_gone")),
        town.ports.now(),
    )
    await town.ports.ledger.record_notice(notice)
    await town.settled()
    reply = await town.bob.run(town.guild, "subscriptions")
    assert "News" in reply.text
    assert "Your Old subscription in Pottery has ended" in reply.text
    assert "News" not in (await town.bob.run(town.guild, "subscriptions")).text


async def test_a_failed_payment_is_told_with_the_way_to_mend_it(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.stripe.dashboard.fail_next_payment()
    await town.turn(MONTH)
    note = await town.bob.dm_containing("A payment for Gold failed")
    assert "Stripe could not take your payment of €5.00" in note.text
    assert "Your card was declined." in note.text
    assert "Stripe tries again on <t:" in note.text
    assert "You keep **Gold** until <t:" in note.text
    assert link_of(await note.press("Update payment"))
    assert "The last payment failed" in (await town.bob.run(town.guild, "subscriptions")).text
