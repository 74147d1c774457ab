"""Building blocks of a message: Components V2 within Discord's limits (40 components, 4000 characters)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import discord
from discord import ui

from cogs.core.components import custom_id
from cogs.views.text import plain
from i18n import tr

CALM = 0x5865F2
GOOD = 0x248046
WARN = 0xF0B232
BAD = 0xDA373C

LABEL_LIMIT = 80  # characters of a button; Discord, 'Component Reference'
# characters of a link button; Discord, 'Component Reference'. Stripe's checkout addresses can be longer
URL_LIMIT = 512
TEXT_LIMIT = 4_000
FORM_TITLE_LIMIT = 45  # characters; Discord, 'Modals'

Row: TypeAlias = "ui.ActionRow[Any]"
Style = discord.ButtonStyle


class Card(ui.LayoutView):
    """A message, built from components.

    The bot finds its buttons by their custom ids, so it keeps no view in memory. Calling `stop` tells
    discord.py that, which would otherwise keep each view with a timer.
    """

    def __init__(self, *boxes: ui.Item[Any]) -> None:
        super().__init__(timeout=None)
        for box in boxes:
            self.add_item(box)
        self.stop()


def box(*parts: str | Row | None, colour: int = CALM) -> ui.Container[Any]:
    """Return a framed block of texts and rows of buttons, top to bottom.

    None and empty texts are left out.
    """
    items = [ui.TextDisplay(p) if isinstance(p, str) else p for p in parts if p]
    return ui.Container(*items, accent_colour=colour)


def note(text: str, *rows: Row | None, colour: int = CALM) -> Card:
    """Return a message of one framed block: a text, and the given rows of buttons below it."""
    return Card(box(text[:TEXT_LIMIT], *rows, colour=colour))


def titled(title: str, *lines: str) -> str:
    """Return a message's text: its heading, and below that each line that is not empty."""
    return "\n".join([f"### {title}", *(line for line in lines if line)])


def row(*buttons: ui.Item[Any] | None) -> Row | None:
    """Return a row of up to five buttons; None without any."""
    there = [b for b in buttons if b is not None]
    return ui.ActionRow(*there) if there else None


def button(
    label: str, action: str, who: int, rest: str = "", *, style: Style = Style.secondary, off: bool = False
) -> ui.Item[Any]:
    """Return a button that still works after a restart.

    `who`: the id of the only user who may press it; 0 for the server's admins.
    """
    wanted = custom_id(action, who, rest)
    return ui.Button(label=plain(label, LABEL_LIMIT), style=style, custom_id=wanted, disabled=off)


def select(
    placeholder: str, action: str, who: int, rest: str, options: Iterable[tuple[str, str, str]]
) -> Row:
    """Return a menu. Each option is (label, value, description); Discord accepts the first 25."""
    menu: ui.Select[Any] = ui.Select(custom_id=custom_id(action, who, rest), placeholder=placeholder)
    for label, value, description in list(options)[:25]:
        menu.add_option(label=plain(label) or value, value=value, description=plain(description) or None)
    return ui.ActionRow(menu)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to the provider's page, shown as a button, or as text if its URL is too long for one."""

    label: str
    url: str

    @property
    def fits(self) -> bool:
        """Return True if the URL is short enough for a button."""
        return len(self.url) <= URL_LIMIT

    def parts(self) -> tuple[str, Row | None]:
        """Return the text and the row to show; one of them is empty."""
        if not self.fits:
            return f"[{plain(self.label)}]({self.url})", None
        return "", row(ui.Button(label=plain(self.label, LABEL_LIMIT), url=self.url))


def links(several: Sequence[Link]) -> tuple[str, Row | None]:
    """Return one text with the links that are too long for buttons, and one row with the others."""
    text = "\n".join(link.parts()[0] for link in several if not link.fits)
    fitting = [ui.Button[Any](label=plain(k.label, LABEL_LIMIT), url=k.url) for k in several if k.fits]
    return text, row(*fitting[:5])


def form(title: str, action: str, who: int, *fields: ui.Label[Any]) -> ui.Modal:
    """Return a form that still works after a restart; the action receives its fields by their custom ids."""
    made = ui.Modal(title=plain(title, FORM_TITLE_LIMIT), custom_id=custom_id(action, who))
    for field in fields:
        made.add_item(field)
    made.stop()  # or discord.py keeps it in memory until somebody submits it
    return made


def pager(action: str, who: int, rest: str, page: int, pages: int) -> Row | None:
    """Return the buttons Back and Next; None for a single page. `page` counts from 0."""
    if pages <= 1:
        return None
    return row(
        button(tr("button.back"), action, who, f"{rest}{page - 1}", off=page == 0),
        button(tr("button.next"), action, who, f"{rest}{page + 1}", off=page >= pages - 1),
    )


def leaf(items: Sequence[Any], page: int, size: int) -> tuple[int, int]:
    """Return the existing page nearest to `page`, counted from 0, and the number of pages."""
    pages = max(1, -(-len(items) // size))
    return min(max(page, 0), pages - 1), pages
