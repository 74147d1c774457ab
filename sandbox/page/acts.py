"""Executes the actions of the person at the page, through the stand-ins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.page import desk
from sandbox.page.change_feed import Pulse
from sandbox.stage import DAY, Stage
from standins.discord import Application, Card, Channel, Message, Person, Reply
from standins.discord.commands import (
    BOOLEAN,
    CHANNEL,
    GROUP,
    INTEGER,
    MENTIONABLE,
    NUMBER,
    ROLE,
    SUBCOMMAND,
    USER,
)
from standins.discord.components import SELECTS, STRING_SELECT, walk

Body = dict[str, Any]
OPEN_FORMS = 50


class Misuse(Exception):  # noqa: N818 - named by what happened
    """Raised for a request that the page itself would not make; its text says what is wrong."""


class Players:
    """The people as whom one can act on the page, and the forms that they have open."""

    def __init__(self, stage: Stage, pulse: Pulse) -> None:
        self.stage, self.pulse = stage, pulse
        self.forms: dict[str, Reply] = {}

    def person(self, who: object) -> Person:
        """Return the person with that id or name; the first person if there is none.

        A freshly opened page names nobody.
        """
        for person in self.stage.people:
            if who in (str(person.id), person.name):
                return person
        return self.stage.people[0]

    @property
    def app(self) -> Application:
        """Return the bot's application."""
        return self.stage.app

    def place(self, key: object) -> Channel | None:
        """Return the channel with that name; None for direct messages with the bot."""
        if key == "dm":
            return None
        for channel in self.stage.guild.channels.values():
            if channel.name == key:
                return channel
        raise Misuse("There is no such place.")

    def card(self, person: Person, message_id: object) -> Card:
        """Return the message with that id, as the person sees it."""
        channels = [*self.stage.guild.channels.values(), person.private(self.app.bot)]
        for channel in channels:
            message: Message | None = channel.messages.get(_whole(message_id))
            if message is not None:
                return person.look_at(message)
        raise Misuse("This message is gone.")

    def thing(self, value: object) -> object:
        """Return the role, channel or person with that id."""
        number, guild = _whole(value), self.stage.guild
        found = guild.roles.get(number) or guild.channels.get(number) or self.stage.world.users.get(number)
        if found is None:
            raise Misuse("There is no such role, channel or person.")
        return found

    def outcome(self, reply: Reply) -> Body:
        """Return the form that a press opened, for the page to show at once.

        Any other result reaches the page in the next snapshot.
        """
        if reply.modal is None:
            return {}
        key = str(reply.interaction.id)
        self.forms[key] = reply
        while len(self.forms) > OPEN_FORMS:
            del self.forms[next(iter(self.forms))]
        return {"modal": reply.modal, "interaction": key}


async def use_command(players: Players, person: Person, body: Body) -> Body:
    """Use a slash command as the person, and return the form that it opened, if any."""
    place, name, given = players.place(body.get("place")), str(body.get("command")), _hash(body, "options")
    options = _options(players, person, place, name, given)
    return players.outcome(await person.run(place, name, options, wait=False))


async def autocomplete(players: Players, person: Person, body: Body) -> Body:
    """Return the suggestions for the text that the person types into an option."""
    place, name, option = players.place(body.get("place")), str(body.get("command")), str(body.get("option"))
    others = _options(players, person, place, name, _hash(body, "options"))
    choices = await person.autocomplete(place, name, option, str(body.get("text", ""))[:100], others)
    return {"choices": choices}


async def press(players: Players, person: Person, body: Body) -> Body:
    """Press a button as the person, and return the form that it opened, if any."""
    card = players.card(person, body.get("message"))
    return players.outcome(await card.press(str(body.get("custom_id")), wait=False))


async def choose(players: Players, person: Person, body: Body) -> Body:
    """Choose entries of a menu as the person, and return the form that this opened, if any."""
    card, name, values = players.card(person, body.get("message")), body.get("custom_id"), body.get("values")
    if not isinstance(values, list):
        raise Misuse("Choices are a list.")
    menus = {part["custom_id"]: part["type"] for part in walk(card.components) if part["type"] in SELECTS}
    if menus.get(name) != STRING_SELECT:
        values = [players.thing(value) for value in values]
    return players.outcome(await card.choose(str(name), values, wait=False))


async def submit(players: Players, person: Person, body: Body) -> Body:
    """Fill in and submit the form that the person has open."""
    reply = players.forms.pop(str(body.get("interaction")), None)
    if reply is None or reply.interaction.user.id != person.id:
        raise Misuse("This form is no longer open.")
    return players.outcome(await reply.submit_modal(_hash(body, "values"), wait=False))


async def say(players: Players, person: Person, body: Body) -> Body:
    """Post a message as the person, in a channel or in the bot's DMs."""
    place = players.place(body.get("place")) or person.private(players.app.bot)
    person.say(place, str(body.get("text", ""))[:2000])
    return {}


async def turn_clock(players: Players, person: Person, body: Body) -> Body:
    """Advance the clock by a day, or to the end of a subscription's period."""
    stage, seconds = players.stage, float(DAY)
    if body.get("to") == "period_end":
        moment = desk.next_moment(stage, str(body.get("subscription")))
        if moment is None:
            raise Misuse("This subscription has no period to turn to the end of.")
        seconds = max(moment - stage.clock.now(), 0.0)
    stage.clock.advance(seconds)
    players.pulse.beat()
    return {}


async def use_desk(players: Players, person: Person, body: Body) -> Body:
    """Press a button on a provider's dashboard, for one subscription."""
    do, subscription, price = (str(body.get(name)) for name in ("do", "subscription", "price"))
    if not desk.carry_out(players.stage, do, subscription, price):
        raise Misuse("The dashboard has no such button for this subscription just now.")
    players.pulse.beat()
    return {}


async def set_deliveries(players: Players, person: Person, body: Body) -> Body:
    """Set the faults with which the providers' notifications are delivered."""
    late = body.get("late", 0)
    if not isinstance(late, (int, float)) or not 0 <= late <= 3600:
        raise Misuse("Notifications can be up to an hour late.")
    for provider in players.stage.providers:
        faults = provider.delivery_faults
        faults.double = bool(body.get("double", faults.double))
        faults.late = float(body.get("late", faults.late))
    players.pulse.beat()
    return {}


ACTS: dict[str, Callable[[Players, Person, Body], Awaitable[Body]]] = {
    "command": use_command,
    "autocomplete": autocomplete,
    "press": press,
    "choose": choose,
    "modal": submit,
    "say": say,
    "clock": turn_clock,
    "desk": use_desk,
    "deliveries": set_deliveries,
}


# From JSON to what the stand-ins take


def _whole(value: object) -> int:
    text = str(value)
    if not text.isascii() or not text.isdigit():
        raise Misuse("An id is a number.")
    return int(text)


def _hash(body: Body, name: str) -> Body:
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise Misuse(f"{name} is an object.")
    return found


def _options(players: Players, person: Person, place: Channel | None, name: str, given: Body) -> Body:
    """Return the options with ids replaced by roles, channels and people, and digits by numbers."""
    kinds = _kinds(person.commands(place), name.split())
    return {option: _value(players, kinds.get(option), value) for option, value in given.items()}


def _kinds(commands: list[Body], words: list[str]) -> dict[str, int]:
    """Return the type of each option of a command, by the option's name."""
    level = commands
    for word in words:
        found = next((one for one in level if one["name"] == word), None)
        level = (found or {}).get("options") or []
    return {option["name"]: option["type"] for option in level if option["type"] not in (SUBCOMMAND, GROUP)}


def _value(players: Players, kind: int | None, value: object) -> object:
    if kind in (USER, ROLE, CHANNEL, MENTIONABLE):
        return players.thing(value)
    if kind in (INTEGER, NUMBER) and isinstance(value, str):
        return _number(kind, value)
    if kind == BOOLEAN and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def _number(kind: int, text: str) -> object:
    try:
        return int(text) if kind == INTEGER else float(text)
    except ValueError:
        return text
