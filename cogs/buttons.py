"""Buttons and menus that work after a restart, and only for whom they were made."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import discord
from discord import ui

from billing.errors import Conflict, NotAllowed
from billing.model import SubscriptionKey
from cogs.context import Interaction

ID_LIMIT = 100  # Discord, 'Component Reference': custom_id


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a custom id carried; `values` is what was chosen in a menu."""

    who: int
    rest: str
    values: tuple[str, ...] = ()


Action = Callable[[Interaction, Pressed], Awaitable[None]]


def custom_id(action: str, who: int, rest: str = "") -> str:
    """What a component carries; ValueError when it is longer than Discord takes."""
    made = f"dues:{action}:{who}:{rest}"
    if len(made) > ID_LIMIT:
        raise ValueError(f"a custom id of {len(made)} characters: {action}")
    return made


TEMPLATE = r"dues:(?P<action>\w+):(?P<who>\d+):(?P<rest>.*)"


class Press(ui.DynamicItem["ui.Button[Any] | ui.Select[Any]"], template=TEMPLATE):
    """A button or menu of ours. `who` 0: whoever may manage the server, which the action checks."""

    def __init__(self, item: ui.Button[Any] | ui.Select[Any]) -> None:
        super().__init__(item)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """As discord.py asks: the component again, from a message that may be older than this process."""
        return cls(cast("ui.Button[Any] | ui.Select[Any]", item))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Carry out the action; discord.py would swallow an error, so it is told here."""
        try:
            await self._act(interaction)
        except Exception as error:  # noqa: BLE001 -- this is the handler of last resort
            await interaction.client.tell_fault(interaction, error)

    async def _act(self, interaction: Interaction) -> None:
        _, action_name, whose, rest = self.custom_id.split(":", 3)
        who = int(whose)
        if who not in (0, interaction.user.id):
            raise NotAllowed("This button was made for somebody else. /subscriptions shows yours.")
        action = interaction.client.actions.get(action_name)
        if action is None:
            raise Conflict("This button is of another version of the bot. Please use the command again.")
        values = tuple(self.item.values) if isinstance(self.item, ui.Select) else ()
        await action(interaction, Pressed(who, rest, values))


def key_text(key: SubscriptionKey) -> str:
    """A subscription's key as options and custom ids carry it."""
    return f"{key.provider}:{key.account}:{key.id}"


def parse_key(text: str) -> SubscriptionKey | None:
    """The key again; None for what is none."""
    provider, _, rest = text.partition(":")
    account, _, subscription_id = rest.rpartition(":")
    if not (provider and account and subscription_id):
        return None
    return SubscriptionKey(provider, account, subscription_id)
