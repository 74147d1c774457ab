"""What a message is built of: Components V2 within Discord's limits (40 components, 4000 characters)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import discord
from discord import ui

from cogs.core.components import custom_id
from cogs.views.text import plain

CALM = 0x5865F2
GOOD = 0x248046
WARN = 0xF0B232
BAD = 0xDA373C

LABEL_LIMIT = 80  # of a button, Discord's 'Component Reference'
URL_LIMIT = 512  # of a link button, the same; Stripe's checkout addresses can be longer
TEXT_LIMIT = 4_000

Row: TypeAlias = "ui.ActionRow[Any]"
Style = discord.ButtonStyle


class Card(ui.LayoutView):
    """A message. Its buttons are found by their custom ids, so nothing of it is kept in memory.

    `stop`: discord.py keeps a view that is not finished, with a timer, until it times out.
    """

    def __init__(self, *boxes: ui.Item[Any]) -> None:
        super().__init__(timeout=None)
        for box in boxes:
            self.add_item(box)
        self.stop()


def box(*parts: str | Row | None, colour: int = CALM) -> ui.Container[Any]:
    """A framed block: texts and rows of buttons, top to bottom; None and empty ones are left out."""
    items = [ui.TextDisplay(p) if isinstance(p, str) else p for p in parts if p]
    return ui.Container(*items, accent_colour=colour)


def note(text: str, *rows: Row | None, colour: int = CALM) -> Card:
    """A message that says one thing."""
    return Card(box(text[:TEXT_LIMIT], *rows, colour=colour))


def row(*buttons: ui.Item[Any] | None) -> Row | None:
    """A row of up to five buttons; None when there is none."""
    there = [b for b in buttons if b is not None]
    return ui.ActionRow(*there) if there else None


def button(
    label: str, action: str, who: int, rest: str = "", *, style: Style = Style.secondary, off: bool = False
) -> ui.Item[Any]:
    """A button that works after a restart too; `who` may press it, 0 stands for the server's admins."""
    wanted = custom_id(action, who, rest)
    return ui.Button(label=plain(label, LABEL_LIMIT), style=style, custom_id=wanted, disabled=off)


def select(
    placeholder: str, action: str, who: int, rest: str, options: Iterable[tuple[str, str, str]]
) -> Row:
    """A menu; options are label, value and description, the first 25 count."""
    menu: ui.Select[Any] = ui.Select(custom_id=custom_id(action, who, rest), placeholder=placeholder)
    for label, value, description in list(options)[:25]:
        menu.add_option(label=plain(label) or value, value=value, description=plain(description) or None)
    return ui.ActionRow(menu)


@dataclass(frozen=True, slots=True)
class Link:
    """The provider's own page: a button, or text where the address is too long for one."""

    label: str
    url: str

    @property
    def fits(self) -> bool:
        """Whether Discord takes the address in a button."""
        return len(self.url) <= URL_LIMIT

    def parts(self) -> tuple[str, Row | None]:
        """The text and the row to show; one of them is empty."""
        if not self.fits:
            return f"[{plain(self.label)}]({self.url})", None
        return "", row(ui.Button(label=plain(self.label, LABEL_LIMIT), url=self.url))


def links(several: Sequence[Link]) -> tuple[str, Row | None]:
    """Several links as one text of those that are too long and one row of the others."""
    text = "\n".join(link.parts()[0] for link in several if not link.fits)
    fitting = [ui.Button[Any](label=plain(k.label, LABEL_LIMIT), url=k.url) for k in several if k.fits]
    return text, row(*fitting[:5])


def pager(action: str, who: int, rest: str, page: int, pages: int) -> Row | None:
    """The buttons to leaf with; None when all is on one page."""
    if pages <= 1:
        return None
    return row(
        button("‹ Back", action, who, f"{rest}{page - 1}", off=page == 0),
        button("Next ›", action, who, f"{rest}{page + 1}", off=page >= pages - 1),
    )


def leaf(items: Sequence[Any], page: int, size: int) -> tuple[int, int]:
    """The page that is shown, within those that there are, and how many there are."""
    pages = max(1, -(-len(items) // size))
    return min(max(page, 0), pages - 1), pages
