"""Renders the public card of a server: what is sold, and the buttons Subscribe and My subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from billing.model import Plan
from cogs.views import layout
from cogs.views.charges import sale_words
from cogs.views.reader import Audience, server_locale
from cogs.views.text import TEXT_LIMIT, escaped, fit_lines
from i18n import tr, use_language

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

SHOWN = 10  # plans
ROOM = 3_000  # characters for all plans, below Discord's 4000 for a message
ANYBODY = 0  # the buttons work for everyone; each press answers only its caller


def panel_card(plans: Sequence[Plan], client: BaseBot, guild_id: int) -> layout.Card:
    """Return the card in the server's language. Without plans it says that nothing is sold at the moment."""
    guild = client.get_guild(guild_id)
    with use_language(server_locale(guild)):
        audience = Audience(client, guild_id, server_locale(guild))
        title = tr("panel.title", server=escaped(audience.server(guild_id)))
        buttons = layout.row(
            layout.button(tr("button.subscribe"), "panelbuy", ANYBODY, style=layout.Style.primary),
            layout.button(tr("button.my_subscriptions"), "panelmine", ANYBODY),
        )
        shown = plans[:SHOWN]
        texts = [_plan_text(plan, audience, ROOM // len(shown)) for plan in shown]
        if len(plans) > SHOWN:
            texts.append(tr("panel.more", n=len(plans) - SHOWN))
        return layout.Card(layout.box(f"## {title}", *(texts or [tr("panel.nothing")]), buttons))


def _plan_text(plan: Plan, audience: Audience, room: int) -> str:
    prices = (sale_words(price, audience.locale) for price in plan.prices if price.active)
    return fit_lines(
        room,
        [
            (0, f"### {escaped(plan.name)}"),
            (3, escaped(plan.description, TEXT_LIMIT)),
            (2, tr("card.roles", roles=audience.roles(plan.guild_id, plan.role_ids))),
            *((0, f"**{price}**") for price in dict.fromkeys(prices)),
        ],
    )
