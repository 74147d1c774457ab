"""The part of the bot that commands, views and gateways may use.

It lets them do so without importing the bot itself, which would be a circular import.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeAlias

import discord
from discord.ext import commands

from billing.ports import Ports
from cogs.core.gateway_recovery import GatewayState


class BaseBot(commands.Bot):
    """The client as its commands see it. `DuesBot` in cogs/bot.py implements it.

    `memberships`: by server and user id, whether the user is a member, and until when that is trusted.
    `owners`: the application's owner or team, and until when that is trusted. Both times are in monotonic
    seconds.
    """

    ports: Ports
    gateway: GatewayState
    memberships: dict[tuple[int, int], tuple[bool, float]]
    owners: tuple[frozenset[int], float]

    @abstractmethod
    def is_online(self) -> bool:
        """Return True if the gateway is delivering events."""

    @property
    @abstractmethod
    def own_id(self) -> int:
        """Return the bot's user id, 0 before login."""


Interaction: TypeAlias = discord.Interaction[BaseBot]
