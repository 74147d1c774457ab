"""/subscribe: what is on sale, and the provider's page to pay on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from discord import app_commands, ui
from discord.ext import commands

from billing.errors import NotFound
from billing.model import RULE, Plan, Price, Subscription
from billing.rules.access import decide_right
from billing.rules.names import Names
from billing.use_cases.look_up_checkout import look_at_open
from billing.use_cases.subscribe import Offer, Way, offer
from cogs.autocomplete import find_offered, find_plan, on_sale, suggest_sale
from cogs.core.base import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, respond
from cogs.core.keys import key_text
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import counted, sale_words, steps_words, sums_words
from cogs.views.layout import Card
from cogs.views.subscription import Audience, ask_button, block_words
from cogs.views.text import TEXT_LIMIT, day, escaped, fit_lines, status_text, unsure_note
from i18n.money import format_money

PAGE = 5
ROOM = 3_900  # characters for all plans of a page, a little below Discord's 4000
NOTHING = "Nothing is on sale here. Servers sell with /plans add; ask this server's admins."


class Subscribe(commands.Cog):
    """The shop window."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"buy": self.pressed, "sale": self.turn}

    @app_commands.command(description=described("description.subscribe"))
    @app_commands.describe(plan=described("description.which_plan"))
    @app_commands.autocomplete(plan=suggest_sale)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def subscribe(self, interaction: Interaction, plan: str | None = None) -> None:
        """One plan with its links, or all of them."""
        await defer(interaction)
        if plan is not None:
            await _show_one(interaction, await find_plan(interaction, plan))
            return
        plans = await on_sale(interaction)
        if not plans:
            raise NotFound(NOTHING)
        await respond(interaction, await _window(interaction, plans, 0))

    async def pressed(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The button Subscribe of one plan among many."""
        await defer(interaction)
        guild_id, _, plan_id = pressed.rest.partition(":")
        plan = await find_offered(interaction, parse_id(guild_id), parse_id(plan_id))
        await _show_one(interaction, plan)

    async def turn(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Another page of the window."""
        await defer(interaction, replace=True)
        plans = await on_sale(interaction)
        if not plans:
            raise NotFound(NOTHING)
        await respond(interaction, await _window(interaction, plans, parse_id(pressed.rest)))


async def _show_one(interaction: Interaction, plan: Plan) -> None:
    ports, who = interaction.client.ports, interaction.user.id
    unsure = await _unsure(interaction)
    made = await offer(ports, plan.guild_id, who, plan, names=_names(interaction, plan.guild_id))
    await respond(interaction, Card(*unsure, offer_box(interaction, made)))


async def _unsure(interaction: Interaction) -> list[ui.Container[ui.LayoutView]]:
    """What was paid lately is known before anything is offered; or that this could not be found out."""
    note = unsure_note(await look_at_open(interaction.client.ports, interaction.user.id))
    return [layout.box(note, colour=layout.WARN)] if note else []


async def _window(interaction: Interaction, plans: Sequence[Plan], page: int) -> Card:
    """Few plans come with their links at once; of many each has a button that makes them."""
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
    """What stands on the payment page, so that nobody pays for a stranger without noticing."""
    who, guild = interaction.user, interaction.client.get_guild(guild_id)
    return Names(who.display_name, who.name, guild.name if guild else "")


def offer_box(
    interaction: Interaction, made: Offer, *, linked: bool = True, room: int = ROOM
) -> ui.Container[ui.LayoutView]:
    """A plan as this member may have it. `linked` false: a button that makes the links stands for them."""
    place = Audience(interaction.client, interaction.guild_id, locale_of(interaction))
    text, row = _actions(interaction, made, linked=linked)
    return layout.box(fit_lines(room, [*_about(made, place), (0, text)]), row)


def _about(made: Offer, place: Audience) -> list[tuple[int, str]]:
    plan = made.plan
    prices = (_price_line(made, price, place.locale) for price in plan.prices if price.active)
    return [
        (0, f"### {escaped(plan.name)}"),
        (1, f"in **{escaped(place.server(plan.guild_id))}**"),
        (3, escaped(plan.description, TEXT_LIMIT)),
        (2, f"Roles: {place.roles(plan.guild_id, plan.role_ids)}"),
        *((0, price) for price in dict.fromkeys(prices)),
        (0, _beside(made, place)),
    ]


def _beside(made: Offer, place: Audience) -> str:
    """Nobody pays twice for the same roles without knowing it."""
    if made.beside is None or made.beside_plan is None:
        return ""
    paid, name = sums_words(made.beside, place.locale), escaped(made.beside_plan.name)
    ends = made.beside.ends_at
    if ends is not None:
        return (
            f"**Note:** you have these roles until {day(ends)} with **{name}**. If you subscribe here, you "
            "pay from now on."
        )
    return (
        f"**Note:** you have these roles already, with **{name}** ({paid}). Subscribing here means paying "
        f"for both. To switch, cancel {name} first with /cancel."
    )


def _price_line(made: Offer, price: Price, locale: str) -> str:
    """What is due today, where that is not the price of a period, and what is charged then."""
    way = next((way for way in made.ways if way.provider == price.provider), None)
    if way is None or not way.then:
        return f"**{sale_words(price, locale)}**"
    first = []
    if _is_special(way) and way.due_today is not None:
        first.append(f"**{format_money(way.due_today, locale)} today**")
    if way.trial_days:
        first.append(f"{counted(way.trial_days, 'day')} free")
    regular = f"**{steps_words(way.then, price, locale, more='')}**"
    return f"{' and '.join(first)}, then {regular}" if first else regular


def _is_special(way: Way) -> bool:
    """Whether the page takes something else at once than nothing or the first of the regular charges."""
    due = way.due_today
    if due is None or not due.amount or not way.then:
        return False
    return bool(way.trial_days) or way.starts_at is not None or due.amount != way.then[0].amount


def _actions(interaction: Interaction, made: Offer, *, linked: bool) -> tuple[str, layout.Row | None]:
    """What can be done about it: nothing where it was revoked, managing where it is had, else paying."""
    who = interaction.user.id
    if made.block is not None:
        reason = f" Reason: {escaped(made.block.reason, 100)}" if made.block.reason else ""
        said = f"**The server's admins revoked this for you, so it cannot be bought.**{reason}"
        said = block_words(made.block) if made.block.by == RULE else said
        return said, layout.row(ask_button(made.block, who))
    if made.has is not None:
        manage = layout.row(layout.button("Manage", "manage", who, key_text(made.has.key)))
        ports = interaction.client.ports
        if decide_right(made.has, ports.now(), ports.grace) is None:
            return f"You subscribe to this. {status_text(made.has, None)}", manage
        until = f" until {day(made.has.ends_at)}" if made.has.ends_at else ""
        return f"You have this{until}.", manage
    if made.entitled:
        return "You have this: the server's admins gave it to you.", None
    if made.pending is not None:
        return _starting(made.pending), layout.row(
            layout.button("Manage", "manage", who, key_text(made.pending.key))
        )
    if not linked:
        rest = f"{made.plan.guild_id}:{made.plan.id}"
        return "", layout.row(layout.button("Subscribe", "buy", who, rest, style=layout.Style.primary))
    return _pay(interaction, made)


def _starting(pending: Subscription) -> str:
    if pending.needs_action:
        return "**Your first payment for this waits for you:** confirm it with your bank. Press Manage."
    return (
        "**Your first payment for this is on its way.** By bank debit that takes some days. Your roles come "
        "with it, and you don't need to pay again. If it fails, you can subscribe here again."
    )


def _pay(interaction: Interaction, made: Offer) -> tuple[str, layout.Row | None]:
    if not made.ways:
        given = _granted(made)
        return given or "It cannot be bought just now. Please tell the server's admins.", None
    faults = [f"{way.title}: {escaped(way.fault, TEXT_LIMIT)}" for way in made.ways if way.fault]
    text, row = layout.links(_links(interaction, made))
    return "\n".join([*_later(made), *faults, text]).strip(), row


def _later(made: Offer) -> list[str]:
    """What is paid or granted already, where a new subscription starts after that, and where it does not."""
    later = [way for way in made.ways if way.url and way.starts_at is not None]
    at_once = [way.title for way in made.ways if way.url and way.starts_at is None]
    said = [_granted(made)]
    if later:
        until = max(way.starts_at or 0 for way in later)
        titles = " or ".join(way.title for way in later)
        first = "first payment after today's" if any(_is_special(way) for way in later) else "first payment"
        if until != made.granted_until:
            said.append(f"You have this until {day(until)}.")
        said.append(f"With {titles} the {first} is taken only then.")
    if at_once and made.granted_until is not None:
        said.append(f"With {' or '.join(at_once)} a subscription starts now.")
    return [line for line in said if line]


def _granted(made: Offer) -> str:
    if made.granted_until is None:
        return ""
    return f"The server's admins gave you this until {day(made.granted_until)}."


def _links(interaction: Interaction, made: Offer) -> list[layout.Link]:
    return [layout.Link(_label(way, locale_of(interaction)), way.url) for way in made.ways if way.url]


def _label(way: Way, locale: str) -> str:
    if _is_special(way) and way.due_today is not None:
        return f"Pay {format_money(way.due_today, locale)} today with {way.title}"
    if way.trial_days:
        return f"Try {counted(way.trial_days, 'day')} free with {way.title}"
    if not way.then:
        return f"Pay {sale_words(way.price, locale)} with {way.title}"
    return f"Pay {steps_words(way.then, way.price, locale, more='')} with {way.title}"
