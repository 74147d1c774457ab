"""Who is told what, and where."""

from __future__ import annotations

import pytest

from billing.errors import DiscordUnavailable, GuildGone, MessagesClosed
from billing.model import (
    Disputed,
    DisputeState,
    Ended,
    GuildSettings,
    Intent,
    IntentKind,
    IntentOutcome,
    IntentState,
    Notice,
    NoticeBody,
    SubscriptionKey,
    Unknown,
)
from cogs.views.notices import intent_words, notice_text
from cogs.views.subscription import Audience
from tests.cogs.town import Town
from tests.db.old_notices import OLD

KEY = SubscriptionKey("stripe", "test", "sub_gone")
DISPUTE = Disputed(1, DisputeState.OPEN, KEY)
ENDED = Ended("Gold", KEY)
ADMINS = [*(body for _, _, to_member, body in OLD if not to_member), Unknown("of a later version")]
MEMBERS = [*(body for _, _, to_member, body in OLD if to_member), Unknown("of a later version")]


def notice(town: Town, body: NoticeBody, member: int | None) -> Notice:
    """One to be told."""
    return Notice(f"k:{body.kind}", town.guild.id, member, body, town.ports.now())


@pytest.mark.parametrize("body", ADMINS, ids=lambda body: body.kind)
async def test_admins_are_told_in_their_channel(town: Town, body: NoticeBody) -> None:
    channel = town.world.add_channel(town.guild, "staff")
    await town.ports.ledger.record_guild_settings(GuildSettings(town.guild.id, channel.id), "test", 1)
    await town.ports.messenger.tell(notice(town, body, None))
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
    await town.ports.messenger.tell(notice(town, DISPUTE, None))
    assert "disputes a payment" in town.ada.dms[-1].text


@pytest.mark.parametrize("body", MEMBERS, ids=lambda body: body.kind)
async def test_members_are_told_by_direct_message(town: Town, body: NoticeBody) -> None:
    await town.ports.messenger.tell(notice(town, body, town.bob.id))
    (card,) = town.bob.dms
    assert card.text
    assert not card.ephemeral


async def test_closed_dms_and_a_server_that_is_gone(town: Town) -> None:
    town.world.close_dms(town.bob)
    with pytest.raises(MessagesClosed):
        await town.ports.messenger.tell(notice(town, ENDED, town.bob.id))
    town.world.close_dms(town.ada)
    with pytest.raises(MessagesClosed):
        await town.ports.messenger.tell(notice(town, DISPUTE, None))
    elsewhere = Notice("k", 12345, None, DISPUTE, 1)
    with pytest.raises((MessagesClosed, GuildGone)):
        await town.ports.messenger.tell(elsewhere)


async def test_trouble_that_passes(town: Town) -> None:
    for path in ("/users/@me/channels", "/channels/*/messages"):
        town.discord.faults.fail("POST", path, 503)
        with pytest.raises(DiscordUnavailable):
            await town.ports.messenger.tell(notice(town, ENDED, town.bob.id))


@pytest.mark.parametrize("status", [403, 404])
async def test_a_block_of_the_address_is_no_closed_door(town: Town, status: int) -> None:
    channel = town.world.add_channel(town.guild, "staff")
    await town.ports.ledger.record_guild_settings(GuildSettings(town.guild.id, channel.id), "test", 1)
    town.discord.faults.fail("*", "*", status, times=None)
    for body, member in ((ENDED, town.bob.id), (DISPUTE, None)):
        with pytest.raises(DiscordUnavailable):
            await town.ports.messenger.tell(notice(town, body, member))
    unseen = Notice("k", 12345, None, DISPUTE, 1)
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
    gone = notice(town, IntentOutcome("gone", town.bob.id), town.bob.id)
    assert "/subscriptions" in await notice_text(town.ports, gone, Audience(town.process.bot))


@pytest.mark.parametrize("state", IntentState)
@pytest.mark.parametrize("kind", IntentKind)
def test_every_outcome_has_words(kind: IntentKind, state: IntentState) -> None:
    key = SubscriptionKey("stripe", "test", "sub_1")
    said = intent_words(Intent("i", kind, key, 1, "", 1, state, outcome="It says no."))
    assert said.endswith((".", "`."))
    assert ("It says no." in said) is (state is IntentState.FAILED)
