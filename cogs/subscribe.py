"""Implements /subscribe: shows the plans on sale, with links to the providers' payment pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from discord import app_commands, ui
from discord.ext import commands

from billing.errors import NotFound
from billing.model import RULE, Plan, Price, Subscription
from billing.rules.access import decide_right
from billing.rules.names import Names, PageWording
from billing.use_cases.look_up_checkout import look_at_open
from billing.use_cases.subscribe import Offer, Way, offer
from cogs.autocomplete import find_offered, find_plan, on_sale, suggest_sale
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, respond
from cogs.core.subscription_keys import key_text
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import sale_words, steps_words, sums_words
from cogs.views.layout import Card
from cogs.views.reader import Audience
from cogs.views.subscription import ask_button, block_words, with_reason
from cogs.views.text import (
    TEXT_LIMIT,
    day,
    either,
    escaped,
    fit_lines,
    reason_words,
    status_text,
    unsure_note,
)
from i18n import tr
from i18n.money import format_money

PAGE = 5
ROOM = 3_900  # characters for all plans of a page, a little below Discord's 4000


class Subscribe(commands.Cog):
    """Shows the plans on sale, with payment links."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"buy": self.pressed, "sale": self.turn}

    @app_commands.command(description=described("description.subscribe"))
    @app_commands.describe(plan=described("description.which_plan"))
    @app_commands.autocomplete(plan=suggest_sale)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def subscribe(self, interaction: Interaction, plan: str | None = None) -> None:
        """Show one plan with its payment links, or all plans on sale."""
        await defer(interaction)
        if plan is not None:
            await _show_one(interaction, await find_plan(interaction, plan))
            return
        await show_sale(interaction)

    async def pressed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Subscribe: show one plan with its payment links."""
        await defer(interaction)
        guild_id, _, plan_id = pressed.rest.partition(":")
        plan = await find_offered(interaction, parse_id(guild_id), parse_id(plan_id))
        await _show_one(interaction, plan)

    async def turn(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the buttons Back and Next of the list of plans."""
        await defer(interaction, replace=True)
        plans = await on_sale(interaction)
        if not plans:
            raise NotFound(tr("error.nothing_on_sale"))
        await respond(interaction, await _window(interaction, plans, parse_id(pressed.rest)))


async def show_sale(interaction: Interaction) -> None:
    """Answer with the plans on sale. Raises NotFound if there are none."""
    plans = await on_sale(interaction)
    if not plans:
        raise NotFound(tr("error.nothing_on_sale"))
    await respond(interaction, await _window(interaction, plans, 0))


async def _show_one(interaction: Interaction, plan: Plan) -> None:
    ports, who = interaction.client.ports, interaction.user.id
    unsure = await _unsure(interaction)
    made = await offer(ports, plan.guild_id, who, plan, names=_names(interaction, plan.guild_id))
    await respond(interaction, Card(*unsure, offer_box(interaction, made)))


async def preview_box(interaction: Interaction, plan: Plan) -> ui.Container[ui.LayoutView]:
    """Return the card that the caller would see in a long list, without creating a payment page."""
    made = await offer(interaction.client.ports, plan.guild_id, interaction.user.id, plan, pages=False)
    return offer_box(interaction, made, linked=False)


async def _unsure(interaction: Interaction) -> list[ui.Container[ui.LayoutView]]:
    """Check the member's open payment pages; return a warning if a provider did not answer."""
    note = unsure_note(await look_at_open(interaction.client.ports, interaction.user.id))
    return [layout.box(note, colour=layout.WARN)] if note else []


async def _window(interaction: Interaction, plans: Sequence[Plan], page: int) -> Card:
    """Show the plans on sale.

    A single page of plans shows payment links. A longer list has a button per plan that creates the links.
    """
    ports, who = interaction.client.ports, interaction.user.id
    page, pages = layout.leaf(plans, page, PAGE)
    shown = plans[page * PAGE : (page + 1) * PAGE]
    unsure = await _unsure(interaction)
    offers = await asyncio.gather(
        *(
            offer(ports, p.guild_id, who, p, pages=pages == 1, names=_names(interaction, p.guild_id))
            for p in shown
        ),
    )
    fitting = all(link.fits for o in offers for link in _links(interaction, o))
    linked, room = pages == 1 and (fitting or len(offers) == 1), ROOM // len(offers)
    boxes = [offer_box(interaction, o, linked=linked, room=room) for o in offers]
    leafing = layout.pager("sale", who, "", page, pages)
    return Card(*unsure, *boxes, *([leafing] if leafing else []))


def _names(interaction: Interaction, guild_id: int) -> Names:
    """Return the names shown on the payment page.

    They let a payer notice that a link was made for somebody else.
    """
    who, guild = interaction.user, interaction.client.get_guild(guild_id)
    names = {"member": "{member}", "server": "{server}"}  # the provider's adapter fills these in
    wording = PageWording(
        description=tr("sale.page_description", plan="{plan}", **names),
        submit=tr("sale.page_submit", **names),
        brand=tr("sale.page_brand", **names),
    )
    return Names(who.display_name, who.name, guild.name if guild else "", wording)


def offer_box(
    interaction: Interaction, made: Offer, *, linked: bool = True, room: int = ROOM
) -> ui.Container[ui.LayoutView]:
    """Return the card of a plan for this member.

    If `linked` is false, it has a button that creates the payment links. `room`: the most characters of its
    text.
    """
    audience = Audience(interaction.client, interaction.guild_id, locale_of(interaction))
    text, row = _actions(interaction, made, linked=linked)
    return layout.box(fit_lines(room, [*_about(made, audience), (0, text)]), row)


def _about(made: Offer, audience: Audience) -> list[tuple[int, str]]:
    plan = made.plan
    prices = (_price_line(made, price, audience.locale) for price in plan.prices if price.active)
    return [
        (0, f"### {escaped(plan.name)}"),
        (1, tr("card.server", server=escaped(audience.server(plan.guild_id)))),
        (3, escaped(plan.description, TEXT_LIMIT)),
        (2, tr("card.roles", roles=audience.roles(plan.guild_id, plan.role_ids))),
        *((0, price) for price in dict.fromkeys(prices)),
        (0, _beside(made, audience)),
    ]


def _beside(made: Offer, audience: Audience) -> str:
    """Return a warning to a member who already pays for some of these roles; empty for others."""
    if made.beside is None or made.beside_plan is None:
        return ""
    plan, ends = escaped(made.beside_plan.name), made.beside.ends_at
    if ends is not None:
        return tr("sale.beside_until", plan=plan, day=day(ends))
    return tr("sale.beside", plan=plan, price=sums_words(made.beside, audience.locale))


def _price_line(made: Offer, price: Price, locale: str) -> str:
    """Return the regular price, after the amount due today and the free days, if there are any."""
    way = next((way for way in made.ways if way.provider == price.provider), None)
    if way is None or not way.then:
        return f"**{sale_words(price, locale)}**"
    regular, today = steps_words(way.then, price, locale), ""
    if _is_special(way) and way.due_today is not None:
        today = format_money(way.due_today, locale)
    if today and way.trial_days:
        return tr("sale.today_and_trial_then", amount=today, n=way.trial_days, price=regular)
    if today:
        return tr("sale.today_then", amount=today, price=regular)
    if way.trial_days:
        return tr("sale.trial_then", n=way.trial_days, price=regular)
    return f"**{regular}**"


def _is_special(way: Way) -> bool:
    """Return True if the amount due now on the payment page differs from the first regular charge."""
    due = way.due_today
    if due is None or not due.amount or not way.then:
        return False
    return bool(way.trial_days) or way.starts_at is not None or due.amount != way.then[0].amount


def _actions(interaction: Interaction, made: Offer, *, linked: bool) -> tuple[str, layout.Row | None]:
    """Return the last lines of a plan's card, and its buttons.

    A revoked plan is not sold, a plan that the member has gets the button Manage, and any other plan gets
    payment links.
    """
    who = interaction.user.id
    if made.block is not None:
        revoked = made.block.by != RULE
        said = with_reason(tr("sale.revoked"), made.block) if revoked else block_words(made.block)
        return said, layout.row(ask_button(made.block, who))
    if made.has is not None:
        return _owned(interaction, made.has), _manage_row(made.has, who)
    if made.entitled:
        return tr("sale.granted"), None
    if made.pending is not None:
        waits = made.pending.needs_action
        said = tr("sale.first_payment_to_confirm" if waits else "sale.first_payment_on_its_way")
        return said, _manage_row(made.pending, who)
    if not linked:
        label, rest = tr("button.subscribe"), f"{made.plan.guild_id}:{made.plan.id}"
        return "", layout.row(layout.button(label, "buy", who, rest, style=layout.Style.primary))
    return _pay(interaction, made)


def _manage_row(subscription: Subscription, who: int) -> layout.Row | None:
    return layout.row(layout.button(tr("button.manage"), "manage", who, key_text(subscription.key)))


def _owned(interaction: Interaction, has: Subscription) -> str:
    ports = interaction.client.ports
    if decide_right(has, ports.now(), ports.grace) is None:
        return f"{tr('sale.subscribed')} {status_text(has, None)}"
    return tr("sale.yours_until", day=day(has.ends_at)) if has.ends_at else tr("sale.yours")


def _pay(interaction: Interaction, made: Offer) -> tuple[str, layout.Row | None]:
    if not made.ways:
        return _granted(made) or tr("sale.unavailable"), None
    faults = [f"{way.title}: {reason_words(way.fault)}" for way in made.ways if way.fault]
    text, row = layout.links(_links(interaction, made))
    return "\n".join([*_later(made), *faults, text]).strip(), row


def _later(made: Offer) -> list[str]:
    """Return sentences about access that the member already has, and when a new subscription would start."""
    later = [way for way in made.ways if way.url and way.starts_at is not None]
    at_once = [way.title for way in made.ways if way.url and way.starts_at is None]
    said = [_granted(made)]
    if later:
        until = max(way.starts_at or 0 for way in later)
        if until != made.granted_until:
            said.append(tr("sale.yours_until", day=day(until)))
        special = any(_is_special(way) for way in later)
        titles = either([way.title for way in later])
        said.append(tr("sale.next_payment_then" if special else "sale.first_payment_then", providers=titles))
    if at_once and made.granted_until is not None:
        said.append(tr("sale.starts_now", providers=either(at_once)))
    return [line for line in said if line]


def _granted(made: Offer) -> str:
    if made.granted_until is None:
        return ""
    code = "sale.given_back_until" if made.gives_back else "sale.granted_until"
    return tr(code, day=day(made.granted_until))


def _links(interaction: Interaction, made: Offer) -> list[layout.Link]:
    return [layout.Link(_label(way, locale_of(interaction)), way.url) for way in made.ways if way.url]


def _label(way: Way, locale: str) -> str:
    if _is_special(way) and way.due_today is not None:
        return tr("button.pay_today", amount=format_money(way.due_today, locale), provider=way.title)
    if way.trial_days:
        return tr("button.try_free", n=way.trial_days, provider=way.title)
    price = steps_words(way.then, way.price, locale) if way.then else sale_words(way.price, locale)
    return tr("button.pay", price=price, provider=way.title)
