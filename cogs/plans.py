"""Implements /plans: admins manage the plans of their server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import discord
from discord import app_commands, ui
from discord.ext import commands

from billing.model import Plan, Price
from billing.provider_names import display_name
from billing.use_cases.expire_checkouts import expire_checkouts
from billing.use_cases.guild_settings import LINK_LIMIT, SettingsUpdate, edit_settings
from billing.use_cases.plans import (
    DESCRIPTION_LIMIT,
    NAME_LIMIT,
    TRIAL_LIMIT,
    PlanUpdate,
    add_plan,
    edit_plan,
    load_plan_of,
    map_product,
    remove_plan,
)
from cogs.autocomplete import find_admin_plan, suggest_all_plans, suggest_plans
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.core.role_permissions import (
    cannot_give,
    power_words,
    require_plan_sellable,
    require_sellable,
    unseen_words,
)
from cogs.price_suggestions import suggest_stripe_prices
from cogs.settings import show_settings
from cogs.subscribe import preview_box
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import sale_words
from cogs.views.layout import Card
from cogs.views.reader import Audience
from cogs.views.text import TEXT_LIMIT, discord_words, escaped, fit_lines
from i18n import tr

PAGE = 6
ROOM = 640  # characters per plan, so that six fit into Discord's 4000
NONE = "none"  # typed by an admin to remove a value, because Discord sends no empty options

Name = app_commands.Range[str, 1, NAME_LIMIT]
Long = app_commands.Range[str, 1, DESCRIPTION_LIMIT]
PriceId = app_commands.Range[str, 1, 64]
Url = app_commands.Range[str, 1, LINK_LIMIT]
Days = app_commands.Range[int, 0, TRIAL_LIMIT]


@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.default_permissions(manage_guild=True)
class Plans(commands.GroupCog, group_name="plans", group_description=described("description.plans")):
    """The /plans commands: adds, lists, edits and removes plans, and changes the server's settings."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"plans": self.turn, "map": self.mapped}

    @app_commands.command(description=described("description.plans.add"))
    @app_commands.describe(
        name=described("option.plans.name"),
        role=described("option.plans.role"),
        stripe_price=described("option.plans.stripe_price"),
        paypal_plan=described("option.plans.paypal_plan"),
        description=described("option.plans.description"),
        hidden=described("option.plans.hidden"),
    )
    @app_commands.autocomplete(stripe_price=suggest_stripe_prices)
    async def add(  # noqa: PLR0917 -- one argument per option
        self,
        interaction: Interaction,
        name: Name,
        role: discord.Role,
        stripe_price: PriceId | None = None,
        paypal_plan: PriceId | None = None,
        description: Long | None = None,
        hidden: bool | None = None,
    ) -> None:
        """Put a new plan on sale: a role, with a price at one or both providers."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        require_sellable(interaction, role)
        edit = PlanUpdate(
            name=name,
            description=description,
            hidden=hidden,
            add_role=role.id,
            price_ids=_price_ids(stripe_price, paypal_plan),
        )
        plan = await add_plan(interaction.client.ports, guild_id, edit, interaction.user.id)
        saved = _saved(interaction, plan, tr("plans.added"), role)
        seen = [] if plan.hidden else [ui.TextDisplay[Card](tr("plans.preview"))]
        await respond(interaction, Card(*saved.children, *seen, await preview_box(interaction, plan)))

    @app_commands.command(name="list", description=described("description.plans.list"))
    async def list_(self, interaction: Interaction) -> None:
        """Show the first page of this server's plans."""
        await defer(interaction)
        await respond(interaction, await _listing(interaction, 0))

    async def turn(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the buttons Back and Next: show another page of the server's plans."""
        await defer(interaction, replace=True)
        await respond(interaction, await _listing(interaction, parse_id(pressed.rest)))

    @app_commands.command(description=described("description.plans.edit"))
    @app_commands.describe(
        plan=described("option.plan"),
        name=described("option.plans.new_name"),
        description=described("option.plans.new_description"),
        hidden=described("option.plans.hidden"),
        trial_days=described("option.plans.trial_days"),
        add_role=described("option.plans.add_role"),
        remove_role=described("option.plans.remove_role"),
        stripe_price=described("option.plans.new_stripe_price"),
        paypal_plan=described("option.plans.new_paypal_plan"),
    )
    @app_commands.autocomplete(plan=suggest_all_plans, stripe_price=suggest_stripe_prices)
    async def edit(  # noqa: PLR0913, PLR0917 -- one argument per option
        self,
        interaction: Interaction,
        plan: str,
        name: Name | None = None,
        description: Long | None = None,
        hidden: bool | None = None,
        trial_days: Days | None = None,
        add_role: discord.Role | None = None,
        remove_role: discord.Role | None = None,
        stripe_price: PriceId | None = None,
        paypal_plan: PriceId | None = None,
    ) -> None:
        """Change the given parts of a plan, and keep the others."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        if add_role is not None:
            require_sellable(interaction, add_role)
        chosen = await find_admin_plan(interaction.client.ports, guild_id, plan, removed=True)
        repriced = any(change is not None for change in (trial_days, stripe_price, paypal_plan))
        reworded = name is not None or description is not None or hidden is False
        if repriced or reworded:
            require_plan_sellable(interaction, chosen)
        edit = PlanUpdate(
            name=name,
            description=description,
            hidden=hidden,
            trial_days=trial_days,
            add_role=add_role.id if add_role else None,
            remove_role=remove_role.id if remove_role else None,
            deleted=_deleted(interaction.guild, chosen),
            price_ids=_price_ids(stripe_price, paypal_plan),
        )
        saved = await edit_plan(interaction.client.ports, guild_id, chosen.id, edit, interaction.user.id)
        headline = tr("plans.changed") if saved.removed_at is None else tr("plans.changed_removed")
        open_still = Counter[str]()
        if repriced:
            open_still = await expire_checkouts(interaction.client.ports, guild_id, None, [saved.id])
        await respond(interaction, _saved(interaction, saved, headline, add_role, open_still))

    @app_commands.command(description=described("description.plans.remove"))
    @app_commands.describe(plan=described("option.plan"))
    @app_commands.autocomplete(plan=suggest_plans)
    async def remove(self, interaction: Interaction, plan: str) -> None:
        """Stop selling a plan. Members who paid keep its roles."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        chosen = await find_admin_plan(interaction.client.ports, guild_id, plan)
        ports = interaction.client.ports
        gone = await remove_plan(ports, guild_id, chosen.id, interaction.user.id)
        said = tr("plans.removed", plan=escaped(gone.name))
        open_still = await expire_checkouts(ports, guild_id, None, [gone.id])
        await respond(interaction, layout.note("\n".join([said, *_open_words(open_still)])))

    @app_commands.command(description=described("description.plans.settings"))
    @app_commands.describe(
        notice_channel=described("option.plans.notice_channel"),
        terms_url=described("option.plans.terms_url"),
        privacy_url=described("option.plans.privacy_url"),
        plan_switching=described("option.plans.plan_switching"),
    )
    async def settings(
        self,
        interaction: Interaction,
        notice_channel: discord.TextChannel | None = None,
        terms_url: Url | None = None,
        privacy_url: Url | None = None,
        plan_switching: bool | None = None,
    ) -> None:
        """Change the given settings, and show all of them."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        choice = SettingsUpdate(
            notice_channel_id=notice_channel.id if notice_channel else None,
            terms_url=_or_none(terms_url),
            privacy_url=_or_none(privacy_url),
            plan_switching=plan_switching,
        )
        chosen = await edit_settings(interaction.client.ports, guild_id, choice, interaction.user.id)
        await respond(interaction, show_settings(interaction, chosen))

    async def mapped(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the menu below a notice: let the chosen plan sell a product that no plan sells yet."""
        await defer(interaction)
        guild, provider, price = [*pressed.rest.split(":", 2), "", ""][:3]
        guild_id = await require_admin(interaction, parse_id(guild))
        ports, plan_id = interaction.client.ports, parse_id(pressed.chosen)
        require_plan_sellable(interaction, await load_plan_of(ports, guild_id, plan_id))
        plan = await map_product(ports, guild_id, plan_id, provider, price, interaction.user.id)
        said = tr("plans.mapped", price=price, plan=escaped(plan.name))
        await respond(interaction, layout.note(said, colour=layout.GOOD))


def _price_ids(stripe_price: str | None, paypal_plan: str | None) -> dict[str, str]:
    given = {"stripe": _or_none(stripe_price), "paypal": _or_none(paypal_plan)}
    return {provider: price for provider, price in given.items() if price is not None}


def _open_words(open_still: Mapping[str, int]) -> list[str]:
    """Return a warning for each provider whose checkout pages could not be closed, with their number."""
    return [tr("plans.open_pages", provider=title, n=count) for title, count in open_still.items()]


def _or_none(text: str | None) -> str | None:
    """Return an empty text if the admin typed NONE, because Discord cannot send an empty option."""
    return "" if text is not None and text.strip().casefold() == NONE else text


def _deleted(guild: discord.Guild | None, plan: Plan) -> frozenset[int]:
    if guild is None or guild.unavailable:
        return frozenset()
    return frozenset(role_id for role_id in plan.role_ids if guild.get_role(role_id) is None)


def _saved(
    interaction: Interaction,
    plan: Plan,
    headline: str,
    role: discord.Role | None,
    open_still: Mapping[str, int] = MappingProxyType({}),
) -> Card:
    warnings = cannot_give(role.guild, role) if role is not None else []
    if role is not None:
        warnings += filter(None, (power_words(role), unseen_words(role)))
    text = f"{headline}\n{_plan_text(plan, _audience(interaction))}"
    told = [
        text,
        *(tr("plans.note", text=discord_words(warning)) for warning in warnings),
        *_open_words(open_still),
    ]
    return layout.note("\n".join(told), colour=layout.WARN if warnings else layout.GOOD)


def _audience(interaction: Interaction) -> Audience:
    return Audience(interaction.client, interaction.guild_id, locale_of(interaction))


def _plan_text(plan: Plan, audience: Audience, room: int = layout.TEXT_LIMIT) -> str:
    lines = [
        (0, f"### {escaped(plan.name)}"),
        (2, escaped(plan.description, TEXT_LIMIT)),
        (1, tr("plans.roles", roles=audience.roles(plan.guild_id, plan.role_ids))),
        *((0, f"{display_name(p.provider)}: {_asked(plan, p, audience)} (`{p.id}`)") for p in plan.prices),
        *((0, _archived(p)) for p in plan.prices if not p.active),
        (0, "" if plan.prices else tr("plans.no_price")),
        (0, tr("plans.trial", n=plan.trial_days) if plan.trial_days else ""),
        (0, tr("plans.hidden") if plan.hidden else ""),
    ]
    return fit_lines(room, lines)


def _asked(plan: Plan, price: Price, audience: Audience) -> str:
    """Return the price in words, including its own free days unless the plan overrides them."""
    free = price.trial_days if plan.trial_days is None else 0
    said = sale_words(price, audience.locale)
    return tr("plans.free_first", n=free, price=said) if free else said


def _archived(price: Price) -> str:
    return tr("plans.archived", provider=display_name(price.provider))


async def _listing(interaction: Interaction, page: int) -> Card:
    guild_id = await require_admin(interaction, interaction.guild_id)
    plans = await interaction.client.ports.ledger.load_plans(guild_id)
    if not plans:
        return layout.note(tr("plans.none"))
    page, pages = layout.leaf(plans, page, PAGE)
    audience = _audience(interaction)
    shown: list[ui.Item[ui.LayoutView]] = [
        layout.box(_plan_text(p, audience, ROOM)) for p in plans[page * PAGE : (page + 1) * PAGE]
    ]
    leafing = layout.pager("plans", interaction.user.id, "", page, pages)
    return Card(*shown, *([leafing] if leafing else []))
