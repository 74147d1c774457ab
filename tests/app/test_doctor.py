from __future__ import annotations

import asyncio

from billing.model import Disputed, DisputeState, Notice, SubscriptionKey
from standins.discord import Reply
from tests.app.harness import AppHarness


async def test_doctor_reports_no_problem_in_a_server_that_is_set_up(app: AppHarness) -> None:
    await app.sell()
    reply = await app.cleo.run(app.guild, "doctor")
    assert reply.ephemeral
    assert "All is well" in reply.text
    assert "❌" not in reply.text
    assert "owner's DMs" in reply.text


async def test_doctor_names_each_problem_with_its_cure(app: AppHarness) -> None:
    channel = app.world.add_channel(app.guild, "staff", private=True)
    await app.cleo.run(app.guild, "plans settings", {"notice_channel": channel})
    await app.sell()
    await app.sell("Silver", app.silver)
    app.world.set_role_position(app.gold, 99)
    app.world.edit_role(app.bot_role, bits=0)
    app.world.delete_role(app.silver)
    reply = await app.cleo.run(app.guild, "doctor")
    assert "4 problems to fix" in reply.text
    for said in (
        "is missing the Manage Roles permission",
        f"<@&{app.gold.id}> in Gold is above",
        "A role in Silver",
        "Use /plans edit",
        f"can't write in <#{channel.id}>",
        "Give the bot the View Channel",
    ):
        assert said in reply.text
    assert reply.text.count("was deleted") == 1


async def test_doctor_reports_a_notice_channel_that_was_deleted(app: AppHarness) -> None:
    channel = app.world.add_channel(app.guild, "staff")
    await app.cleo.run(app.guild, "plans settings", {"notice_channel": channel})
    app.world.delete_channel(channel)
    assert "notice channel was deleted" in (await app.cleo.run(app.guild, "doctor")).text


async def test_fix_tries_waiting_members_again(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.world.remove_member(app.guild, app.bob)
    app.world.install_to_user(app.application, app.bob)
    await app.bob.run(None, "subscriptions")
    await app.settled()
    before = await app.cleo.run(app.guild, "doctor")
    assert f"roles of <@{app.bob.id}>. This person isn't in the server" in before.text
    app.world.rejoin(app.guild, app.bob)
    fixed = await app.cleo.run(app.guild, "doctor", {"fix": True})
    assert "The bot is trying again to set the roles of 1 member." in fixed.text
    await app.settled()
    assert app.roles() == ["Gold"]


async def test_doctor_says_that_discord_has_an_outage_in_this_server(app: AppHarness) -> None:
    await app.sell()
    assert app.process is not None
    gone = asyncio.create_task(app.process.bot.wait_for("guild_unavailable", timeout=20))
    await asyncio.sleep(0)
    app.world.close_guild(app.guild)
    await gone
    assert "trouble with this server" in (await app.cleo.run(app.guild, "doctor")).text


async def test_doctor_fix_says_when_the_bot_can_fix_nothing_itself(app: AppHarness) -> None:
    app.world.edit_role(app.bot_role, bits=0)
    reply = await app.cleo.run(app.guild, "doctor", {"fix": True})
    assert "There's nothing the bot can fix by itself." in reply.text


async def test_many_findings_come_in_several_messages(app: AppHarness) -> None:
    for number in range(60):
        role = app.world.add_role(app.guild, f"R{number}")
        await app.sell(f"Plan {number}", role)
    reply = await app.cleo.run(app.guild, "doctor")
    await reply.until(lambda r: told(r).count("The bot can give ") == 60)
    assert reply.followups
    assert all(len(card.text) <= 4_000 for card in (reply, *reply.followups))


async def test_doctor_shows_each_notice_that_reached_no_admin_once(app: AppHarness) -> None:
    app.world.close_dms(app.ada)
    for number in range(6):
        key = SubscriptionKey("stripe", "test", f"sub_{number}")
        body = Disputed(1, DisputeState.OPEN, key)
        await app.ports.ledger.record_notice(Notice(f"k{number}", app.guild.id, None, body, app.ports.now()))
    await app.settled()
    first = await app.cleo.run(app.guild, "doctor")
    await first.until(lambda r: len(r.followups) == 6)
    assert all(f"`sub_{number}`" in told(first) for number in range(5))
    assert "Use /doctor again" in told(first)
    assert "/plans settings notice_channel" in told(first)
    second = await app.cleo.run(app.guild, "doctor")
    await second.until(lambda r: len(r.followups) == 2)
    assert "`sub_5`" in told(second)
    assert "Use /doctor again" not in told(second)
    third = await app.cleo.run(app.guild, "doctor")
    assert "didn't reach you" not in told(third)


def told(reply: Reply) -> str:
    """All messages of an answer."""
    return "\n".join(card.text for card in (reply, *reply.followups))


async def test_a_plan_name_in_doctor_is_never_a_link(app: AppHarness) -> None:
    await app.sell("[Sign in](https://evil.example)")
    assert "[Sign in](" not in (await app.ada.run(app.guild, "doctor")).text


async def test_only_the_applications_owner_can_fix_the_provider_account(app: AppHarness) -> None:
    """Cleo is an admin of two servers that sell at the account, and owns neither it nor the bot."""
    await app.sell()
    rival = app.world.add_guild("Rivals", app.cleo)
    await app.invite(rival)
    (endpoint,) = app.stripe.world.tables["webhook_endpoint"].values()
    endpoint["enabled_events"] = ["invoice.paid"]
    for guild in (rival, app.guild):
        shown = await app.cleo.run(guild, "doctor", {"fix": True})
        assert endpoint["enabled_events"] == ["invoice.paid"]
        assert "Ask the bot's owner to use /doctor" in shown.text
        assert "doesn't send" not in shown.text
        assert "test mode" not in shown.text
        assert app.product not in shown.text
    assert "Gold" not in (await app.cleo.run(rival, "doctor")).text
    assert "doesn't send" in (await app.ada.run(app.guild, "doctor")).text
    assert "fixed." in (await app.ada.run(app.guild, "doctor", {"fix": True})).text
    assert "invoice.payment_failed" in endpoint["enabled_events"]


async def test_an_admin_can_fix_what_belongs_to_their_server(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.bob.run(app.guild, "manage")
    (portal,) = app.stripe.world.tables["billing_portal.configuration"].values()
    portal["features"]["subscription_cancel"]["enabled"] = False
    assert "Someone changed the portal's settings" in (await app.cleo.run(app.guild, "doctor")).text
    assert "fixed." in (await app.cleo.run(app.guild, "doctor", {"fix": True})).text
    assert portal["features"]["subscription_cancel"]["enabled"]
