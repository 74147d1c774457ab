"""Implements /subscriptions: shows all subscriptions of a member, from every server and provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from discord import app_commands, ui
from discord.ext import commands

from billing.errors import NotAllowed
from billing.model import Binding, Status, Subscription
from billing.ports import Ports
from billing.use_cases.grant import Held, load_held
from billing.use_cases.look_up_checkout import look_at_open
from billing.use_cases.member_overview import load_overview
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, follow_up, locale_of, respond
from cogs.grant import held_box
from cogs.translator import described
from cogs.views import layout
from cogs.views.layout import Card
from cogs.views.member import own_roles_text
from cogs.views.notices import notice_text
from cogs.views.reader import Audience
from cogs.views.subscription import load_views, subscription_box
from cogs.views.text import unsure_note
from i18n import tr

Listed: TypeAlias = Subscription | Held

PAGE = 4
SERVERS_EXPLAINED = 5
ENDED_SHOWN = 30 * 86_400  # seconds
NEWS_IN_FRONT = 900  # characters
ROOM = 760  # characters per card, so that four and the news fit into Discord's 4000


class Subscriptions(commands.Cog):
    """Shows a member's subscriptions and granted plans, page by page."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"page": self.turn, "why": self.explained}

    @app_commands.command(description=described("description.subscriptions"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def subscriptions(self, interaction: Interaction) -> None:
        """List the subscriptions, show notices that could not be sent by DM, and check the roles again."""
        await defer(interaction)
        await show_subscriptions(interaction)

    async def turn(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the buttons Back and Next of the overview."""
        await defer(interaction, replace=True)
        listed = await load_listed(interaction.client.ports, interaction.user.id, interaction.guild_id)
        card = await _overview(interaction, listed, parse_id(pressed.rest), "")
        await respond(interaction, card)

    async def explained(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Why: say for each role whether the caller has it, and why."""
        await defer(interaction)
        ports, who = interaction.client.ports, interaction.user.id
        if pressed.who != who:
            raise NotAllowed(tr("error.not_your_button"))
        listed = await load_listed(ports, who, interaction.guild_id)
        servers = list(dict.fromkeys(_server_of(each) for each in listed))[:SERVERS_EXPLAINED]
        await _mark(interaction, listed)
        seen = [await load_overview(ports, guild_id, who) for guild_id in servers if guild_id is not None]
        await respond(interaction, layout.note(own_roles_text(seen, _audience(interaction))))


async def show_subscriptions(interaction: Interaction) -> None:
    """List the caller's subscriptions, show notices that could not be sent by DM, and check their roles."""
    ports, member_id = interaction.client.ports, interaction.user.id
    unsure = unsure_note(await look_at_open(ports, member_id))
    listed = await load_listed(ports, member_id, interaction.guild_id)
    untold = await ports.ledger.load_untold(member_id, ports.now())
    told = [await notice_text(ports, n, _audience(interaction)) for n in untold]
    first, *more = _news([unsure, *told] if unsure else told)
    card = await _overview(interaction, listed, 0, first)
    await _mark(interaction, listed)  # so that parked members are checked again
    await respond(interaction, card)
    for text in more:
        await follow_up(interaction, layout.note(text))


def _server_of(listed: Listed) -> int | None:
    if isinstance(listed, Held):
        return listed.plan.guild_id
    return listed.binding.guild_id if listed.binding is not None else None


def _audience(interaction: Interaction) -> Audience:
    return Audience(interaction.client, interaction.guild_id, locale_of(interaction))


async def load_listed(ports: Ports, member_id: int, here: int | None) -> list[Listed]:
    """Return what to list, in order: this server's subscriptions, other servers', grants, recently ended."""
    since = ports.now() - ENDED_SHOWN
    own = await ports.ledger.load_subscriptions_of(member_id)
    recent = [s for s in own if s.status is not Status.ENDED or _over_since(s) >= since]
    recent.sort(key=lambda s: (s.binding is None or s.binding.guild_id != here, -s.created_at))
    running = [s for s in recent if s.status is not Status.ENDED]
    ended = [s for s in recent if s.status is Status.ENDED]
    return [*running, *await load_held(ports, member_id), *ended]


def _over_since(ended: Subscription) -> int:
    """Return when an ended subscription stopped giving access, in unix seconds.

    This is the later of its end and its paid time: a paid year may outlast the agreement by months, and
    PayPal does not always say when an agreement ended.
    """
    return max(ended.ended_at or 0, ended.paid_through or 0)


async def _mark(interaction: Interaction, listed: Sequence[Listed]) -> None:
    """Queue a check of the caller's roles in each server.

    Without the members intent, a command is the only sign that a member has returned.
    """
    ports = interaction.client.ports
    servers = {s.binding.guild_id for s in listed if isinstance(s, Subscription) and s.binding is not None}
    servers |= {held.plan.guild_id for held in listed if isinstance(held, Held)}
    here = interaction.client.get_guild(interaction.guild_id or 0)
    if here is not None:
        servers.add(here.id)
    marks = [Binding(guild_id, interaction.user.id) for guild_id in sorted(servers)]
    await ports.ledger.record_queued_members(marks, "command", ports.now())


def _news(texts: Sequence[str]) -> list[str]:
    """Join texts into blocks within Discord's limits: the first goes above the list, the others below it."""
    blocks = [""]
    for text in texts:
        room = NEWS_IN_FRONT if len(blocks) == 1 else layout.TEXT_LIMIT
        if len(blocks[-1]) + len(text) + 2 > room:
            blocks.append("")
        blocks[-1] = f"{blocks[-1]}\n\n{text}".strip()
    return blocks


async def _overview(interaction: Interaction, listed: Sequence[Listed], page: int, news: str) -> Card:
    audience, who = _audience(interaction), interaction.user.id
    page, pages = layout.leaf(listed, page, PAGE)
    part = listed[page * PAGE : (page + 1) * PAGE]
    own = [each for each in part if isinstance(each, Subscription)]
    shown = await load_views(interaction.client.ports, own, closely=True)
    cards_of = {each.subscription.key: subscription_box(each, audience, ROOM) for each in shown}
    boxes = [layout.box(f"### {tr('card.news')}\n{news}", colour=layout.WARN)] if news else []
    if not part:
        boxes.append(layout.box(tr("error.no_known_subscription")))
    for each in part:
        if isinstance(each, Held):
            boxes.append(held_box(each, audience, who))
        elif each.key in cards_of:
            boxes.append(cards_of[each.key])
    leafing = layout.pager("page", who, "", page, pages) or layout.row(*([_why_button(who)] if part else []))
    if leafing and pages > 1:
        leafing.add_item(_why_button(who))
    return Card(*boxes, *([leafing] if leafing else []))


def _why_button(who: int) -> ui.Item[ui.LayoutView]:
    return layout.button(tr("button.why_roles"), "why", who)
