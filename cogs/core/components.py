"""Buttons and menus that work after a restart, and only for whom they were made.

Everything an action needs stands in the component's custom id, so a press is understood without the message
that it stands on, whichever process sent it. discord.py's DynamicItem does the same by rebuilding a view from
that message and swallows what its callback raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import discord

from billing.errors import Conflict, NotAllowed
from cogs.core.base import Interaction

ID_LIMIT = 100  # Discord, 'Component Reference': custom_id
OURS = "dues"


@dataclass(frozen=True, slots=True)
class ComponentPress:
    """What a custom id carried; `values` is what was chosen in a menu."""

    who: int
    rest: str
    values: tuple[str, ...] = ()

    @property
    def chosen(self) -> str:
        """What was chosen in a menu that takes one."""
        if len(self.values) != 1:
            raise Conflict(FOREIGN)
        return self.values[0]


FOREIGN = "This button is of another version of the bot. Please use the command again."

_LARGEST = 1 << 63  # of what Discord and the ledger count with


def parse_id(text: str) -> int:
    """A number that a custom id carried; Conflict for what is none."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < _LARGEST):
        raise Conflict(FOREIGN)
    return int(text)


Action = Callable[[Interaction, ComponentPress], Awaitable[None]]


def custom_id(action: str, who: int, rest: str = "") -> str:
    """What a component carries; ValueError when it is longer than Discord takes.

    `who` may press it; 0 stands for whoever may manage the server, which the action checks.
    """
    made = f"{OURS}:{action}:{who}:{rest}"
    if len(made) > ID_LIMIT:
        raise ValueError(f"a custom id of {len(made)} characters: {action}")
    return made


def is_press(interaction: Interaction) -> bool:
    """Whether one of our buttons or menus was used."""
    data = cast("dict[str, Any]", interaction.data or {})
    is_component = interaction.type is discord.InteractionType.component
    return is_component and str(data.get("custom_id", "")).startswith(f"{OURS}:")


async def dispatch(interaction: Interaction, actions: Mapping[str, Action]) -> None:
    """Carry out what was pressed; NotAllowed for somebody else's button."""
    data = cast("dict[str, Any]", interaction.data)
    _, name, whose, rest = [*data["custom_id"].split(":", 3), "", "", ""][:4]
    who = parse_id(whose)
    if who not in (0, interaction.user.id):
        raise NotAllowed("This button was made for somebody else. /subscriptions shows yours.")
    action = actions.get(name)
    if action is None:
        raise Conflict(FOREIGN)
    await action(interaction, ComponentPress(who, rest, tuple(data.get("values", ()))))
