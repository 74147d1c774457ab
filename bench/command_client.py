"""Passes commands to a real discord.py client without a network, and times its answers."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import discord
from discord import app_commands
from discord.webhook.async_ import AsyncWebhookAdapter

from bench.large_ledger import GUILD

_OWN: Any = {"id": "2", "username": "Dues", "discriminator": "0", "avatar": None}
_MESSAGE: dict[str, Any] = {
    "id": "7",
    "channel_id": "5",
    "author": _OWN,
    "content": "",
    "timestamp": "2026-01-01T00:00:00+00:00",
    "edited_timestamp": None,
    "tts": False,
    "mention_everyone": False,
    "mentions": [],
    "mention_roles": [],
    "attachments": [],
    "embeds": [],
    "pinned": False,
    "type": 0,
    "flags": 0,
}


class Wire:
    """Replaces discord.py's HTTP requests for interactions; `answers` records when each was answered."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[float] = asyncio.Queue()
        AsyncWebhookAdapter.request = self._take  # type: ignore[method-assign, assignment]  # nothing is sent

    async def _take(self, route: Any, *_: Any, **__: Any) -> Any:
        self.answers.put_nowait(perf_counter())
        return {"interaction": {"id": "1", "type": 2}} if route.path.endswith("/callback") else _MESSAGE

    async def open(self, client: discord.Client) -> None:
        """Prepare the client for commands, as discord.py's `login` would."""
        await client._async_setup_hook()  # there is no other way without a network
        client._connection.user = discord.ClientUser(state=client._connection, data=_OWN)

    async def give(self, client: discord.Client, command: str, member_id: int, answers: int) -> list[float]:
        """Pass a command to the client; return the seconds from its arrival to each of its answers."""
        begun = perf_counter()
        client._connection.parse_interaction_create(_payload(command, member_id))  # type: ignore[arg-type]  # as the gateway hands it over
        return [await self.answers.get() - begun for _ in range(answers)]


def _payload(command: str, member_id: int) -> dict[str, Any]:
    user = {"id": str(member_id), "username": "m", "discriminator": "0", "avatar": None, "global_name": None}
    since = {"roles": [], "joined_at": "2024-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}
    return {
        "id": "1",
        "application_id": "2",
        "type": 2,
        "token": "t",
        "version": 1,
        "guild_id": str(GUILD),
        "channel_id": "5",
        "channel": {"id": "5", "type": 0, "name": "shop", "permissions": "0", "position": 0},
        "locale": "en-US",
        "guild_locale": "en-US",
        "app_permissions": "0",
        "attachment_size_limit": 0,
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(GUILD)},
        "context": 0,
        "member": {"user": user, "permissions": "0", **since},
        "data": {"id": "9", "name": command, "type": 1},
    }


class Bare(discord.Client):
    """A client with one command that only defers: the floor for a first answer."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        tree = app_commands.CommandTree(self)

        @tree.command(description="Nothing but an answer")
        async def subscriptions(interaction: discord.Interaction[Bare]) -> None:
            await interaction.response.defer(ephemeral=True, thinking=True)
