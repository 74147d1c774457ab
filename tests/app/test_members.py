"""/subscriptions, /manage and /cancel in less common situations."""

from __future__ import annotations

import asyncio

import pytest

from billing.model import Ended, Notice, SubscriptionKey
from standins.discord import Reply
from tests.app.harness import MONTH, AppHarness, link_of, running


async def two_subscriptions(app: AppHarness) -> None:
    """Bob pays for Gold and for Silver."""
    await app.sell()
    await app.sell("Silver", app.silver, app.stripe.add_price(app.stripe.add_product("S"), 300)["id"])
    await app.buy()
    await app.buy(plan="Silver")


async def test_a_member_with_several_subscriptions_chooses_one_from_a_menu(app: AppHarness) -> None:
    await two_subscriptions(app)
    assert "Open Stripe" in [b.label for b in (await silver_of(app, "manage")).buttons]
    assert "Cancel Silver?" in (await silver_of(app, "cancel")).text


async def silver_of(app: AppHarness, command: str) -> Reply:
    """Use a command without an option, and choose Silver in its menu."""
    asked = await app.bob.run(app.guild, command)
    (menu,) = asked.selects
    silver = next(value for value, name in menu.options.items() if name.startswith("Silver"))
    chosen = await asked.choose(menu.custom_id, silver)
    assert chosen.updated
    return chosen


async def test_a_subscription_is_found_by_its_name_or_its_suggestion(app: AppHarness) -> None:
    await two_subscriptions(app)
    (choice,) = await app.bob.autocomplete(app.guild, "cancel", "subscription", "silv")
    assert choice["name"] == "Silver — Pottery · $3.00 a month"
    for typed in (choice["value"], "silver", choice["value"].split(":")[2]):
        asked = await app.bob.run(app.guild, "cancel", {"subscription": typed})
        assert "Cancel Silver?" in asked.text


async def test_a_member_cannot_find_the_subscription_of_somebody_else(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    (choice,) = await app.bob.autocomplete(app.guild, "manage", "subscription", "")
    assert await app.cleo.autocomplete(app.guild, "manage", "subscription", "") == []
    for command in ("manage", "cancel"):
        for typed in (choice["value"], "Gold"):
            reply = await app.cleo.run(app.guild, command, {"subscription": typed})
            assert reply.text == "You don't have that subscription. Use /subscriptions to see yours."
            assert reply.buttons == []


async def test_manage_links_to_the_callers_own_portal(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    reply = await app.bob.run(app.guild, "manage")
    assert reply.ephemeral
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert app.stripe.portal(link_of(reply))["customer"] == own.customer_id
    look = await app.bob.run(app.guild, "subscriptions")
    assert app.stripe.portal(link_of(await look.press("Manage")))["customer"] == own.customer_id


@pytest.mark.parametrize("command", ["manage", "cancel"])
async def test_a_member_without_a_subscription_is_told_that_none_is_known(
    app: AppHarness, command: str
) -> None:
    assert "The bot couldn't find an active subscription of yours" in (await app.bob.run(None, command)).text


async def test_subscriptions_lists_this_server_first_then_others_then_ended_ones(app: AppHarness) -> None:
    await app.sell()
    chess = app.world.add_guild("Chess", app.ada)
    app.world.add_member(chess, app.bob)
    await app.invite(chess)
    rook = app.world.add_role(chess, "Rook")
    await app.sell("Rook", rook, app.stripe.add_price(app.stripe.add_product("R"), 100)["id"])
    await app.buy()
    await app.buy(plan="Rook", guild=chess)
    here = (await app.bob.run(app.guild, "subscriptions")).text
    there = (await app.bob.run(chess, "subscriptions")).text
    assert here.index("Gold") < here.index("Rook")
    assert there.index("Rook") < there.index("Gold")
    assert f"<@&{app.gold.id}>" in here
    assert "Roles: **Rook**" in here
    gold = next(s for s in await app.ports.ledger.load_subscriptions_of(app.bob.id) if s.price.amount == 500)
    app.stripe.dashboard.cancel_now(gold.key.id)
    await app.settled()
    here = (await app.bob.run(app.guild, "subscriptions")).text
    assert here.index("Rook") < here.index("Gold")
    assert "Ended on <t:" in here
    await app.turn(MONTH)
    assert "Gold" not in (await app.bob.run(app.guild, "subscriptions")).text


async def test_a_long_list_of_subscriptions_has_pages(app: AppHarness) -> None:
    for number in range(6):
        price = app.stripe.add_price(app.stripe.add_product(f"P{number}"), 100)["id"]
        await app.sell(f"Plan {number}", price=price)
        await app.buy(plan=f"Plan {number}")
    first = await app.bob.run(app.guild, "subscriptions")
    assert first.text.count("a month, through Stripe") == 4
    second = await first.press("Next ›")
    assert second.updated
    assert second.text.count("a month, through Stripe") == 2


async def test_buttons_work_after_a_restart_but_only_for_their_member(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        note = await app.bob.dm_containing("Thank you")
        look = await app.bob.run(app.guild, "subscriptions")
    async with running(app):
        assert link_of(await note.press("Manage"))
        asked = await look.press("Cancel")
        assert "Cancel Gold?" in asked.text
        reply = await app.cleo.look_at(note).press("Manage")
        assert "for someone else" in reply.text
        assert [b for b in reply.buttons if b.url] == []


async def test_a_cancellation_while_the_provider_is_down_is_saved_and_reported_later(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.bob.run(app.guild, "cancel")
    app.stripe.faults.add("status", status=503, times=None)
    reply = await asked.press("Cancel subscription")
    assert "Not cancelled yet" in reply.text
    assert "Stripe isn't responding" in reply.text
    assert "hasn't confirmed this yet" in (await app.bob.run(app.guild, "subscriptions")).text
    app.stripe.faults.clear()
    await app.turn(120)
    note = await app.bob.dm_containing("Cancelled")
    assert "Resume" in [b.label for b in note.buttons]
    assert "Ends on" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_a_cancellation_that_still_waits_can_be_undone(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.bob.run(app.guild, "cancel")
    app.stripe.faults.add("status", status=503, times=None)
    waiting = await asked.press("Cancel subscription")
    app.stripe.faults.clear()
    assert "Resumed" in (await waiting.press("Resume")).text
    await app.turn(120)
    assert "Renews on" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_the_receipt_says_that_the_provider_refused(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.bob.run(app.guild, "cancel")
    app.stripe.faults.add("status", "subscriptions/sub_", method="POST", status=400, times=None)
    reply = await asked.press("Cancel subscription")
    assert "Not cancelled" in reply.text
    assert "Resume" not in [b.label for b in reply.buttons]


async def test_cancel_asks_again_when_its_terms_have_changed(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.bob.run(app.guild, "cancel")
    await app.turn(MONTH)
    again = await asked.press("Cancel subscription")
    assert "have a different effect than before" in again.text
    done = await again.press("Cancel subscription")
    assert "Receipt" in done.text


async def test_the_button_keep_it_changes_nothing(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    reply = await (await app.bob.run(app.guild, "cancel")).press("Keep it")
    assert reply.text == "Nothing was changed."
    assert "Renews on" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_cancel_says_that_a_subscription_is_already_cancelled(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.bob.run(app.guild, "cancel")
    second = await app.bob.run(app.guild, "cancel")
    await asked.press("Cancel subscription")
    stale = await second.press("Cancel subscription")
    assert "already cancelled" in stale.text
    assert stale.updated
    again = await app.bob.run(app.guild, "cancel")
    assert "already cancelled and ends on <t:" in again.text
    assert [b.label for b in stale.buttons] == [b.label for b in again.buttons] == ["Resume"]
    assert "Resumed" in (await again.press("Resume")).text


async def test_a_second_press_during_the_first_says_so_and_cancels_once(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked, second = [await app.bob.run(app.guild, "cancel") for _ in range(2)]
    app.stripe.faults.add("stall", "subscriptions/", method="POST")
    first = asyncio.create_task(asked.press("Cancel subscription"))
    await app.stripe.faults.reached.wait()
    told = await second.press("Cancel subscription")
    assert "the bot is waiting for Stripe" in told.text
    app.stripe.faults.release()
    assert "### Cancelled" in (await first).text


async def test_a_notice_that_closed_dms_refused_is_shown_by_the_next_subscriptions(app: AppHarness) -> None:
    await app.sell()
    app.world.close_dms(app.bob)
    await app.buy()
    assert "News" in (await app.bob.run(app.guild, "subscriptions")).text  # the thanks for paying
    notice = Notice(
        "ended:x",
        app.guild.id,
        app.bob.id,
        Ended("Old", SubscriptionKey("stripe", "test", "sub_gone")),
        app.ports.now(),
    )
    await app.ports.ledger.record_notice(notice)
    await app.settled()
    reply = await app.bob.run(app.guild, "subscriptions")
    assert "News" in reply.text
    assert "Your Old subscription in Pottery has ended" in reply.text
    assert "News" not in (await app.bob.run(app.guild, "subscriptions")).text


async def test_a_member_hears_of_a_failed_payment_and_how_to_fix_it(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.stripe.dashboard.fail_next_payment()
    await app.turn(MONTH)
    note = await app.bob.dm_containing("A payment for Gold failed")
    assert "Stripe couldn't collect your payment of €5.00" in note.text
    assert "Your card was declined." in note.text
    assert "Stripe will try again on <t:" in note.text
    assert "You'll keep **Gold** until <t:" in note.text
    assert link_of(await note.press("Update payment"))
    assert "The last payment failed" in (await app.bob.run(app.guild, "subscriptions")).text
