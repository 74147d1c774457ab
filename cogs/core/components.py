"""Buttons and menus that still work after a restart, and only for the person they were made for.

The custom id of a component carries everything that its action needs, so any process of the bot can handle a
press without the message. discord.py's DynamicItem would rebuild a view from the message instead, and it
swallows the exceptions of its callback.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import discord

from billing.errors import Conflict, NotAllowed
from cogs.core.bot_interface import Interaction
from i18n import tr

ID_LIMIT = 100  # Discord, 'Component Reference': custom_id
OURS = "dues"


@dataclass(frozen=True, slots=True)
class ComponentPress:
    """A press of a button, or a choice in a menu.

    `who`: the id of the only user who may use the component; 0 for anybody, whom the action checks itself.
    `rest`: the part of the custom id that belongs to the action. `values`: the values chosen in a menu.
    `fields`: what was typed or chosen in each field of a form, by the field's custom id.
    """

    who: int
    rest: str
    values: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def chosen(self) -> str:
        """Return the value chosen in a menu. Raises Conflict if there is none or more than one."""
        if len(self.values) != 1:
            raise Conflict(tr("error.outdated_button"))
        return self.values[0]


_LARGEST = 1 << 63  # ids of Discord and of the ledger are smaller than this


def parse_id(text: str) -> int:
    """Read a number from a custom id. Raises Conflict if the text is not a number."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < _LARGEST):
        raise Conflict(tr("error.outdated_button"))
    return int(text)


Action = Callable[[Interaction, ComponentPress], Awaitable[None]]


def custom_id(action: str, who: int, rest: str = "") -> str:
    """Return the custom id of a component. Raises ValueError if it is longer than Discord allows.

    `who`: the id of the only user who may press it; 0 for anybody, for example for those who may manage the
    server, which the action itself checks.
    """
    made = f"{OURS}:{action}:{who}:{rest}"
    if len(made) > ID_LIMIT:
        raise ValueError(f"a custom id of {len(made)} characters: {action}")
    return made


def is_press(interaction: Interaction) -> bool:
    """Return True if the interaction comes from a button, menu or form of this bot."""
    data = cast("dict[str, Any]", interaction.data or {})
    types = discord.InteractionType.component, discord.InteractionType.modal_submit
    return interaction.type in types and str(data.get("custom_id", "")).startswith(f"{OURS}:")


async def dispatch(interaction: Interaction, actions: Mapping[str, Action]) -> None:
    """Run the action of a pressed component.

    Raises NotAllowed if the component was made for somebody else, and Conflict if this version of the bot has
    no such action.
    """
    data = cast("dict[str, Any]", interaction.data)
    _, name, whose, rest = [*data["custom_id"].split(":", 3), "", "", ""][:4]
    who = parse_id(whose)
    if who not in (0, interaction.user.id):
        raise NotAllowed(tr("error.not_your_button"))
    action = actions.get(name)
    if action is None:
        raise Conflict(tr("error.outdated_button"))
    values = tuple(data.get("values", ()))
    await action(interaction, ComponentPress(who, rest, values, _fields(data.get("components", ()))))


def _fields(components: Sequence[Mapping[str, Any]]) -> Mapping[str, tuple[str, ...]]:
    """Return what was typed or chosen in a form. Each field is the component of a label."""
    fields = [label["component"] for label in components if "component" in label]
    return {each["custom_id"]: tuple(each.get("values", (each.get("value", ""),))) for each in fields}
