"""Who is told what, and where."""

from __future__ import annotations

import pytest

from billing.errors import DiscordUnavailable, GuildGone, MessagesClosed
from billing.model import GuildSettings, Intent, IntentKind, IntentState, Notice, SubscriptionKey
from cogs.notices import intent_words, notice_text
from cogs.shown import Place
from tests.cogs.town import Town

ADMINS: dict[str, dict[str, str | int | None]] = {
    "role_refused": {"member": 1, "role": 2, "why": "The role was deleted."},
    "dispute": {"member": 1, "state": "open", "subscription": "sub_1"},
    "unmapped_product": {"provider": "stripe", "price": "price_1", "product": "prod_1", "member": 1},
    "paid_while_blocked": {
        "member": 1,
        "provider": "stripe",
        "account": "test",
        "subscription": "sub_gone",
        "decision": "d1",
        "starts_at": None,
    },
    "paid_twice": {
        "member": 1,
        "provider": "stripe",
        "account": "test",
        "subscription": "sub_2",
        "plan": "Gold",
        "other": "sub_1",
        "other_provider": "stripe",
    },
    "charged_late": {"member": 1, "provider": "stripe", "subscription": "sub_gone", "amount": None},
    "refunded_by_hand": {"member": 1, "provider": "stripe", "amount": 500, "currency": "eur"},
    "unreadable": {"member": 1, "provider": "stripe", "account": "test", "subscription": "sub_1"},
    "vanished": {"member": 1, "provider": "stripe", "account": "test", "subscription": "sub_1"},
    "role_waits": {"member": 1, "until": 1_800_000_000},
    "asked": {"member": 1, "decision": "d1", "reason": "spam"},
}
MEMBERS: dict[str, dict[str, str | int | None]] = {
    "started": {"plan": "Gold", "provider": "stripe", "account": "test", "subscription": "sub_gone"},
    "payment_failed": {"plan": "Gold", "until": 1_800_000_000},
    "ended": {"plan": "Gold"},
    "revoked": {"decision": "d1", "reason": "", "plans": "Gold", "until": None},
    "lifted": {"plans": "Gold", "still": 1},
    "something new": {},
}


def notice(town: Town, kind: str, facts: dict[str, str | int | None], member: int | None) -> Notice:
    """One to be told."""
    return Notice(f"k:{kind}", town.guild.id, member, kind, facts, town.ports.now())


@pytest.mark.parametrize("kind", ADMINS)
async def test_admins_are_told_in_their_channel(town: Town, kind: str) -> None:
    channel = town.world.add_channel(town.guild, "staff")
    await town.ports.ledger.record_guild_settings(GuildSettings(town.guild.id, channel.id), "test", 1)
    await town.ports.messenger.tell(notice(town, kind, ADMINS[kind], None))
    (card,) = town.cleo.messages(channel)
    assert card.text
    assert card.pings == []
    assert town.ada.dms == []


@pytest.mark.parametrize("trouble", ["private", "deleted", "unset"])
async def test_else_the_owner_is(town: Town, trouble: str) -> None:
    channel = town.world.add_channel(town.guild, "staff", private=trouble == "private")
    if trouble != "unset":
        await town.ports.ledger.record_guild_settings(GuildSettings(town.guild.id, channel.id), "test", 1)
    if trouble == "deleted":
        town.world.delete_channel(channel)
    await town.ports.messenger.tell(notice(town, "dispute", ADMINS["dispute"], None))
    assert "disputes a payment" in town.ada.dms[-1].text


@pytest.mark.parametrize("kind", MEMBERS)
async def test_members_are_told_by_direct_message(town: Town, kind: str) -> None:
    await town.ports.messenger.tell(notice(town, kind, MEMBERS[kind], town.bob.id))
    (card,) = town.bob.dms
    assert card.text
    assert not card.ephemeral


async def test_closed_dms_and_a_server_that_is_gone(town: Town) -> None:
    town.world.close_dms(town.bob)
    with pytest.raises(MessagesClosed):
        await town.ports.messenger.tell(notice(town, "ended", {}, town.bob.id))
    town.world.close_dms(town.ada)
    with pytest.raises(MessagesClosed):
        await town.ports.messenger.tell(notice(town, "dispute", {}, None))
    elsewhere = Notice("k", 12345, None, "dispute", {}, 1)
    with pytest.raises((MessagesClosed, GuildGone)):
        await town.ports.messenger.tell(elsewhere)


async def test_trouble_that_passes(town: Town) -> None:
    for path in ("/users/@me/channels", "/channels/*/messages"):
        town.discord.faults.fail("POST", path, 503)
        with pytest.raises(DiscordUnavailable):
            await town.ports.messenger.tell(notice(town, "ended", {}, town.bob.id))


@pytest.mark.parametrize("status", [403, 404])
async def test_a_block_of_the_address_is_no_closed_door(town: Town, status: int) -> None:
    channel = town.world.add_channel(town.guild, "staff")
    await town.ports.ledger.record_guild_settings(GuildSettings(town.guild.id, channel.id), "test", 1)
    town.discord.faults.fail("*", "*", status, times=None)
    for kind, facts, member in (("ended", {}, town.bob.id), ("dispute", ADMINS["dispute"], None)):
        with pytest.raises(DiscordUnavailable):
            await town.ports.messenger.tell(notice(town, kind, facts, member))
    unseen = Notice("k", 12345, None, "dispute", {}, 1)
    with pytest.raises(DiscordUnavailable):
        await town.ports.messenger.tell(unseen)


async def test_an_outcome_for_admins(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.cleo.run(
        town.guild, "revoke", {"member": town.bob.user, "when": "now", "refund": "last_payment"}
    )
    town.stripe.faults.add("status", "refunds", status=503, times=None)
    await (await asked.press("Revoke access")).until(lambda r: "Undo" in [b.label for b in r.buttons])
    town.stripe.faults.clear()
    await town.turn(120)
    note = await town.ada.dm_containing("Last payment refunded: €5.00")
    assert f"<@{town.bob.id}>" in note.text


async def test_a_wish_that_nobody_knows_any_more(town: Town) -> None:
    assert town.process is not None
    gone = notice(town, "intent_outcome", {"intent": "gone"}, town.bob.id)
    assert "/subscriptions" in await notice_text(town.ports, gone, Place(town.process.bot))


@pytest.mark.parametrize("state", IntentState)
@pytest.mark.parametrize("kind", IntentKind)
def test_every_outcome_has_words(kind: IntentKind, state: IntentState) -> None:
    key = SubscriptionKey("stripe", "test", "sub_1")
    said = intent_words(Intent("i", kind, key, 1, "", 1, state, outcome="It says no."))
    assert said.endswith((".", "`."))
    assert ("It says no." in said) is (state is IntentState.FAILED)
