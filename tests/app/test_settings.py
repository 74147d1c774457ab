"""/settings: a card with a form for each subject; and the news about sales that it turns on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.model.sales_news import NewsKind
from billing.worker import schedule
from standins.discord import Reply
from standins.discord.permissions import MANAGE_GUILD
from tests.app.harness import MONTH, AppHarness, running


async def form(app: AppHarness, subject: str) -> Reply:
    """Let Cleo open the form of a subject."""
    card = await app.cleo.run(app.guild, "settings")
    return await card.choose("Change a setting", subject)


async def test_an_admin_changes_each_subject_with_its_form(app: AppHarness) -> None:
    news = app.world.add_channel(app.guild, "news")
    opened = await form(app, "Notices and sales news")
    chosen = {"channel": [news], "news": ["sales", "failed_payments"]}
    shown = await opened.submit_modal(chosen)
    assert shown.updated
    assert f"<#{news.id}>" in shown.text
    assert "Sales news: Sales, Failed payments." in shown.text
    opened = await form(app, "Terms and privacy policy")
    shown = await opened.submit_modal({"terms": "https://example.org/terms", "privacy": ""})
    assert "example.org/terms" in shown.text
    opened = await form(app, "Switching plans")
    await opened.submit_modal({"switching": ["on"]})
    saved = await app.ports.ledger.load_guild_settings(app.guild.id)
    assert (saved.notice_channel_id, saved.terms_url, saved.privacy_url) == (
        news.id,
        "https://example.org/terms",
        None,
    )
    assert saved.plan_switching
    assert saved.sales_news == (NewsKind.SALES, NewsKind.FAILED_PAYMENTS)


async def test_a_form_without_a_channel_sends_the_notices_to_the_owner_again(app: AppHarness) -> None:
    await app.cleo.run(app.guild, "plans settings", {"notice_channel": app.guild.channel()})
    opened = await form(app, "Notices and sales news")
    shown = await opened.submit_modal({"channel": [], "news": []})
    assert "owner" in shown.text
    assert (await app.ports.ledger.load_guild_settings(app.guild.id)).notice_channel_id is None


async def test_a_link_that_is_not_https_changes_nothing(app: AppHarness) -> None:
    opened = await form(app, "Terms and privacy policy")
    refused = await opened.submit_modal({"terms": "javascript:alert(1)", "privacy": ""})
    assert "https" in refused.text
    assert (await app.ports.ledger.load_guild_settings(app.guild.id)).terms_url is None


async def test_a_member_who_lost_manage_server_cannot_submit_the_form(app: AppHarness) -> None:
    opened = await form(app, "Switching plans")
    (power,) = (role for role in app.guild.roles.values() if role.permissions == MANAGE_GUILD)
    app.world.take_role(app.guild, app.cleo, power)
    refused = await opened.submit_modal({"switching": ["on"]})
    assert "Manage Server" in refused.text
    assert not (await app.ports.ledger.load_guild_settings(app.guild.id)).plan_switching


@pytest.fixture
async def told(idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AppHarness]:
    """An app that looks for news at each second of the clock."""
    monkeypatch.setattr(schedule, "GROUPED", 1.0)
    async with running(idle_app):
        yield idle_app


async def test_admins_who_want_it_hear_of_sales_and_cancellations(told: AppHarness) -> None:
    app = told
    opened = await form(app, "Notices and sales news")
    await opened.submit_modal({"channel": [], "news": ["sales", "cancellations"]})
    await app.sell()
    await app.buy()
    await app.turn(60)
    note = await app.ada.dm_containing("News about your sales")
    assert f"<@{app.bob.id}> subscribed to Gold (€5.00 a month)" in note.text
    asked = await app.bob.run(app.guild, "cancel")
    await asked.press("Cancel subscription")
    await app.turn(60)
    note = await app.ada.dm_containing("won't renew")
    assert "subscribed" not in note.text


async def test_nobody_hears_of_sales_unless_an_admin_asked_for_it(told: AppHarness) -> None:
    app = told
    await app.sell()
    await app.buy()
    await app.turn(MONTH)
    assert not [card for card in app.ada.dms if "News about your sales" in card.text]
