"""/manage: a member's way to the provider's own page."""

from __future__ import annotations

from discord import app_commands
from discord.ext import commands

from billing.errors import Conflict, NotFound
from billing.model import Status, Subscription, SubscriptionKey
from billing.ports import Ports
from billing.use_cases.manage import manage_link
from cogs.autocomplete import NO_SUBSCRIPTION, find_own, suggest_own
from cogs.core.base import Interaction
from cogs.core.components import Action, ComponentPress
from cogs.core.interactions import defer, locale_of, respond
from cogs.core.keys import parse_key
from cogs.translator import described
from cogs.views import layout
from cogs.views.ownership_notices import NONE_KNOWN
from cogs.views.receipt import OwnPage
from cogs.views.subscription import Audience, load_views, option_of

OWN_LINK = (
    "Here you can change how you pay, see your invoices and cancel. The link is yours alone and works for a "
    "short while: do not pass it on."
)
SIGN_IN = (
    "Sign in at {title} with the account that you pay with. There you can change how you pay, see your "
    "payments and cancel; cancelling there is final, and you keep what is paid, as with /cancel."
)


class Manage(commands.Cog):
    """The link, made for the caller at that moment and shown to nobody else."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"manage": self.pressed, "managewhich": self.chosen}

    @app_commands.command(description=described("description.manage"))
    @app_commands.describe(subscription=described("description.which_subscription"))
    @app_commands.autocomplete(subscription=suggest_own)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def manage(self, interaction: Interaction, subscription: str | None = None) -> None:
        """One subscription is taken at once; of several one is chosen."""
        await defer(interaction)
        ports, member_id = interaction.client.ports, interaction.user.id
        if subscription is not None:
            candidates = [await find_own(ports, member_id, subscription)]
        else:
            candidates = manageable(await ports.ledger.load_subscriptions_of(member_id))
        if not candidates:
            raise NotFound(NONE_KNOWN)
        if len(candidates) == 1:
            await _show_link(interaction, candidates[0].key)
        else:
            await respond(interaction, await choice_card(interaction, candidates, "managewhich"))

    async def pressed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The button Manage of a card."""
        await defer(interaction)
        await _show_link(interaction, key_of(pressed.rest))

    async def chosen(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """One of several."""
        await defer(interaction, replace=True)
        await _show_link(interaction, key_of(pressed.chosen))


def manageable(own: list[Subscription]) -> list[Subscription]:
    """Those that run; where none does, those that ended, for their invoices."""
    return [s for s in own if s.status is not Status.ENDED] or own


def key_of(text: str) -> SubscriptionKey:
    """The key that a button or a menu carried."""
    key = parse_key(text)
    if key is None:
        raise NotFound(NO_SUBSCRIPTION)
    return key


async def choice_card(interaction: Interaction, candidates: list[Subscription], action: str) -> layout.Card:
    """Ask which one is meant."""
    place = Audience(interaction.client, interaction.guild_id, locale_of(interaction))
    options = [option_of(shown, place) for shown in await load_views(interaction.client.ports, candidates)]
    if not options:
        raise Conflict(NO_SUBSCRIPTION)
    asked = "Which subscription do you mean?"
    return layout.note(
        asked, layout.select("Choose a subscription", action, interaction.user.id, "", options)
    )


async def _show_link(interaction: Interaction, key: SubscriptionKey) -> None:
    said, row = await own_page(interaction.client.ports, interaction.user.id, key)
    await respond(interaction, layout.note(said, row))


async def own_page(ports: Ports, member_id: int, key: SubscriptionKey) -> OwnPage:
    """The provider's own page, made for the caller: what to say of it, and the link."""
    url = await manage_link(ports, member_id, key)
    provider = ports.provider_of(key)
    text, row = layout.links([layout.Link(f"Open {provider.title}", url)])
    said = OWN_LINK if provider.keeps_period else SIGN_IN.format(title=provider.title)
    return f"{said}\n{text}".strip(), row
