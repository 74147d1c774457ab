"""Implements /manage: sends members a link to the provider's own page for their subscription."""

from __future__ import annotations

from discord import app_commands
from discord.ext import commands

from billing.errors import Conflict, NotFound
from billing.model import Status, Subscription, SubscriptionKey
from billing.ports import Ports
from billing.use_cases.manage import manage_link
from cogs.autocomplete import find_own, suggest_own
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress
from cogs.core.interactions import defer, locale_of, respond
from cogs.core.subscription_keys import parse_key
from cogs.translator import described
from cogs.views import layout
from cogs.views.reader import Audience
from cogs.views.receipt import OwnPage
from cogs.views.subscription import load_views, option_of
from i18n import tr


class Manage(commands.Cog):
    """Shows the caller a fresh link to the provider's page."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"manage": self.pressed, "managewhich": self.chosen}

    @app_commands.command(description=described("description.manage"))
    @app_commands.describe(subscription=described("description.which_subscription"))
    @app_commands.autocomplete(subscription=suggest_own)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def manage(self, interaction: Interaction, subscription: str | None = None) -> None:
        """Show the link if the caller has only one subscription; otherwise ask which one is meant."""
        await defer(interaction)
        ports, member_id = interaction.client.ports, interaction.user.id
        if subscription is not None:
            candidates = [await find_own(ports, member_id, subscription)]
        else:
            candidates = manageable(await ports.ledger.load_subscriptions_of(member_id))
        if not candidates:
            raise NotFound(tr("error.no_known_subscription"))
        if len(candidates) == 1:
            await _show_link(interaction, candidates[0].key)
        else:
            await respond(interaction, await choice_card(interaction, candidates, "managewhich"))

    async def pressed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Manage on a subscription's card."""
        await defer(interaction)
        await _show_link(interaction, key_of(pressed.rest))

    async def chosen(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the menu that asks which subscription to manage."""
        await defer(interaction, replace=True)
        await _show_link(interaction, key_of(pressed.chosen))


def manageable(own: list[Subscription]) -> list[Subscription]:
    """Return the subscriptions that have not ended or, if none remain, the ended ones for their invoices."""
    return [s for s in own if s.status is not Status.ENDED] or own


def key_of(text: str) -> SubscriptionKey:
    """Read a subscription's key from a button or a menu. Raises NotFound if the text is not a key."""
    key = parse_key(text)
    if key is None:
        raise NotFound(tr("error.no_such_subscription"))
    return key


async def choice_card(interaction: Interaction, candidates: list[Subscription], action: str) -> layout.Card:
    """Return a menu that asks which subscription is meant. Raises Conflict if none of them can be shown."""
    audience = Audience(interaction.client, interaction.guild_id, locale_of(interaction))
    options = [option_of(shown, audience) for shown in await load_views(interaction.client.ports, candidates)]
    if not options:
        raise Conflict(tr("error.no_such_subscription"))
    menu = layout.select(tr("placeholder.subscription"), action, interaction.user.id, "", options)
    return layout.note(tr("manage.which"), menu)


async def _show_link(interaction: Interaction, key: SubscriptionKey) -> None:
    said, row = await own_page(interaction.client.ports, interaction.user.id, key)
    await respond(interaction, layout.note(said, row))


async def own_page(ports: Ports, member_id: int, key: SubscriptionKey) -> OwnPage:
    """Return the text and the link for the provider's own page, made for this member."""
    url = await manage_link(ports, member_id, key)
    provider = ports.provider_of(key)
    text, row = layout.links([layout.Link(tr("button.open_provider", provider=provider.title), url)])
    own_link = provider.keeps_period
    said = tr("manage.own_link") if own_link else tr("manage.sign_in", provider=provider.title)
    return f"{said}\n{text}".strip(), row
