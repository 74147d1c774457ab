"""/revoke: an admin ends a member's access and stops the billing, and can take it back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import Conflict
from billing.model import IntentKind, IntentState, Override, Status
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
from cogs.core.base import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.notices import intent_words
from cogs.views.subscription import Audience
from cogs.views.text import day, escaped
from i18n.money import format_money

QUESTION_OPEN = 15 * 60  # seconds; as long as Discord lets the question be edited
LISTED = 8
REASON_LIMIT = 300
CLOSED = (
    "This question is no longer open: it was answered, 15 minutes have passed, or the bot was started "
    "anew. Nothing was done just now. Use /revoke again if it is still wanted."
)

CHANGED = "**The refund would be another one by now,** so nothing was done yet. Please look again.\n"


@dataclass(frozen=True, slots=True)
class Question:
    """An order that waits for its yes. Kept in memory only: after a restart it is asked anew."""

    order: RevokeRequest
    affected: list[AffectedSubscription]
    until: float


class Revoke(commands.Cog):
    """Ask once, revoke, and offer the way back; also what members ask about it."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self.actions: dict[str, Action] = {
            "revokeyes": self.confirmed,
            "revokeno": self.dropped,
            "lift": self.lifted,
            "ask": self.asked,
        }

    @app_commands.command(description="End a member's access and stop the billing; asks once, can be undone")
    @app_commands.describe(
        member="Whose access",
        plan="Which plan; left out: all of this server's",
        when="At the end of what is paid, or at once",
        refund="Whether the last payment is given back",
        reason="The member is told this",
    )
    @app_commands.choices(
        when=[
            app_commands.Choice(name="at the end of the paid period", value="period_end"),
            app_commands.Choice(name="now", value="now"),
        ],
        refund=[
            app_commands.Choice(name="none", value="none"),
            app_commands.Choice(name="the last payment", value="last_payment"),
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
        """Say whom it would hit and how, and ask."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        ports = interaction.client.ports
        chosen = await find_admin_plan(ports, guild_id, plan, removed=True) if plan is not None else None
        order = RevokeRequest(
            guild_id=guild_id,
            member_id=member.id,
            plan_id=chosen.id if chosen else None,
            at_once=when == "now",
            refund=refund == "last_payment",
            reason=(reason or "").strip(),
            by=interaction.user.id,
        )
        affected = await preview_revoke(ports, order)
        await respond(interaction, await self._ask(interaction, order, affected))

    async def _ask(
        self,
        interaction: Interaction,
        order: RevokeRequest,
        affected: list[AffectedSubscription],
        before: str = "",
    ) -> layout.Card:
        now = interaction.client.ports.clock.now()
        self._open = {key: q for key, q in self._open.items() if q.until > now}
        number = secrets.token_hex(8)
        self._open[number] = Question(order, affected, now + QUESTION_OPEN)
        row = layout.row(
            layout.button("Revoke access", "revokeyes", order.by, number, style=layout.Style.danger),
            layout.button("Leave it", "revokeno", order.by, number),
        )
        place = Audience(interaction.client, order.guild_id, locale_of(interaction))
        said = before + await _question(order, affected, place, interaction.client.ports)
        return layout.note(said, row, colour=layout.WARN)

    async def confirmed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The danger button, good for one press."""
        guild_id = await require_admin(interaction, interaction.guild_id)
        question, now = self._own(interaction, pressed), interaction.client.ports.clock.now()
        if question is None or question.until <= now or question.order.guild_id != guild_id:
            raise Conflict(CLOSED)
        del self._open[pressed.rest]
        await defer(interaction, replace=True)
        ports, order = interaction.client.ports, question.order
        if await is_refund_changed(ports, order, question.affected):
            anew = await self._ask(interaction, order, await preview_revoke(ports, order), CHANGED)
            await respond(interaction, anew, replace=True)
            return
        done = await revoke(ports, order, question.affected)
        place = Audience(interaction.client, guild_id, locale_of(interaction))
        await respond(interaction, outcome_card(done, place, ports), replace=True)

    async def dropped(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The other button."""
        if self._own(interaction, pressed):
            del self._open[pressed.rest]
        await respond(interaction, layout.note("Nothing was changed."), replace=True)

    def _own(self, interaction: Interaction, pressed: ComponentPress) -> Question | None:
        """What was asked of the presser, and of nobody else."""
        question = self._open.get(pressed.rest)
        return question if question and question.order.by == interaction.user.id else None

    async def lifted(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Undo, or the button in a notice."""
        await defer(interaction)
        guild, _, decision = pressed.rest.partition(":")
        guild_id = await require_admin(interaction, parse_id(guild))
        ports = interaction.client.ports
        done = await lift(ports, guild_id, decision, interaction.user.id)
        place = Audience(interaction.client, guild_id, locale_of(interaction))
        await respond(interaction, lifted_card(done, guild_id, place, ports))

    async def asked(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """A member asks the admins to look again."""
        await defer(interaction)
        guild, _, decision = pressed.rest.partition(":")
        fresh = await appeal(interaction.client.ports, parse_id(guild), interaction.user.id, decision)
        said = "The admins have been told that you ask." if fresh else "The admins have been told already."
        await respond(interaction, layout.note(f"{said} They decide, and may write to you."))


async def _question(
    order: RevokeRequest, affected: list[AffectedSubscription], place: Audience, ports: Ports
) -> str:
    grants = await load_grants(ports, order)
    plans = {plan.id: plan.name for plan in await ports.ledger.load_plans(order.guild_id, removed=True)}
    said = [f"### Revoke access of <@{order.member_id}>?"]
    said += [_affected_line(a, order, place, ports.now()) for a in affected[:LISTED]]
    if len(affected) > LISTED:
        said.append(f"…and {len(affected) - LISTED} more.")
    said += [_grant_line(g, plans, order) for g in grants[:LISTED]]
    said += _unconnected(affected, ports)
    if not affected and not grants:
        which = escaped(plans.get(order.plan_id or 0, "")) or "any plan here"
        said.append(f"They have no running subscription. They will not be able to subscribe to {which}.")
    elif order.at_once:
        said.append("**At once:** the roles go now and the billing ends now.")
    elif stays_until(order, affected, grants, ports.now()) is None:
        said.append("**Nothing is paid for the time ahead,** so the roles go now and nothing renews.")
    else:
        said.append("**At the end of what is paid:** nothing renews; the roles stay until then.")
    said += _final(affected, order, ports)
    said += [_refund_line(a, place) for a in affected[:LISTED]] if order.refund else []
    if affected and not order.refund:
        said.append("No refund.")
    said.append(
        f"Reason, which the member is told: {escaped(order.reason, REASON_LIMIT)}"
        if order.reason
        else "No reason is given."
    )
    said.append("It stays in force even if they subscribe again. Only an admin can undo it.")
    return "\n".join(said)


def _grant_line(grant: Override, plans: Mapping[int, str], order: RevokeRequest) -> str:
    name = escaped(plans.get(grant.plan_id or 0, "")) or "every plan"
    until = f"until {day(grant.until)}" if grant.until else "for good"
    if not grant.is_paid:
        return f"- **{name}**, granted {until}: the grant ends now. Undo does not bring it back; /grant does."
    return f"- **{name}**, paid {until} and given back by an earlier undo"


def _final(affected: list[AffectedSubscription], order: RevokeRequest, ports: Ports) -> list[str]:
    """What cannot be undone, before it is done."""
    said = []
    stops = [stop_of(a.subscription, order) for a in affected]
    if IntentKind.CANCEL_NOW in stops:
        said.append(
            "**The billing that ends now cannot be restarted.** Undo gives back the days that were paid and "
            "not refunded, free days of a trial aside; to be billed again, the member has to subscribe again."
        )
    kinds = zip(affected, stops, strict=True)
    titles = sorted(
        {
            display_name(a.subscription.key.provider)
            for a, stop in kinds
            if stop is IntentKind.CANCEL_AT_PERIOD_END and not _keeps_period(ports, a)
        }
    )
    said += [f"**{t} ends the billing for good,** so Undo cannot restart it; paid days stay." for t in titles]
    if order.refund and affected:
        said.append("A refund cannot be taken back.")
    return said


def _keeps_period(ports: Ports, affected: AffectedSubscription) -> bool:
    provider = ports.providers.get(affected.subscription.key.provider)
    return provider is None or provider.keeps_period


def _name(affected: AffectedSubscription) -> str:
    return escaped(" + ".join(plan.name for plan in affected.plans)) or f"`{affected.subscription.key.id}`"


def _affected_line(affected: AffectedSubscription, order: RevokeRequest, place: Audience, now: int) -> str:
    sub = affected.subscription
    end, had = end_of_paid(sub, now), "free" if sub.status is Status.TRIALING else "paid"
    until = f", {had} until {day(end)}" if end > now and not order.at_once else ""
    return f"- **{_name(affected)}**: {sums_words(sub, place.locale)}{until}"


def _unconnected(affected: list[AffectedSubscription], ports: Ports) -> list[str]:
    keys = [a.subscription.key for a in affected]
    where = {f"{display_name(key.provider)} ({key.account})" for key in keys if not ports.connects(key)}
    return [
        f"**Note:** the bot is not connected to {one}, so it cannot stop the billing there. The roles are "
        "taken all the same; end the subscription in the provider's dashboard."
        for one in sorted(where)
    ]


def _refund_line(affected: AffectedSubscription, place: Audience) -> str:
    if affected.fault:
        return f"Refund for {_name(affected)}: the last payment could not be looked up; it is tried again."
    if affected.refundable is None:
        return f"Refund for {_name(affected)}: nothing to refund."
    return f"Refund for {_name(affected)}: **{format_money(affected.refundable, place.locale)}**"


def outcome_card(done: Revocation, place: Audience, ports: Ports) -> layout.Card:
    """What came of it so far, with the way back."""
    order = done.order
    said = [f"### Access of <@{order.member_id}> revoked"]
    if not done.affected and not done.ended_grants:
        said.append("They cannot subscribe any more.")
    else:
        said.append("The roles stay until the end of what is paid." if done.until else "The roles go now.")
    for affected in done.affected[:LISTED]:
        key = affected.subscription.key
        of_this = [i for i in done.intents if i.key == key]
        words = (intent_words(i, place.locale, connected=ports.connects(key)) for i in of_this)
        told = " ".join(words) or "It was ending already."
        said.append(f"- **{_name(affected)}**: {told}")
    said.append("The member is told, with the reason." if order.reason else "The member is told.")
    undo = layout.button("Undo", "lift", 0, f"{order.guild_id}:{done.decision_id}")
    settled = (IntentState.DONE, IntentState.DROPPED)
    open_still = any(i.state not in settled for i in done.intents)
    return layout.note("\n".join(said), layout.row(undo), colour=layout.WARN if open_still else layout.GOOD)


def lifted_card(done: Undone, guild_id: int, place: Audience, ports: Ports) -> layout.Card:
    """What an Undo gave back, and what it could not."""
    who = f"<@{done.member_id}>"
    said = ["### Revocation lifted"]
    said += [f"- {intent_words(i, place.locale, connected=ports.connects(i.key))}" for i in done.intents]
    row = None
    if done.still is not None:
        said.append(f"Another revocation of {who} still stands. Until you lift that as well, it rules.")
        row = layout.row(layout.button("Lift that too", "lift", 0, f"{guild_id}:{done.still}"))
    if done.until is not None:
        said.append(
            f"{who} has the paid days back until {day(done.until)} and can subscribe again. The old "
            "subscription stays ended."
        )
    elif done.kept:
        said.append(f"{who} cancelled it themselves, so it does not renew.")
    elif not done.intents and done.still is None:
        ended = " The old subscription stays ended, and no paid days are left." if done.ended else ""
        said.append(f"{who} can subscribe again.{ended}")
    if done.unasked:
        said.append(
            "The provider did not answer, so a refund made in its dashboard was not taken into account."
        )
    return layout.note("\n".join(said), row, colour=layout.GOOD if done.still is None else layout.WARN)
