"""The settings of a server, as its admins change them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from billing.errors import Conflict
from billing.model import GuildSettings
from billing.model.sales_news import NewsKind
from billing.model.translatable_text import Text
from billing.ports import Ports

LINK_LIMIT = 500


@dataclass(frozen=True, slots=True)
class SettingsUpdate:
    """Changes to a server's settings. None keeps a setting; an empty link or channel 0 removes it."""

    notice_channel_id: int | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    plan_switching: bool | None = None
    sales_news: tuple[NewsKind, ...] | None = None


async def edit_settings(ports: Ports, guild_id: int, choice: SettingsUpdate, by: int) -> GuildSettings:
    """Record the changes. Raises Conflict if a link is not a valid https address."""
    before, channel = await ports.ledger.load_guild_settings(guild_id), choice.notice_channel_id
    after = replace(
        before,
        notice_channel_id=before.notice_channel_id if channel is None else channel or None,
        terms_url=_link(choice.terms_url, before.terms_url),
        privacy_url=_link(choice.privacy_url, before.privacy_url),
        plan_switching=before.plan_switching if choice.plan_switching is None else choice.plan_switching,
        sales_news=before.sales_news if choice.sales_news is None else choice.sales_news,
    )
    if after != before:
        await ports.ledger.record_guild_settings(after, str(by), ports.now())
    return after


def _link(chosen: str | None, before: str | None) -> str | None:
    if chosen is None:
        return before
    text = chosen.strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        sound = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        sound = False
    if not sound or len(text) > LINK_LIMIT or not text.isprintable() or " " in text:
        raise Conflict(Text("error.link_not_https"))
    return text
