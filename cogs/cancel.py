"""/cancel: a member ends the renewal of their own subscription, and may take that back until it ends."""

from __future__ import annotations

from contextlib import suppress

from discord import app_commands
from discord.ext import commands

from billing.errors import Conflict, DiscordError, NotFound, ProviderError
from billing.model import Intent, IntentKind, IntentState, Status, Subscription, SubscriptionKey
from billing.use_cases.cancel import Preview, Receipt, cancel, preview_cancel, resume
from billing.use_cases.execute_intent import why_held
from billing.use_cases.refresh_subscription import refresh
from cogs.autocomplete import find_own, suggest_own
from cogs.core.base import Interaction
from cogs.core.components import Action, ComponentPress
from cogs.core.direct_messages import send_direct
from cogs.core.interactions import defer, locale_of, respond
from cogs.core.keys import key_text
from cogs.manage import choice_card, key_of, own_page
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.ownership_notices import NONE_KNOWN
from cogs.views.receipt import OwnPage, others, receipt_card, stays
from cogs.views.subscription import Audience, SubscriptionView, back_button, load_views
from cogs.views.text import NOT_AGAIN, day, escaped


class Cancel(commands.Cog):
    """Ask once, cancel, hand a receipt with the way back."""

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
        """Say what would stop and when, and ask."""
        await defer(interaction)
        ports, member_id = interaction.client.ports, interaction.user.id
        if subscription is not None:
            candidates = [await find_own(ports, member_id, subscription)]
        else:
            candidates = cancellable(await ports.ledger.load_subscriptions_of(member_id))
        if not candidates:
            raise NotFound(NONE_KNOWN)
        if len(candidates) == 1:
            await _ask(interaction, candidates[0].key)
        else:
            await respond(interaction, await choice_card(interaction, candidates, "cancelwhich"))

    async def pressed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The button Cancel of a card."""
        await defer(interaction)
        await _ask(interaction, key_of(pressed.rest))

    async def chosen(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """One of several."""
        await defer(interaction, replace=True)
        await _ask(interaction, key_of(pressed.chosen))

    async def confirmed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The danger button: what it said is done, and where that has changed it is asked anew."""
        ports, member_id = interaction.client.ports, interaction.user.id
        agreed, _, key_part = pressed.rest.partition(":")
        key = key_of(key_part)
        await defer(interaction, replace=True)
        try:
            as_agreed = _terms(await preview_cancel(ports, member_id, key)) == agreed
        except Conflict:
            await _ask(interaction, key)  # which says so, with the way back
            return
        if not as_agreed:
            await _ask(interaction, key, "What this would do has changed meanwhile, so please look again.\n")
            return
        receipt = await cancel(ports, member_id, key)
        await _hand(interaction, receipt)

    async def kept(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The other button."""
        await respond(interaction, layout.note("Nothing was changed."), replace=True)

    async def resumed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The way back."""
        await defer(interaction)
        receipt = await resume(interaction.client.ports, interaction.user.id, key_of(pressed.rest))
        await _hand(interaction, receipt)


def cancellable(own: list[Subscription]) -> list[Subscription]:
    """Those that would go on; where none would, those that are cancelled already, to say so."""
    running = [s for s in own if s.status is not Status.ENDED]
    return [s for s in running if not s.ends_with_period] or running


async def _ask(interaction: Interaction, key: SubscriptionKey, before: str = "") -> None:
    shown, place, fresh = await _shown(interaction, key)
    if not fresh:
        before += f"{shown.title} gives no answer just now, so this is what was known last.\n"
    try:
        preview = await preview_cancel(interaction.client.ports, interaction.user.id, key)
    except Conflict as done:
        await respond(interaction, layout.note(before + done.user_message, layout.row(back_button(shown))))
        return
    who, rest = interaction.user.id, f"{_terms(preview)}:{key_text(key)}"
    row = layout.row(
        layout.button("Cancel subscription", "cancelyes", who, rest, style=layout.Style.danger),
        layout.button("Keep it", "keep", who),
    )
    await respond(
        interaction, layout.note(before + _question(shown, preview, place), row, colour=layout.WARN)
    )


async def _shown(interaction: Interaction, key: SubscriptionKey) -> tuple[SubscriptionView, Audience, bool]:
    """As the provider has it now; False at the end where it gave no answer."""
    ports = interaction.client.ports
    own, fresh = await refresh(ports, await find_own(ports, interaction.user.id, key_text(key)))
    (shown,) = await load_views(ports, [own], closely=True)
    return shown, Audience(interaction.client, interaction.guild_id, locale_of(interaction)), fresh


def _terms(preview: Preview) -> str:
    """What the member is shown and agrees to, in short: at once, or until when the roles stay."""
    return f"{'end' if preview.kind is IntentKind.CANCEL_AT_PERIOD_END else 'now'}{preview.stays_until or ''}"


def _question(shown: SubscriptionView, preview: Preview, place: Audience) -> str:
    said = [f"### Cancel {escaped(shown.name)}?", f"in **{escaped(place.server(shown.guild_id))}**"]
    if shown.subscription.renews:
        said.append(f"Now: {sums_words(shown.subscription, place.locale, shown.sums.charges)}.")
    until = preview.stays_until
    if preview.kind is IntentKind.CANCEL_NOW:
        said.append(f"It ends **at once**, as nothing is paid for the time ahead. {NOT_AGAIN}")
        said += stays(shown, place, None)
    elif until is None:
        said.append(f"It stops renewing at the end of the paid period. {NOT_AGAIN}")
        said += others(shown, place)
    elif preview.final:
        said.append(f"{shown.title} ends it at once and for good. {NOT_AGAIN}")
        said += stays(shown, place, until)
        said.append(
            "**This cannot be taken back**; if you subscribe again, that starts when the paid time ends."
        )
    else:
        said.append(f"It stops renewing and ends on {day(until)}. {NOT_AGAIN}")
        said += stays(shown, place, until)
        if not preview.by_admins:
            said.append("You can take this back until it ends.")
    if preview.by_admins:
        said.append(
            "The server's admins have stopped it already. If you cancel it too, it stays cancelled even if "
            "they take that back."
        )
    return "\n".join(said)


async def _hand(interaction: Interaction, receipt: Receipt) -> None:
    """The receipt, here and, where direct messages are open, there, be it too late for here."""
    (shown,) = await load_views(interaction.client.ports, [receipt.subscription])
    place = Audience(interaction.client, interaction.guild_id, locale_of(interaction))
    try:
        own = await _own_page(interaction, receipt.intent)
        await respond(interaction, receipt_card(receipt.intent, shown, place, own))
    finally:
        if receipt.intent.state is IntentState.DONE:
            there = Audience(interaction.client, None, place.locale)
            with suppress(DiscordError):
                card = receipt_card(receipt.intent, shown, there)
                await send_direct(interaction.client, interaction.user.id, card)


async def _own_page(interaction: Interaction, intent: Intent) -> OwnPage:
    """Where a member can cancel by their own hand what the bot could not, if there is a way."""
    barred = why_held(intent) or intent.state is IntentState.FAILED
    if barred and intent.kind is not IntentKind.RESUME:
        with suppress(ProviderError):
            return await own_page(interaction.client.ports, interaction.user.id, intent.key)
    return "", None
