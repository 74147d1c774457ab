"""Implements /cancel: members stop their own subscription from renewing, and can undo that until it ends."""

from __future__ import annotations

from contextlib import suppress

from discord import app_commands, ui
from discord.ext import commands

from billing.errors import Conflict, DiscordError, NotFound, ProviderError
from billing.model import Intent, IntentKind, IntentState, Status, Subscription, SubscriptionKey
from billing.use_cases.cancel import Preview, Receipt, confirm_cancel, preview_cancel, resume
from billing.use_cases.execute_intent import why_held
from billing.use_cases.refresh_subscription import refresh
from cogs.autocomplete import find_own, suggest_own
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress
from cogs.core.direct_messages import send_direct
from cogs.core.interactions import defer, locale_of, respond
from cogs.core.subscription_keys import key_text
from cogs.manage import choice_card, key_of, own_page
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.reader import Audience
from cogs.views.receipt import OwnPage, others, receipt_card, receipt_text, stays
from cogs.views.receipt_file import receipt_file
from cogs.views.subscription import SubscriptionView, back_button, load_views
from cogs.views.text import day, discord_words, escaped
from i18n import tr


class Cancel(commands.Cog):
    """Asks for confirmation, cancels, and shows a receipt with a button to undo it."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {
            "cancel": self.pressed,
            "cancelwhich": self.chosen,
            "cancelyes": self.confirmed,
            "keep": self.kept,
            "resume": self.resumed,
        }

    @app_commands.command(description=described("description.cancel"))
    @app_commands.describe(subscription=described("description.which_subscription"))
    @app_commands.autocomplete(subscription=suggest_own)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def cancel(self, interaction: Interaction, subscription: str | None = None) -> None:
        """Show what would end and when, and ask for confirmation."""
        await defer(interaction)
        ports, member_id = interaction.client.ports, interaction.user.id
        if subscription is not None:
            candidates = [await find_own(ports, member_id, subscription)]
        else:
            candidates = cancellable(await ports.ledger.load_subscriptions_of(member_id))
        if not candidates:
            raise NotFound(tr("error.no_known_subscription"))
        if len(candidates) == 1:
            await _ask(interaction, candidates[0].key)
        else:
            await respond(interaction, await choice_card(interaction, candidates, "cancelwhich"))

    async def pressed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Cancel on a subscription's card."""
        await defer(interaction)
        await _ask(interaction, key_of(pressed.rest))

    async def chosen(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the menu that asks which subscription to cancel."""
        await defer(interaction, replace=True)
        await _ask(interaction, key_of(pressed.chosen))

    async def confirmed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the confirmation: cancel on the terms that were shown, or ask again if they have changed."""
        ports, member_id = interaction.client.ports, interaction.user.id
        agreed, _, key_part = pressed.rest.partition(":")
        key = key_of(key_part)
        await defer(interaction, replace=True)
        try:
            preview = await preview_cancel(ports, member_id, key)
        except Conflict:
            await _ask(interaction, key)  # shows that it is cancelled, with the button to resume
            return
        if _terms(preview) != agreed:
            await _ask(interaction, key, tr("cancel.changed") + "\n")
            return
        receipt = await confirm_cancel(ports, member_id, preview)
        await _hand(interaction, receipt)

    async def kept(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button that keeps the subscription: change nothing."""
        await respond(interaction, layout.note(tr("cancel.kept")), replace=True)

    async def resumed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Resume: undo a cancellation."""
        await defer(interaction)
        receipt = await resume(interaction.client.ports, interaction.user.id, key_of(pressed.rest))
        await _hand(interaction, receipt)


def cancellable(own: list[Subscription]) -> list[Subscription]:
    """Return the subscriptions that would renew, or those already cancelled if none would.

    The cancelled ones let /cancel tell the member that there is nothing left to cancel.
    """
    running = [s for s in own if s.status is not Status.ENDED]
    return [s for s in running if not s.ends_with_period] or running


async def _ask(interaction: Interaction, key: SubscriptionKey, before: str = "") -> None:
    shown, audience, fresh = await _shown(interaction, key)
    if not fresh:
        before += tr("cancel.not_answering", provider=shown.title) + "\n"
    try:
        preview = await preview_cancel(interaction.client.ports, interaction.user.id, key)
    except Conflict as done:
        await respond(
            interaction,
            layout.note(before + discord_words(done.user_message), layout.row(back_button(shown))),
        )
        return
    who, rest = interaction.user.id, f"{_terms(preview)}:{key_text(key)}"
    row = layout.row(
        layout.button(tr("button.cancel_subscription"), "cancelyes", who, rest, style=layout.Style.danger),
        layout.button(tr("button.keep_subscription"), "keep", who),
    )
    await respond(
        interaction, layout.note(before + _question(shown, preview, audience), row, colour=layout.WARN)
    )


async def _shown(interaction: Interaction, key: SubscriptionKey) -> tuple[SubscriptionView, Audience, bool]:
    """Return the subscription's view, its audience, and whether the provider confirmed its current state.

    If the provider does not answer, the view shows the state in the ledger, and the last value is False.
    """
    ports = interaction.client.ports
    own, fresh = await refresh(ports, await find_own(ports, interaction.user.id, key_text(key)))
    (shown,) = await load_views(ports, [own], closely=True)
    return shown, Audience(interaction.client, interaction.guild_id, locale_of(interaction)), fresh


def _terms(preview: Preview) -> str:
    """Return the terms that the member agrees to, as text for a custom id.

    The text says whether the cancellation takes effect immediately, and until when the roles stay.
    """
    return f"{'end' if preview.kind is IntentKind.CANCEL_AT_PERIOD_END else 'now'}{preview.stays_until or ''}"


def _question(shown: SubscriptionView, preview: Preview, audience: Audience) -> str:
    plan, server = escaped(shown.name), escaped(audience.server(shown.guild_id))
    said = [f"### {tr('cancel.question', plan=plan)}", tr("card.server", server=server)]
    if shown.subscription.renews:
        price = sums_words(shown.subscription, audience.locale, shown.sums.charges)
        said.append(tr("cancel.price", price=price))
    until = preview.stays_until
    if preview.kind is IntentKind.CANCEL_NOW:
        said += [_ends(tr("cancel.ends_at_once")), *stays(shown, audience, None)]
    elif until is None:
        said += [_ends(tr("cancel.ends_with_period")), *others(shown, audience)]
    elif preview.final:
        said += [_ends(tr("cancel.final", provider=shown.title)), *stays(shown, audience, until)]
        said.append(tr("cancel.no_undo"))
    else:
        said += [_ends(tr("cancel.ends_on", day=day(until))), *stays(shown, audience, until)]
        if not preview.by_admins:
            said.append(tr("cancel.undo"))
    if preview.by_admins:
        said.append(tr("cancel.stopped_by_admins"))
    return "\n".join(said)


def _ends(how: str) -> str:
    return f"{how} {tr('sum.not_again')}"


async def _hand(interaction: Interaction, receipt: Receipt) -> None:
    """Send the receipt as the reply and by DM; the DM is sent even if the interaction has expired."""
    whose, state = receipt.subscription.binding, receipt.state
    known = {whose: state} if whose and state else None
    (shown,) = await load_views(interaction.client.ports, [receipt.subscription], known)
    audience = Audience(interaction.client, interaction.guild_id, locale_of(interaction))
    try:
        own = await _own_page(interaction, receipt.intent)
        await respond(interaction, receipt_card(receipt.intent, shown, audience, own))
    finally:
        if receipt.intent.state is IntentState.DONE:
            there = Audience(interaction.client, None, audience.locale)
            with suppress(DiscordError):
                card, file = receipt_card(receipt.intent, shown, there), None
                if sign := interaction.client.ports.sign_receipt:
                    file = receipt_file(receipt_text(receipt.intent, shown, there), receipt.intent.id, sign)
                    card.add_item(ui.File(file))
                await send_direct(interaction.client, interaction.user.id, card, file)


async def _own_page(interaction: Interaction, intent: Intent) -> OwnPage:
    """Return a link to the provider's page, if the bot could not cancel and the member can do it there."""
    barred = why_held(intent) or intent.state is IntentState.FAILED
    if barred and intent.kind is not IntentKind.RESUME:
        with suppress(ProviderError):
            return await own_page(interaction.client.ports, interaction.user.id, intent.key)
    return "", None
