"""Acts as a person in Discord's client: uses commands and buttons, and reads messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from standins.discord import chat, permissions
from standins.discord.cards import Card, Reply, answered
from standins.discord.commands import (
    MESSAGE_MENU,
    USER_MENU,
    localized,
    named,
    offered,
    require_offered,
)
from standins.discord.errors import CannotUseError
from standins.discord.interactions import AUTOCOMPLETE, COMMAND, start
from standins.discord.model import Application, Channel, Guild, Json, Message, User
from standins.discord.options import command_data, menu_data
from standins.discord.state import HasId, State

Place = Guild | Channel | None


class Person:
    """A person who uses one account.

    A place is a server (its first channel is used), a channel, or None for direct messages with the
    application's bot; `person.private(other)` is a DM between two people.
    """

    def __init__(self, state: State, user: User) -> None:
        self.state = state
        self.user = user

    @property
    def id(self) -> int:
        """Return the account's snowflake."""
        return self.user.id

    @property
    def name(self) -> str:
        """Return the account's name."""
        return self.user.name

    async def run(
        self,
        place: Place,
        command: str,
        options: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
        wait: bool = True,
    ) -> Reply:
        """Use a slash command, such as "cancel" or "plans add", and wait for the answer.

        A deferred answer is awaited until it shows something; if `wait` is false, the acknowledgement is
        enough. With `force`, the server's integration settings allow the command to this person. Raises
        NotOfferedError or NoAnswerError.
        """
        app, channel, data = self._typed(place, command, options or {}, force=force)
        interaction = start(self.state, COMMAND, app, self.user, channel, data)
        return await answered(self.state, interaction, wait=wait)

    async def autocomplete(
        self,
        place: Place,
        command: str,
        option: str,
        text: str = "",
        options: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> list[Json]:
        """Type `text` into an option; return the suggested choices as dicts with name and value."""
        given = {**(options or {}), option: text}
        app, channel, data = self._typed(place, command, given, force=force, focus=option)
        interaction = start(self.state, AUTOCOMPLETE, app, self.user, channel, data)
        await answered(self.state, interaction)
        return interaction.choices or []

    async def use_menu(
        self, place: Place, name: str, target: HasId | Card, *, force: bool = False, wait: bool = True
    ) -> Reply:
        """Choose a command in the context menu of a member or of a message, and wait for the answer.

        `force`: as in `run`. Raises NotOfferedError or NoAnswerError.
        """
        guild, kind = self._guild(place), MESSAGE_MENU if isinstance(target, Card) else USER_MENU
        app, registered = named(self.state, guild, name, kind)
        channel = self._channel(place, app)
        if not force:
            require_offered(self.state, app, registered, self.user, guild, channel)
        data = menu_data(
            self.state, guild, registered, target.message if isinstance(target, Card) else target
        )
        interaction = start(self.state, COMMAND, app, self.user, channel, data)
        return await answered(self.state, interaction, wait=wait)

    def _typed(
        self, place: Place, command: str, options: Mapping[str, Any], *, force: bool, focus: str | None = None
    ) -> tuple[Application, Channel, Json]:
        name, *words = command.removeprefix("/").split()
        guild = self._guild(place)
        app, registered = named(self.state, guild, name)
        channel = self._channel(place, app)
        if not force:
            require_offered(self.state, app, registered, self.user, guild, channel)
        return app, channel, command_data(self.state, guild, registered, words, options, focus)

    def commands(self, place: Place) -> list[Json]:
        """Return the commands that the client offers in this place, in the person's language."""
        found: list[Json] = []
        for app in self.state.applications.values():
            channel = self._channel(place, app)
            listed = offered(self.state, self.user, self._guild(place), channel)
            found += [localized(command, self.user.locale) for owner, command in listed if owner is app]
        return found

    def _guild(self, place: Place) -> Guild | None:
        if isinstance(place, Channel):
            return self.state.guilds[place.guild_id] if place.guild_id is not None else None
        return place

    def _channel(self, place: Place, app: Application) -> Channel:
        return self.state.dm(self.user, app.bot) if place is None else self._visible(place)

    def _visible(self, place: Channel | Guild) -> Channel:
        channels = [place] if isinstance(place, Channel) else place.channels.values()
        for channel in channels:
            if chat.can(self.state, channel, self.user, permissions.VIEW_CHANNEL):
                return channel
        raise CannotUseError(f"{self.name} sees no such channel.")

    def private(self, other: HasId) -> Channel:
        """Return the DM channel with another user, creating it on first use."""
        return self.state.dm(self.user, other)

    # Reading and writing

    @property
    def dms(self) -> list[Card]:
        """Return every message in the direct messages with bots, oldest first."""
        channels = [channel for key, channel in self.state.dms.items() if self.id in key]
        cards = [card for channel in channels for card in self.messages(channel)]
        return sorted(cards, key=lambda card: card.message.id)

    def messages(self, place: Channel | Guild) -> list[Card]:
        """Return the messages that the person sees in a channel, oldest first."""
        seen = [m for m in self._visible(place).messages.values() if m.ephemeral_to in (None, self.id)]
        return [Card(self.state, self.user, message) for message in seen]

    async def dm_containing(self, text: str, within: float | None = None) -> Card:
        """Wait for a direct message that contains `text`; return the newest if several do.

        Raises NoAnswerError after `within` real seconds.
        """
        what = f"a DM to {self.name} containing {text!r}"
        return await self.state.until(lambda: _newest(self.dms, text), what, within)

    async def message_containing(
        self, place: Channel | Guild, text: str, within: float | None = None
    ) -> Card:
        """Wait for a message in a channel that contains `text`; return the newest if several do.

        Raises NoAnswerError after `within` real seconds.
        """
        what = f"a message to {self.name} containing {text!r}"
        return await self.state.until(lambda: _newest(self.messages(place), text), what, within)

    def card(self, message_id: int) -> Card:
        """Return the message with that id, wherever the person sees it.

        Raises CannotUseError if they do not see it.
        """
        for channel in self.state.channels():
            message = channel.messages.get(message_id)
            if message is not None and chat.can(self.state, channel, self.user, permissions.VIEW_CHANNEL):
                return self.look_at(message)
        raise CannotUseError(f"{self.name} sees no message {message_id}.")

    def look_at(self, card: Card | Message) -> Card:
        """Return a message as this person sees it. Raises CannotUseError if only somebody else can see it."""
        message = card if isinstance(card, Message) else card.message
        if message.ephemeral_to not in (None, self.id):
            raise CannotUseError(f"{self.name} does not see this message.")
        return Card(self.state, self.user, message)

    def say(self, place: Channel | Guild, text: str) -> Card:
        """Post a message as this person, and return it as they see it."""
        channel = self._visible(place)
        if not chat.can(self.state, channel, self.user, permissions.SEND_MESSAGES):
            raise CannotUseError(f"{self.name} may not write in #{channel.name}.")
        message = Message(self.state.snowflake(), channel, self.user, self.state.clock.now())
        chat.apply_body(self.state, message, {"content": text})
        chat.post(self.state, message)
        return Card(self.state, self.user, message)


def _newest(cards: list[Card], text: str) -> Card | None:
    return next((card for card in reversed(cards) if text in card.text), None)
