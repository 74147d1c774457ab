"""Implements /revoke: an admin ends a member's access and stops the billing, and can undo that."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import Conflict
from billing.model import IntentKind, IntentState, Override, Status
from billing.model.translatable_text import Text
from billing.ports import Ports
from billing.provider_names import display_name
from billing.use_cases.appeal import appeal
from billing.use_cases.lift import Undone, lift
from billing.use_cases.revoke import (
    AffectedSubscription,
    Revocation,
    RevokeRequest,
    end_of_paid,
    is_refund_changed,
    load_grants,
    preview_revoke,
    revoke,
    stays_until,
    stop_of,
)
from cogs.autocomplete import find_admin_plan, suggest_all_plans
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.intent_outcomes import intent_words
from cogs.views.reader import Audience
from cogs.views.text import day, escaped
from i18n import tr
from i18n.money import format_money

QUESTION_OPEN = 15 * 60  # seconds; Discord allows editing the question for this long
LISTED = 8
REASON_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Question:
    """A request that an admin has to confirm.

    It is kept in memory only, so after a restart the admin has to ask again.
    """

    request: RevokeRequest
    affected: list[AffectedSubscription]
    until: float


class Revoke(commands.Cog):
    """Asks the admin to confirm, revokes, and offers an Undo; also forwards members' appeals."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self.actions: dict[str, Action] = {
            "revokeyes": self.confirmed,
            "revokeno": self.dropped,
            "lift": self.lifted,
            "ask": self.asked,
        }

    @app_commands.command(description=described("description.revoke"))
    @app_commands.describe(
        member=described("option.revoke.member"),
        plan=described("option.revoke.plan"),
        when=described("option.revoke.when"),
        refund=described("option.revoke.refund"),
        reason=described("option.reason"),
    )
    @app_commands.choices(
        when=[
            app_commands.Choice(name=described("choice.revoke.period_end"), value="period_end"),
            app_commands.Choice(name=described("choice.revoke.now"), value="now"),
        ],
        refund=[
            app_commands.Choice(name=described("choice.revoke.no_refund"), value="none"),
            app_commands.Choice(name=described("choice.revoke.last_payment"), value="last_payment"),
        ],
    )
    @app_commands.autocomplete(plan=suggest_all_plans)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def revoke(
        self,
        interaction: Interaction,
        member: discord.User,
        plan: str | None = None,
        when: str = "period_end",
        refund: str = "none",
        reason: app_commands.Range[str, 1, REASON_LIMIT] | None = None,
    ) -> None:
        """Show what the revocation would do, and ask the admin to confirm it."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        ports = interaction.client.ports
        chosen = await find_admin_plan(ports, guild_id, plan, removed=True) if plan is not None else None
        request = RevokeRequest(
            guild_id=guild_id,
            member_id=member.id,
            plan_id=chosen.id if chosen else None,
            at_once=when == "now",
            refund=refund == "last_payment",
            reason=(reason or "").strip(),
            by=interaction.user.id,
        )
        await self.ask(interaction, request)

    async def ask(self, interaction: Interaction, request: RevokeRequest) -> None:
        """Show what the revocation would do, and ask the admin to confirm it. The caller has checked that
        they manage the server."""
        affected = await preview_revoke(interaction.client.ports, request)
        await respond(interaction, await self._ask(interaction, request, affected))

    async def _ask(
        self,
        interaction: Interaction,
        request: RevokeRequest,
        affected: list[AffectedSubscription],
        before: str = "",
    ) -> layout.Card:
        now = interaction.client.ports.clock.now()
        self._open = {key: q for key, q in self._open.items() if q.until > now}
        number = secrets.token_hex(8)
        self._open[number] = Question(request, affected, now + QUESTION_OPEN)
        row = layout.row(
            layout.button(
                tr("button.revoke_access"), "revokeyes", request.by, number, style=layout.Style.danger
            ),
            layout.button(tr("button.keep_access"), "revokeno", request.by, number),
        )
        audience = Audience(interaction.client, request.guild_id, locale_of(interaction))
        said = before + await _question(request, affected, audience, interaction.client.ports)
        return layout.note(said, row, colour=layout.WARN)

    async def confirmed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Execute the revocation that the admin has confirmed. Each question can be answered only once."""
        guild_id = await require_admin(interaction, interaction.guild_id)
        question, now = self._own(interaction, pressed), interaction.client.ports.clock.now()
        if question is None or question.until <= now or question.request.guild_id != guild_id:
            raise Conflict(Text("error.revoke_question_closed"))
        del self._open[pressed.rest]
        await defer(interaction, replace=True)
        ports, request = interaction.client.ports, question.request
        if await is_refund_changed(ports, request, question.affected):
            changed = tr("revoke.refund_changed") + "\n"
            again = await self._ask(interaction, request, await preview_revoke(ports, request), changed)
            await respond(interaction, again, replace=True)
            return
        done = await revoke(ports, request, question.affected)
        audience = Audience(interaction.client, guild_id, locale_of(interaction))
        await respond(interaction, outcome_card(done, audience, ports), replace=True)

    async def dropped(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Forget the question, so that the member keeps their access."""
        if self._own(interaction, pressed):
            del self._open[pressed.rest]
        await respond(interaction, layout.note(tr("revoke.nothing_changed")), replace=True)

    def _own(self, interaction: Interaction, pressed: ComponentPress) -> Question | None:
        """Return the question that a button belongs to; None if another user was asked."""
        question = self._open.get(pressed.rest)
        return question if question and question.request.by == interaction.user.id else None

    async def lifted(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Undo below a revocation or an appeal: lift the revocation."""
        await defer(interaction)
        guild, _, decision = pressed.rest.partition(":")
        guild_id = await require_admin(interaction, parse_id(guild))
        ports = interaction.client.ports
        done = await lift(ports, guild_id, decision, interaction.user.id)
        audience = Audience(interaction.client, guild_id, locale_of(interaction))
        await respond(interaction, lifted_card(done, guild_id, audience, ports))

    async def asked(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Forward a member's request to reconsider a revocation to the admins."""
        await defer(interaction)
        guild, _, decision = pressed.rest.partition(":")
        fresh = await appeal(interaction.client.ports, parse_id(guild), interaction.user.id, decision)
        said = tr("revoke.appealed") if fresh else tr("revoke.appealed_already")
        await respond(interaction, layout.note(said))


async def _question(
    request: RevokeRequest, affected: list[AffectedSubscription], audience: Audience, ports: Ports
) -> str:
    grants = await load_grants(ports, request)
    plans = {plan.id: plan.name for plan in await ports.ledger.load_plans(request.guild_id, removed=True)}
    said = [tr("revoke.question", member=f"<@{request.member_id}>")]
    said += [_affected_line(a, request, audience, ports.now()) for a in affected[:LISTED]]
    if len(affected) > LISTED:
        said.append(tr("revoke.more", n=len(affected) - LISTED))
    said += [_grant_line(g, plans, request) for g in grants[:LISTED]]
    said += _unconnected(affected, ports)
    if not affected and not grants:
        plan = escaped(plans.get(request.plan_id or 0, ""))
        said.append(tr("revoke.none_running", plan=plan) if plan else tr("revoke.none_running_at_all"))
    elif request.at_once:
        said.append(tr("revoke.now"))
    elif stays_until(request, affected, grants, ports.now()) is None:
        said.append(tr("revoke.nothing_paid"))
    else:
        said.append(tr("revoke.at_period_end"))
    said += _final(affected, request, ports)
    said += [_refund_line(a, audience) for a in affected[:LISTED]] if request.refund else []
    if affected and not request.refund:
        said.append(tr("revoke.no_refund"))
    said.append(
        tr("revoke.reason", reason=escaped(request.reason, REASON_LIMIT))
        if request.reason
        else tr("revoke.no_reason")
    )
    said.append(tr("revoke.stays_in_force"))
    return "\n".join(said)


def _grant_line(grant: Override, plans: Mapping[int, str], request: RevokeRequest) -> str:
    name = escaped(plans.get(grant.plan_id or 0, "")) or tr("revoke.every_plan")
    if grant.until is None:
        return tr("revoke.grant_for_good", name=name)
    if grant.is_paid:
        return tr("revoke.paid_days", name=name, day=day(grant.until))
    return tr("revoke.grant_until", name=name, day=day(grant.until))


def _final(affected: list[AffectedSubscription], request: RevokeRequest, ports: Ports) -> list[str]:
    """Return sentences about the effects that cannot be undone, shown before the admin confirms."""
    said = []
    stops = [stop_of(a.subscription, request) for a in affected]
    if IntentKind.CANCEL_NOW in stops:
        said.append(tr("revoke.billing_is_final"))
    kinds = zip(affected, stops, strict=True)
    titles = sorted(
        {
            display_name(a.subscription.key.provider)
            for a, stop in kinds
            if stop is IntentKind.CANCEL_AT_PERIOD_END and not _keeps_period(ports, a)
        }
    )
    said += [tr("revoke.cancel_is_final", provider=title) for title in titles]
    if request.refund and affected:
        said.append(tr("revoke.refund_is_final"))
    return said


def _keeps_period(ports: Ports, affected: AffectedSubscription) -> bool:
    provider = ports.providers.get(affected.subscription.key.provider)
    return provider is None or provider.keeps_period


def _name(affected: AffectedSubscription) -> str:
    return escaped(" + ".join(plan.name for plan in affected.plans)) or f"`{affected.subscription.key.id}`"


def _affected_line(
    affected: AffectedSubscription, request: RevokeRequest, audience: Audience, now: int
) -> str:
    sub = affected.subscription
    name, sums, end = _name(affected), sums_words(sub, audience.locale), end_of_paid(sub, now)
    if request.at_once or end <= now:
        return f"- **{name}**: {sums}"
    if sub.status is Status.TRIALING:
        return tr("revoke.free_until", name=name, sums=sums, day=day(end))
    return tr("revoke.paid_until", name=name, sums=sums, day=day(end))


def _unconnected(affected: list[AffectedSubscription], ports: Ports) -> list[str]:
    keys = [a.subscription.key for a in affected]
    where = {(display_name(key.provider), key.account) for key in keys if not ports.connects(key)}
    return [
        tr("revoke.unconnected", provider=provider, account=account) for provider, account in sorted(where)
    ]


def _refund_line(affected: AffectedSubscription, audience: Audience) -> str:
    if affected.fault:
        return tr("revoke.refund_unknown", name=_name(affected))
    if affected.refundable is None:
        return tr("revoke.refund_nothing", name=_name(affected))
    amount = format_money(affected.refundable, audience.locale)
    return tr("revoke.refund", name=_name(affected), amount=amount)


def outcome_card(done: Revocation, audience: Audience, ports: Ports) -> layout.Card:
    """Return the card that shows what the revocation has done so far, with a button to undo it."""
    request = done.order
    said = [tr("revoke.done", member=f"<@{request.member_id}>")]
    if not done.affected and not done.ended_grants:
        said.append(tr("revoke.done_barred"))
    else:
        said.append(tr("revoke.done_later") if done.until else tr("revoke.done_now"))
    for affected in done.affected[:LISTED]:
        key = affected.subscription.key
        of_this = [i for i in done.intents if i.key == key]
        words = (intent_words(i, audience.locale, connected=ports.connects(key)) for i in of_this)
        told = " ".join(words) or tr("revoke.ending_already")
        said.append(f"- **{_name(affected)}**: {told}")
    said.append(tr("revoke.member_told_why") if request.reason else tr("revoke.member_told"))
    undo = layout.button(tr("button.undo"), "lift", 0, f"{request.guild_id}:{done.decision_id}")
    settled = (IntentState.DONE, IntentState.DROPPED)
    open_still = any(i.state not in settled for i in done.intents)
    return layout.note("\n".join(said), layout.row(undo), colour=layout.WARN if open_still else layout.GOOD)


def lifted_card(done: Undone, guild_id: int, audience: Audience, ports: Ports) -> layout.Card:
    """Return the card that shows what was given back by lifting a revocation, and what could not be."""
    who = f"<@{done.member_id}>"
    said = [tr("revoke.lifted")]
    said += [f"- {intent_words(i, audience.locale, connected=ports.connects(i.key))}" for i in done.intents]
    row = None
    if done.still is not None:
        said.append(tr("revoke.another", member=who))
        row = layout.row(layout.button(tr("button.lift_too"), "lift", 0, f"{guild_id}:{done.still}"))
    if done.until is not None:
        said.append(tr("revoke.days_back", member=who, day=day(done.until)))
    elif done.kept:
        said.append(tr("revoke.cancelled_by_member", member=who))
    elif not done.intents and done.still is None:
        free = (
            tr("revoke.free_again_ended", member=who) if done.ended else tr("revoke.free_again", member=who)
        )
        said.append(free)
    if done.unasked:
        said.append(tr("revoke.refunds_unasked"))
    return layout.note("\n".join(said), row, colour=layout.GOOD if done.still is None else layout.WARN)
