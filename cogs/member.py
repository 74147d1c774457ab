"""Implements /member: one look at what a member pays and has, with the buttons that an admin needs then."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import Conflict, MemberGone
from billing.model.translatable_text import MemberRef, Text
from billing.use_cases.grant import GrantRequest
from billing.use_cases.member_overview import load_overview, look_again
from billing.use_cases.plans import load_plan_of
from billing.use_cases.refund_payment import RefundRequest, load_refundable, refund_payment
from billing.use_cases.revoke import AffectedSubscription, RevokeRequest
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.core.role_permissions import require_plan_sellable
from cogs.grant import give
from cogs.revoke import QUESTION_OPEN, Revoke
from cogs.translator import described
from cogs.views import layout
from cogs.views.intent_outcomes import intent_words
from cogs.views.member import overview_text, roles_text
from cogs.views.reader import Audience
from cogs.views.text import day, escaped, reason_words
from i18n import tr
from i18n.money import format_money

REFUNDS_SHOWN = 4  # a row of buttons has room for five
DAYS = (7, 30, 90, 365)
FOR_GOOD = "0"


@dataclass(frozen=True, slots=True)
class RefundQuestion:
    """Payments that an admin may refund. Kept in memory only: after a restart the admin asks again."""

    guild_id: int
    member_id: int
    by: int
    offers: tuple[AffectedSubscription, ...]
    until: float


class Member(commands.Cog):
    """Shows a member to an admin, refunds a payment, and leads to a grant or a revocation."""

    def __init__(self, revoke: Revoke) -> None:
        self._revoke = revoke
        self._open: dict[str, RefundQuestion] = {}
        self.menus = (
            app_commands.ContextMenu(name=described("menu.subscription"), callback=self.of_user),
            app_commands.ContextMenu(name=described("menu.why_role"), callback=self.of_message),
        )
        self.actions: dict[str, Action] = {
            "look": self.looked_again,
            "mrefund": self.refund_asked,
            "mrefundyes": self.refund_confirmed,
            "mrefundno": self.refund_dropped,
            "mrevoke": self.revoke_asked,
            "mgrant": self.grant_asked,
            "mgrantplan": self.plan_chosen,
            "mgrantfor": self.days_chosen,
        }

    @app_commands.command(description=described("description.member"))
    @app_commands.describe(member=described("option.member.member"))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def member(self, interaction: Interaction, member: discord.User) -> None:
        """Show what the member pays, what they have and why, and the last changes."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        await respond(interaction, await overview_card(interaction, guild_id, member.id))

    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def of_user(self, interaction: Interaction, user: discord.User) -> None:
        """Show a member, from their context menu."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        await respond(interaction, await overview_card(interaction, guild_id, user.id))

    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def of_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Say why the author of a message has their roles, from the message's context menu."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        seen = await load_overview(interaction.client.ports, guild_id, message.author.id)
        audience = Audience(interaction.client, guild_id, locale_of(interaction))
        await respond(interaction, layout.note(roles_text(seen, audience)))

    async def looked_again(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Ask the providers about the member's subscriptions, and show the member again."""
        await defer(interaction, replace=True)
        guild_id, member_id = await _asked_here(interaction, pressed)
        unanswered = await look_again(interaction.client.ports, guild_id, member_id)
        card = await overview_card(interaction, guild_id, member_id, [s.key.provider for s in unanswered])
        await respond(interaction, card, replace=True)

    async def refund_asked(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Show the payments that can be refunded, each with the button that refunds it."""
        await defer(interaction)
        guild_id, member_id = await _asked_here(interaction, pressed)
        ports, by = interaction.client.ports, interaction.user.id
        offers = tuple(await load_refundable(ports, guild_id, member_id, REFUNDS_SHOWN))
        now = ports.clock.now()
        self._open = {key: q for key, q in self._open.items() if q.until > now}
        number = secrets.token_hex(8)
        self._open[number] = RefundQuestion(guild_id, member_id, by, offers, now + QUESTION_OPEN)
        await respond(interaction, _refund_card(member_id, offers, by, number, locale_of(interaction)))

    async def refund_confirmed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Refund the payment that the admin chose. Each question refunds once."""
        number, _, place = pressed.rest.partition(":")
        question, ports = self._open.get(number), interaction.client.ports
        if question is None or question.by != interaction.user.id or question.until <= ports.clock.now():
            raise Conflict(Text("error.refund_question_closed"))
        guild_id = await require_admin(interaction, question.guild_id)
        chosen = question.offers[min(parse_id(place), len(question.offers) - 1)]
        if chosen.payment is None or self._open.pop(number, None) is None:
            raise Conflict(Text("error.refund_question_closed"))
        await defer(interaction, replace=True)
        key, payment = chosen.subscription.key, chosen.payment.id
        request = RefundRequest(guild_id, question.member_id, key, payment, interaction.user.id)
        done = await refund_payment(ports, request, number)
        said = intent_words(done, locale_of(interaction), connected=ports.connects(key))
        told = tr("refund.member_told", member=f"<@{question.member_id}>")
        await respond(interaction, layout.note(f"{said}\n{told}"), replace=True)

    async def refund_dropped(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Forget the question; nothing is refunded."""
        question = self._open.get(pressed.rest)
        if question is not None and question.by == interaction.user.id:
            del self._open[pressed.rest]
        await respond(interaction, layout.note(tr("revoke.nothing_changed")), replace=True)

    async def revoke_asked(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Ask whether to revoke everything at the end of the paid period, as /revoke does."""
        await defer(interaction)
        guild_id, member_id = await _asked_here(interaction, pressed)
        by = interaction.user.id
        request = RevokeRequest(guild_id, member_id, None, at_once=False, refund=False, reason="", by=by)
        await self._revoke.ask(interaction, request)

    async def grant_asked(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Ask which plan to grant."""
        await defer(interaction)
        guild_id, member_id = await _asked_here(interaction, pressed)
        plans = await interaction.client.ports.ledger.load_plans(guild_id)
        if not plans:
            await respond(interaction, layout.note(tr("member.nothing_to_grant")))
            return
        options = [(plan.name, str(plan.id), plan.description) for plan in plans]
        who, rest = interaction.user.id, pressed.rest
        menu = layout.select(tr("placeholder.plan_to_grant"), "mgrantplan", who, rest, options)
        await respond(interaction, layout.note(tr("member.grant_question", member=f"<@{member_id}>"), menu))

    async def plan_chosen(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Ask for how many days to grant the plan."""
        guild_id, member_id = await _asked_here(interaction, pressed)
        plan = await load_plan_of(interaction.client.ports, guild_id, parse_id(pressed.chosen))
        require_plan_sellable(interaction, plan)
        options = [(tr("count.days", n=days), str(days), "") for days in DAYS]
        options.append((tr("choice.grant_for_good"), FOR_GOOD, ""))
        who, rest = interaction.user.id, f"{pressed.rest}:{plan.id}"
        menu = layout.select(tr("placeholder.days_to_grant"), "mgrantfor", who, rest, options)
        said = tr("member.grant_days_question", plan=escaped(plan.name), member=f"<@{member_id}>")
        await respond(interaction, layout.note(said, menu), replace=True)

    async def days_chosen(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Grant the plan."""
        await defer(interaction, replace=True)
        guild_id, member_id = await _asked_here(interaction, pressed)
        plan_id = parse_id(pressed.rest.rpartition(":")[2])
        plan = await load_plan_of(interaction.client.ports, guild_id, plan_id)
        try:
            await interaction.client.ports.roles.fetch_member(guild_id, member_id)
        except MemberGone:
            raise Conflict(Text("error.not_in_server", member=MemberRef(member_id))) from None
        days = parse_id(pressed.chosen) or None
        if days is not None and days not in DAYS:
            raise Conflict(tr("error.outdated_button"))
        request = GrantRequest(guild_id, member_id, plan, days, "", interaction.user.id)
        await respond(interaction, await give(interaction, request), replace=True)


async def _asked_here(interaction: Interaction, pressed: ComponentPress) -> tuple[int, int]:
    """The server and the member of a button, which works only in that server and for its admins."""
    guild, member, *_ = [*pressed.rest.split(":"), ""]
    guild_id = await require_admin(interaction, interaction.guild_id)
    if parse_id(guild) != guild_id:
        raise Conflict(Text("error.outdated_button"))
    return guild_id, parse_id(member)


async def overview_card(
    interaction: Interaction, guild_id: int, member_id: int, unanswered: list[str] | None = None
) -> layout.Card:
    """Return the card of a member. `unanswered`: providers that were just asked and did not answer."""
    ports, who = interaction.client.ports, interaction.user.id
    seen = await load_overview(ports, guild_id, member_id)
    audience = Audience(interaction.client, guild_id, locale_of(interaction))
    rest = f"{guild_id}:{member_id}"
    row = layout.row(
        layout.button(tr("button.look_again"), "look", who, rest),
        layout.button(tr("button.grant_plan"), "mgrant", who, rest),
        layout.button(tr("button.refund"), "mrefund", who, rest) if seen.subscriptions else None,
        layout.button(tr("button.revoke_access"), "mrevoke", who, rest, style=layout.Style.danger),
    )
    return layout.note(overview_text(seen, audience, ports, unanswered or []), row)


def _refund_card(
    member_id: int, offers: tuple[AffectedSubscription, ...], who: int, number: str, locale: str
) -> layout.Card:
    member = f"<@{member_id}>"
    lines = [_refund_line(offer, locale) for offer in offers]
    buttons = [
        layout.button(
            tr("button.refund_amount", amount=format_money(offer.refundable, locale), plan=_names(offer)),
            "mrefundyes",
            who,
            f"{number}:{place}",
            style=layout.Style.danger,
        )
        for place, offer in enumerate(offers)
        if offer.refundable is not None
    ]
    if not buttons:
        return layout.note("\n".join([tr("refund.none", member=member), *lines]))
    keep = layout.button(tr("button.keep_payment"), "mrefundno", who, number)
    said = "\n".join([tr("refund.question", member=member), *lines])
    return layout.note(said, layout.row(*buttons, keep), colour=layout.WARN)


def _refund_line(offer: AffectedSubscription, locale: str) -> str:
    plans = escaped(_names(offer))
    if offer.fault:
        return tr("refund.unknown", plans=plans, why=reason_words(offer.fault))
    if offer.refundable is None or offer.payment is None:
        return tr("refund.no_payment", plans=plans)
    amount = format_money(offer.refundable, locale)
    return tr("refund.payment", plans=plans, amount=amount, day=day(offer.payment.paid_at))


def _names(offer: AffectedSubscription) -> str:
    return " + ".join(plan.name for plan in offer.plans) or offer.subscription.key.id
