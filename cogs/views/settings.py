"""Renders a server's settings: the card with all of them, and the form of each subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import discord
from discord import ui

from billing.model import GuildSettings
from billing.model.sales_news import NewsKind
from billing.use_cases.guild_settings import LINK_LIMIT
from cogs.views import layout
from cogs.views.text import escaped
from i18n import tr

Form: TypeAlias = "tuple[str, Sequence[ui.Label[Any]]]"

_NEWS = {
    NewsKind.SALES: "choice.sales",
    NewsKind.CANCELLATIONS: "choice.cancellations",
    NewsKind.FAILED_PAYMENTS: "choice.failed_payments",
}


def settings_card(saved: GuildSettings, who: int, *, closed: bool) -> layout.Card:
    """Return the card with a menu of the subjects. `closed`: the bot can't post in the notice channel."""
    channel = saved.notice_channel_id
    terms, privacy = (escaped(u or "", LINK_LIMIT) for u in (saved.terms_url, saved.privacy_url))
    news = ", ".join(tr(_NEWS[kind]) for kind in saved.sales_news)
    said = [
        tr("plans.settings"),
        tr("plans.notices_to_channel", channel=f"<#{channel}>") if channel else tr("plans.notices_to_owner"),
        tr("settings.news", kinds=news) if news else tr("settings.no_news"),
        tr("plans.terms", url=terms) if terms else tr("plans.no_terms"),
        tr("plans.privacy", url=privacy) if privacy else tr("plans.no_privacy"),
        tr("plans.switching_on") if saved.plan_switching else tr("plans.switching_off"),
    ]
    if closed:
        said.append(tr("plans.channel_closed"))
    subjects = [
        (tr("choice.settings_notices"), "notices", ""),
        (tr("choice.settings_links"), "links", ""),
        (tr("choice.settings_switching"), "switching", ""),
    ]
    menu = layout.select(tr("choice.settings_subject"), "settings", who, "", subjects)
    return layout.note("\n".join(said), menu, colour=layout.WARN if closed else layout.GOOD)


def _notices_form(saved: GuildSettings) -> Form:
    channel: ui.ChannelSelect[Any] = ui.ChannelSelect(
        custom_id="channel",
        channel_types=[discord.ChannelType.text],
        min_values=0,
        default_values=[discord.Object(saved.notice_channel_id)] if saved.notice_channel_id else [],
    )
    news: ui.Select[Any] = ui.Select(custom_id="news", min_values=0, max_values=len(_NEWS), required=False)
    for kind, code in _NEWS.items():
        news.add_option(label=tr(code), value=kind, default=kind in saved.sales_news)
    return tr("modal.notices"), [
        ui.Label(
            text=tr("modal.channel"), description=tr("option.settings.channel_about"), component=channel
        ),
        ui.Label(text=tr("modal.news"), description=tr("option.settings.news_about"), component=news),
    ]


def _links_form(saved: GuildSettings) -> Form:
    return tr("modal.links"), [
        _link_field("terms", tr("modal.terms"), saved.terms_url),
        _link_field("privacy", tr("modal.privacy"), saved.privacy_url),
    ]


def _link_field(name: str, label: str, present: str | None) -> ui.Label[Any]:
    typed: ui.TextInput[Any] = ui.TextInput(
        custom_id=name, default=present, required=False, max_length=LINK_LIMIT, placeholder="https://"
    )
    return ui.Label(text=label, description=tr("option.settings.link_about"), component=typed)


def _switching_form(saved: GuildSettings) -> Form:
    menu: ui.Select[Any] = ui.Select(custom_id="switching")
    menu.add_option(label=tr("choice.on"), value="on", default=saved.plan_switching)
    menu.add_option(label=tr("choice.off"), value="off", default=not saved.plan_switching)
    field = ui.Label(
        text=tr("modal.switching"), description=tr("option.settings.switching_about"), component=menu
    )
    return tr("modal.switching"), [field]


# The form of each subject of the menu.
FORMS: dict[str, Callable[[GuildSettings], Form]] = {
    "notices": _notices_form,
    "links": _links_form,
    "switching": _switching_form,
}
