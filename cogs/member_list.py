"""The list of who pays in a server, page by page and as a file, for its admins."""

from __future__ import annotations

import io

import discord
from discord import ui

from billing.errors import Conflict
from billing.model.translatable_text import Text
from billing.rules.payment_state import PaymentState
from billing.use_cases.member_list import ListedSubscription, ListFilter, list_members, load_list_page
from cogs.autocomplete import find_admin_plan
from cogs.core.bot_interface import Interaction
from cogs.core.components import ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.member_csv import members_csv
from cogs.views.text import day, escaped
from i18n import tr

PAGE = 12
MOST_EXPORTED = 50_000  # some 6 MB; Discord takes 10

STATES = {
    PaymentState.ACTIVE: "choice.state.active",
    PaymentState.TRIAL: "choice.state.trial",
    PaymentState.OVERDUE: "choice.state.overdue",
    PaymentState.UNPAID: "choice.state.unpaid",
    PaymentState.OTHER: "choice.state.other",
    PaymentState.ENDED: "choice.state.ended",
}


async def find_filter(interaction: Interaction, guild_id: int, plan: str | None, state: str) -> ListFilter:
    """Return the filter that the options of a command name."""
    ports = interaction.client.ports
    chosen = None if plan is None else await find_admin_plan(ports, guild_id, plan, removed=True)
    return ListFilter(chosen.id if chosen else None, PaymentState(state) if state else None)


async def list_card(interaction: Interaction, guild_id: int, wanted: ListFilter, after: int) -> layout.Card:
    """Return one page of the list, which begins after the member with the id `after`."""
    ports, who = interaction.client.ports, interaction.user.id
    found, following = await load_list_page(ports, guild_id, wanted, after, PAGE)
    lines = [_line(one, locale_of(interaction)) for one in found] or [tr("members.nobody")]
    rest = f"{guild_id}:{wanted.plan_id or 0}:{wanted.state or ''}"
    row = layout.row(
        layout.button(tr("button.from_start"), "mlist", who, f"{rest}:0") if after else None,
        layout.button(tr("button.next"), "mlist", who, f"{rest}:{following}") if following else None,
    )
    return layout.note("\n".join([f"### {tr('members.list_title')}", *lines]), row)


async def turn_page(interaction: Interaction, pressed: ComponentPress) -> None:
    """Handle the buttons below a page."""
    await defer(interaction, replace=True)
    guild_id = await require_admin(interaction, interaction.guild_id)
    guild, plan, state, after, *_ = [*pressed.rest.split(":"), "", "", "", ""]
    if parse_id(guild) != guild_id or state not in {"", *PaymentState}:
        raise Conflict(Text("error.outdated_button"))
    wanted = ListFilter(parse_id(plan) or None, PaymentState(state) if state else None)
    await respond(interaction, await list_card(interaction, guild_id, wanted, parse_id(after)), replace=True)


async def send_export(interaction: Interaction, guild_id: int, wanted: ListFilter) -> None:
    """Answer with the whole list as a CSV file."""
    listed: list[ListedSubscription] = []
    async for one in list_members(interaction.client.ports, guild_id, wanted):
        if len(listed) == MOST_EXPORTED:
            break
        listed.append(one)
    content = members_csv(listed).encode("utf-8-sig")  # without the mark, Excel misreads umlauts
    file = discord.File(io.BytesIO(content), filename="members.csv")
    said = tr("members.exported", n=len(listed))
    if len(listed) == MOST_EXPORTED:
        said += "\n" + tr("members.export_cut", n=MOST_EXPORTED)
    card = layout.note(said)
    card.add_item(ui.File(file))
    await interaction.edit_original_response(view=card, attachments=[file])


def _line(one: ListedSubscription, locale: str) -> str:
    sub = one.subscription
    said = tr(
        "members.line",
        member=f"<@{one.member_id}>",
        plans=" + ".join(escaped(plan.name, 60) for plan in one.plans) or tr("card.no_plan"),
        state=tr(STATES[one.state]),
        price=sums_words(sub, locale, dated=False),
    )
    return f"{said} {tr('members.until', day=day(sub.ends_at))}" if sub.ends_at else said
