from __future__ import annotations

import asyncio

from billing.model import Disputed, DisputeState, Notice, SubscriptionKey
from standins.discord import Reply
from tests.cogs.town import Town


async def test_all_is_well(town: Town) -> None:
    await town.sell()
    reply = await town.cleo.run(town.guild, "doctor")
    assert reply.ephemeral
    assert "All is well" in reply.text
    assert "❌" not in reply.text
    assert "owner's DMs" in reply.text


async def test_each_fault_with_its_cure(town: Town) -> None:
    channel = town.world.add_channel(town.guild, "staff", private=True)
    await town.cleo.run(town.guild, "plans settings", {"notice_channel": channel})
    await town.sell()
    await town.sell("Silver", town.silver)
    town.world.set_role_position(town.gold, 99)
    town.world.edit_role(town.bot_role, bits=0)
    town.world.delete_role(town.silver)
    reply = await town.cleo.run(town.guild, "doctor")
    assert "4 to mend" in reply.text
    for said in (
        "lacks Manage Roles",
        f"<@&{town.gold.id}> of Gold stands above",
        "A role of Silver",
        "Use /plans edit",
        f"may not write in <#{channel.id}>",
        "Allow the bot View Channel",
    ):
        assert said in reply.text
    assert reply.text.count("was deleted") == 1


async def test_a_notice_channel_that_is_gone(town: Town) -> None:
    channel = town.world.add_channel(town.guild, "staff")
    await town.cleo.run(town.guild, "plans settings", {"notice_channel": channel})
    town.world.delete_channel(channel)
    assert "notice channel is gone" in (await town.cleo.run(town.guild, "doctor")).text


async def test_fix_tries_waiting_members_again(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.world.remove_member(town.guild, town.bob)
    town.world.install_to_user(town.app, town.bob)
    await town.bob.run(None, "subscriptions")
    await town.settled()
    before = await town.cleo.run(town.guild, "doctor")
    assert f"<@{town.bob.id}>: This person is not in the server" in before.text
    town.world.rejoin(town.guild, town.bob)
    fixed = await town.cleo.run(town.guild, "doctor", {"fix": True})
    assert "Trying the roles of 1 waiting members again." in fixed.text
    await town.settled()
    assert town.roles() == ["Gold"]


async def test_a_server_in_an_outage_of_discords(town: Town) -> None:
    await town.sell()
    assert town.process is not None
    gone = asyncio.create_task(town.process.bot.wait_for("guild_unavailable", timeout=20))
    await asyncio.sleep(0)
    town.world.close_guild(town.guild)
    await gone
    assert "trouble with this server" in (await town.cleo.run(town.guild, "doctor")).text


async def test_nothing_that_the_bot_could_mend(town: Town) -> None:
    town.world.edit_role(town.bot_role, bits=0)
    reply = await town.cleo.run(town.guild, "doctor", {"fix": True})
    assert "Nothing here could be mended by the bot itself." in reply.text


async def test_many_findings_come_in_several_messages(town: Town) -> None:
    for number in range(60):
        role = town.world.add_role(town.guild, f"R{number}")
        await town.sell(f"Plan {number}", role)
    reply = await town.cleo.run(town.guild, "doctor")
    await reply.until(lambda r: told(r).count(" can be given.") == 60)
    assert reply.followups
    assert all(len(card.text) <= 4_000 for card in (reply, *reply.followups))


async def test_what_reached_no_admin_is_shown_once(town: Town) -> None:
    town.world.close_dms(town.ada)
    for number in range(6):
        key = SubscriptionKey("stripe", "test", f"sub_{number}")
        body = Disputed(1, DisputeState.OPEN, key)
        await town.ports.ledger.record_notice(
            Notice(f"k{number}", town.guild.id, None, body, town.ports.now())
        )
    await town.settled()
    first = await town.cleo.run(town.guild, "doctor")
    await first.until(lambda r: len(r.followups) == 6)
    assert all(f"`sub_{number}`" in told(first) for number in range(5))
    assert "type /doctor again" in told(first)
    assert "/plans settings notice_channel" in told(first)
    second = await town.cleo.run(town.guild, "doctor")
    await second.until(lambda r: len(r.followups) == 2)
    assert "`sub_5`" in told(second)
    assert "type /doctor again" not in told(second)
    third = await town.cleo.run(town.guild, "doctor")
    assert "could not be told" not in told(third)


def told(reply: Reply) -> str:
    """All messages of an answer."""
    return "\n".join(card.text for card in (reply, *reply.followups))


async def test_a_plans_name_is_no_link(town: Town) -> None:
    await town.sell("[Sign in](https://evil.example)")
    assert "[Sign in](" not in (await town.ada.run(town.guild, "doctor")).text


async def test_the_account_is_cured_by_the_applications_owner_alone(town: Town) -> None:
    """Cleo is an admin of two servers that sell at the account, and owns neither it nor the bot."""
    await town.sell()
    rival = town.world.add_guild("Rivals", town.cleo)
    await town.invite(rival)
    (endpoint,) = town.stripe.world.tables["webhook_endpoint"].values()
    endpoint["enabled_events"] = ["invoice.paid"]
    for guild in (rival, town.guild):
        shown = await town.cleo.run(guild, "doctor", {"fix": True})
        assert endpoint["enabled_events"] == ["invoice.paid"]
        assert "Ask the bot's owner to type /doctor" in shown.text
        assert "does not send" not in shown.text
        assert "test mode" not in shown.text
        assert town.product not in shown.text
    assert "Gold" not in (await town.cleo.run(rival, "doctor")).text
    assert "does not send" in (await town.ada.run(town.guild, "doctor")).text
    assert "mended" in (await town.ada.run(town.guild, "doctor", {"fix": True})).text
    assert "invoice.payment_failed" in endpoint["enabled_events"]


async def test_an_admin_cures_what_is_of_their_server(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.bob.run(town.guild, "manage")
    (portal,) = town.stripe.world.tables["billing_portal.configuration"].values()
    portal["features"]["subscription_cancel"]["enabled"] = False
    assert "Its settings were changed" in (await town.cleo.run(town.guild, "doctor")).text
    assert "mended" in (await town.cleo.run(town.guild, "doctor", {"fix": True})).text
    assert portal["features"]["subscription_cancel"]["enabled"]
