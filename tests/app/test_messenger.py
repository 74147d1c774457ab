"""Notices reach their readers: members by DM, admins in a channel or through the owner."""

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
from cogs.views.intent_outcomes import intent_words
from cogs.views.notices import notice_text
from cogs.views.reader import Audience
from tests.app.harness import AppHarness
from tests.db.old_notices import OLD

KEY = SubscriptionKey("stripe", "test", "sub_gone")
DISPUTE = Disputed(1, DisputeState.OPEN, KEY)
ENDED = Ended("Gold", KEY)
ADMINS = [*(body for _, _, to_member, body in OLD if not to_member), Unknown("of a later version")]
MEMBERS = [*(body for _, _, to_member, body in OLD if to_member), Unknown("of a later version")]


def notice(app: AppHarness, body: NoticeBody, member: int | None) -> Notice:
    """One to be told."""
    return Notice(f"k:{body.kind}", app.guild.id, member, body, app.ports.now())


@pytest.mark.parametrize("body", ADMINS, ids=lambda body: body.kind)
async def test_a_notice_to_admins_is_posted_in_their_notice_channel(
    app: AppHarness, body: NoticeBody
) -> None:
    channel = app.world.add_channel(app.guild, "staff")
    await app.ports.ledger.record_guild_settings(GuildSettings(app.guild.id, channel.id), "test", 1)
    await app.ports.messenger.tell(notice(app, body, None))
    (card,) = app.cleo.messages(channel)
    assert card.text
    assert card.pings == []
    assert app.ada.dms == []


@pytest.mark.parametrize("trouble", ["private", "deleted", "unset"])
async def test_a_notice_goes_to_the_owner_when_the_notice_channel_is_unset_private_or_deleted(
    app: AppHarness, trouble: str
) -> None:
    channel = app.world.add_channel(app.guild, "staff", private=trouble == "private")
    if trouble != "unset":
        await app.ports.ledger.record_guild_settings(GuildSettings(app.guild.id, channel.id), "test", 1)
    if trouble == "deleted":
        app.world.delete_channel(channel)
    await app.ports.messenger.tell(notice(app, DISPUTE, None))
    assert "has disputed a payment" in app.ada.dms[-1].text


@pytest.mark.parametrize("body", MEMBERS, ids=lambda body: body.kind)
async def test_a_notice_to_a_member_is_sent_by_direct_message(app: AppHarness, body: NoticeBody) -> None:
    await app.ports.messenger.tell(notice(app, body, app.bob.id))
    (card,) = app.bob.dms
    assert card.text
    assert not card.ephemeral


async def test_closed_direct_messages_and_an_unknown_server_are_reported_as_undeliverable(
    app: AppHarness,
) -> None:
    app.world.close_dms(app.bob)
    with pytest.raises(MessagesClosed):
        await app.ports.messenger.tell(notice(app, ENDED, app.bob.id))
    app.world.close_dms(app.ada)
    with pytest.raises(MessagesClosed):
        await app.ports.messenger.tell(notice(app, DISPUTE, None))
    elsewhere = Notice("k", 12345, None, DISPUTE, 1)
    with pytest.raises((MessagesClosed, GuildGone)):
        await app.ports.messenger.tell(elsewhere)


async def test_a_503_from_discord_is_reported_as_unavailable(app: AppHarness) -> None:
    for path in ("/users/@me/channels", "/channels/*/messages"):
        app.discord.faults.fail("POST", path, 503)
        with pytest.raises(DiscordUnavailable):
            await app.ports.messenger.tell(notice(app, ENDED, app.bob.id))


@pytest.mark.parametrize("status", [403, 404])
async def test_a_403_or_404_that_is_not_discords_own_is_reported_as_unavailable(
    app: AppHarness, status: int
) -> None:
    channel = app.world.add_channel(app.guild, "staff")
    await app.ports.ledger.record_guild_settings(GuildSettings(app.guild.id, channel.id), "test", 1)
    app.discord.faults.fail("*", "*", status, times=None)
    for body, member in ((ENDED, app.bob.id), (DISPUTE, None)):
        with pytest.raises(DiscordUnavailable):
            await app.ports.messenger.tell(notice(app, body, member))
    unseen = Notice("k", 12345, None, DISPUTE, 1)
    with pytest.raises(DiscordUnavailable):
        await app.ports.messenger.tell(unseen)


async def test_admins_get_the_outcome_of_a_refund_that_was_retried(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.cleo.run(
        app.guild, "revoke", {"member": app.bob.user, "when": "now", "refund": "last_payment"}
    )
    app.stripe.faults.add("status", "refunds", status=503, times=None)
    await (await asked.press("Revoke access")).until(lambda r: "Undo" in [b.label for b in r.buttons])
    app.stripe.faults.clear()
    await app.turn(120)
    note = await app.ada.dm_containing("Last payment refunded: €5.00")
    assert f"<@{app.bob.id}>" in note.text


async def test_the_outcome_of_an_unknown_request_points_to_subscriptions(app: AppHarness) -> None:
    assert app.process is not None
    gone = notice(app, IntentOutcome("gone", app.bob.id), app.bob.id)
    assert "/subscriptions" in await notice_text(app.ports, gone, Audience(app.process.bot))


@pytest.mark.parametrize("state", IntentState)
@pytest.mark.parametrize("kind", IntentKind)
def test_every_kind_and_state_of_a_request_has_words(kind: IntentKind, state: IntentState) -> None:
    key = SubscriptionKey("stripe", "test", "sub_1")
    said = intent_words(Intent("i", kind, key, 1, "", 1, state, outcome="It says no."))
    assert said.endswith((".", "`."))
    assert ("It says no." in said) is (state is IntentState.FAILED)
