"""Notices are written in the language of their readers."""

from __future__ import annotations

import asyncio

from billing.model import ChargedLate, Ended, GuildSettings, Money, Notice, NoticeBody, SubscriptionKey
from standins.discord import Person
from tests.app.harness import AppHarness, running

KEY = SubscriptionKey("stripe", "test", "sub_gone")
ENDED = Ended("Gold", KEY)
CHARGED = ChargedLate(1, KEY, Money(500, "eur"))


async def use_discord_in(app: AppHarness, who: Person, locale: str) -> None:
    """A command of somebody who has chosen that language, and its trace in the ledger."""
    who.user.locale = locale
    await who.run(app.guild, "subscriptions")
    async with asyncio.timeout(10):
        app.changed.clear()
        while await app.ports.ledger.load_locale(who.id) != locale:
            await app.changed.wait()
            app.changed.clear()


async def tell(app: AppHarness, body: NoticeBody, member_id: int | None) -> None:
    await app.ports.messenger.tell(Notice(f"k:{body.kind}", app.guild.id, member_id, body, app.ports.now()))


async def test_a_member_who_last_used_discord_in_german_gets_a_german_notice_after_a_restart(
    idle_app: AppHarness,
) -> None:
    async with running(idle_app):
        await use_discord_in(idle_app, idle_app.bob, "en-GB")
        await use_discord_in(idle_app, idle_app.bob, "de")
    async with running(idle_app):
        await tell(idle_app, ENDED, idle_app.bob.id)
    assert idle_app.bob.dms[-1].text.startswith("### Dein Abo „Gold“ in Pottery ist beendet")


async def test_a_member_who_never_used_the_bot_gets_an_english_notice(app: AppHarness) -> None:
    app.bob.user.locale = "de"
    await tell(app, ENDED, app.bob.id)
    assert app.bob.dms[-1].text.startswith("### Your Gold subscription in Pottery has ended")


async def test_a_notice_in_a_channel_is_written_in_the_servers_language(idle_app: AppHarness) -> None:
    idle_app.guild.locale = "de"
    channel = idle_app.world.add_channel(idle_app.guild, "staff")
    async with running(idle_app):
        settings = GuildSettings(idle_app.guild.id, channel.id)
        await idle_app.ports.ledger.record_guild_settings(settings, "test", 1)
        await tell(idle_app, CHARGED, None)
    (card,) = idle_app.cleo.messages(channel)
    assert "5,00\xa0€" in card.text


async def test_the_owner_gets_notices_in_the_servers_language_until_they_use_the_bot_in_another(
    idle_app: AppHarness,
) -> None:
    idle_app.guild.locale = "de"
    async with running(idle_app):
        await tell(idle_app, CHARGED, None)
        assert "5,00\xa0€" in idle_app.ada.dms[-1].text
        await use_discord_in(idle_app, idle_app.ada, "en-US")
        await tell(idle_app, CHARGED, None)
    assert "€5.00" in idle_app.ada.dms[-1].text


async def test_an_error_is_shown_in_the_language_of_the_member_who_caused_it(app: AppHarness) -> None:
    app.bob.user.locale = "de"
    missing = {"plan": "Silver"}
    assert "Diesen Plan gibt es" in (await app.bob.run(app.guild, "subscribe", missing)).text
    app.bob.user.locale = "en-GB"
    assert "plan doesn't exist" in (await app.bob.run(app.guild, "subscribe", missing)).text
