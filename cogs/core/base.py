"""What commands, views and gateways need of the bot, so that none of them imports the bot itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeAlias

import discord
from discord.ext import commands

from billing.ports import Ports
from cogs.core.gateway_recovery import GatewayState


class BaseBot(commands.Bot):
    """The client as its commands see it. `DuesBot` in cogs/bot.py is the one that runs.

    `memberships`: for a server and a user, whether they were a member and until when that is believed.
    `owners`: the application's owner or team, and until when that is believed (monotonic seconds).
    """

    ports: Ports
    gateway: GatewayState
    memberships: dict[tuple[int, int], tuple[bool, float]]
    owners: tuple[frozenset[int], float]

    @abstractmethod
    def is_online(self) -> bool:
        """Whether the gateway delivers events right now."""

    @property
    @abstractmethod
    def own_id(self) -> int:
        """The bot's user id; 0 before login."""


Interaction: TypeAlias = discord.Interaction[BaseBot]
