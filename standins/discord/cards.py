"""A message as a person sees it, its buttons and menus, and the bot's answer when the person uses one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from standins.discord import interactions, wire
from standins.discord.components import (
    BUTTON,
    LINK,
    SELECTS,
    STRING_SELECT,
    TEXT_INPUT,
    text_of,
    walk,
)
from standins.discord.errors import CannotUseError, NoAnswerError
from standins.discord.interactions import (
    CHOICES,
    COMPONENT,
    DEFERRED_UPDATE,
    MODAL,
    MODAL_SUBMIT,
    UPDATE,
)
from standins.discord.model import (
    EPHEMERAL,
    LOADING,
    Application,
    Interaction,
    Json,
    Message,
    User,
)
from standins.discord.options import Resolver
from standins.discord.state import State

STYLES = {1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link", 6: "premium"}


@dataclass(frozen=True)
class Button:
    """A button. `style`: primary, secondary, success, danger or link; a link has a url and no custom_id."""

    label: str
    style: str
    custom_id: str | None
    url: str | None
    disabled: bool


@dataclass(frozen=True)
class Select:
    """A select menu; `options` maps the values of a string select to their labels."""

    custom_id: str
    placeholder: str
    options: dict[str, str]
    disabled: bool


class Card:
    """A message as one person sees it. It is live: after an edit it shows the new content."""

    def __init__(self, state: State, viewer: User, message: Message) -> None:
        self.state = state
        self.viewer = viewer
        self._message = message

    @property
    def message(self) -> Message:
        """Return the stored record of the message."""
        return self._message

    @property
    def components(self) -> list[Json]:
        """Return the component tree, as Discord stores it."""
        return self.message.components

    @property
    def text(self) -> str:
        """Return all text in the message: content, text displays and embeds, joined by line feeds."""
        parts = [self.message.content, text_of(self.components)]
        for embed in self.message.embeds:
            parts += [embed.get("title", ""), embed.get("description", "")]
            parts += [f"{field['name']}\n{field['value']}" for field in embed.get("fields", [])]
        return "\n".join(part for part in parts if part)

    @property
    def files(self) -> dict[str, bytes]:
        """Return the contents of the attached files by their names."""
        return {each["filename"]: self.state.files[each["url"]] for each in self.message.attachments}

    @property
    def body(self) -> Json:
        """Return the message as Discord's JSON, for a page."""
        return wire.message_json(self.state, self.message)

    @property
    def ephemeral(self) -> bool:
        """Return True if only the viewer sees the message."""
        return bool(self.message.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        """Return True if the message still says that the application is thinking."""
        return bool(self.message.flags & LOADING)

    @property
    def pings(self) -> list[str]:
        """Return the mentions that notified somebody: those of users and roles, and "@everyone"."""
        named = [f"<@{user_id}>" for user_id in self.message.pinged_users]
        named += [f"<@&{role_id}>" for role_id in self.message.pinged_roles]
        return named + ["@everyone"] * self.message.pinged_everyone

    @property
    def buttons(self) -> list[Button]:
        """Return all buttons, in reading order."""
        return [_button(part) for part in walk(self.components) if part["type"] == BUTTON]

    @property
    def selects(self) -> list[Select]:
        """Return all select menus, in reading order."""
        return [_select(part) for part in walk(self.components) if part["type"] in SELECTS]

    def button(self, wanted: str) -> Button:
        """Return the button with that label or custom_id.

        Raises CannotUseError if there is none or more than one.
        """
        found = [button for button in self.buttons if wanted in (button.label, button.custom_id)]
        if len(found) != 1:
            labels = [button.label for button in self.buttons]
            raise CannotUseError(f"{len(found)} buttons are called {wanted!r}; there are {labels}.")
        return found[0]

    async def press(self, wanted: str, *, wait: bool = True) -> Reply:
        """Press the button with that label or custom_id and wait for what the application shows.

        If `wait` is false, return once the application has acknowledged. Raises CannotUseError for a link
        or a disabled button, NoAnswerError if nothing comes.
        """
        button = self.button(wanted)
        if button.style == STYLES[LINK]:
            raise CannotUseError(f"{button.label!r} is a link to {button.url}; it is opened, not pressed.")
        if button.disabled:
            raise CannotUseError(f"{button.label!r} is disabled.")
        return await self._use({"component_type": BUTTON, "custom_id": button.custom_id}, wait)

    async def choose(self, wanted: str, values: Sequence[Any] | str, *, wait: bool = True) -> Reply:
        """Choose values in the select with that placeholder or custom_id.

        A string select takes labels or values; the other kinds take users, roles or channels.
        """
        parts = [part for part in walk(self.components) if part["type"] in SELECTS]
        found = [part for part in parts if wanted in (part.get("placeholder"), part["custom_id"])]
        if len(found) != 1:
            raise CannotUseError(f"{len(found)} selects are called {wanted!r}.")
        part = found[0]
        chosen = [values] if isinstance(values, str) else list(values)
        return await self._use(_selection(self.state, self.message, part, chosen), wait)

    async def _use(self, data: Json, wait: bool) -> Reply:
        message = self.message
        app = application_of(self.state, message)
        if message.deleted:
            raise CannotUseError("The message is gone.")
        if message.ephemeral_to not in (None, self.viewer.id):
            raise CannotUseError(f"{self.viewer.name} does not see this message.")
        by = [part for part in walk(message.components) if part.get("custom_id") == data["custom_id"]]
        data["id"] = by[0]["id"]
        interaction = interactions.start(
            self.state, COMPONENT, app, self.viewer, message.channel, data, message=message
        )
        return await answered(self.state, interaction, wait=wait)


class Reply(Card):
    """The application's answer to a command, button, select or modal, as the person sees it."""

    def __init__(self, state: State, interaction: Interaction) -> None:
        self.interaction = interaction
        super().__init__(state, interaction.user, self.message_or_none or _nothing(interaction))

    @property
    def message_or_none(self) -> Message | None:
        """Return the message that the answer posted or edited; None for a modal."""
        interaction = self.interaction
        silent = interaction.answer == DEFERRED_UPDATE and interaction.followups
        if silent and (interaction.original is None or interaction.original.edited_by is not interaction):
            return interaction.followups[0]
        return interaction.original

    @property
    def message(self) -> Message:
        """Return the message that the answer posted or edited. Raises CannotUseError for a modal."""
        found = self.message_or_none
        if found is None:
            raise CannotUseError("The application answered with a modal, not with a message.")
        return found

    @property
    def updated(self) -> bool:
        """Return True if the bot edited the message with the pressed button, instead of posting a new one."""
        return self.message_or_none is self.interaction.message

    @property
    def followups(self) -> list[Card]:
        """Return the follow-up messages, oldest first."""
        return [Card(self.state, self.viewer, message) for message in self.interaction.followups]

    @property
    def modal(self) -> Json | None:
        """Return the modal that opened (title, custom_id, components), or None."""
        return self.interaction.modal

    async def until(
        self, probe: Callable[[Reply], Any], what: str = "the answer to change", within: float | None = None
    ) -> Reply:
        """Wait until `probe(self)` is true, for example until an edit brings a certain text."""
        await self.state.until(lambda: bool(probe(self)), what, within)
        return self

    async def submit_modal(self, values: Mapping[str, Any], *, wait: bool = True) -> Reply:
        """Fill in the open modal, by custom_id or label of its fields, and submit it."""
        modal = self.interaction.modal
        if modal is None:
            raise CannotUseError("No modal is open.")
        data = {"custom_id": modal["custom_id"], "components": _filled(modal["components"], dict(values))}
        origin = self.interaction
        interaction = interactions.start(
            self.state,
            MODAL_SUBMIT,
            origin.application,
            origin.user,
            origin.channel,
            data,
            message=origin.message,
            opened_by=origin,
        )
        return await answered(self.state, interaction, wait=wait)


def application_of(state: State, message: Message) -> Application:
    """Return the application that posted the message. Raises CannotUseError for a person's message."""
    for app in state.applications.values():
        if app.bot is message.author:
            return app
    raise CannotUseError("The message is not from an application.")


async def answered(state: State, interaction: Interaction, *, wait: bool = True) -> Reply:
    """Wait for the first answer and, if `wait` is true, until something is shown.

    Raises NoAnswerError if that does not happen in time.
    """
    left = interaction.deadline - asyncio.get_running_loop().time()
    what = f"{interaction.application.name} to answer interaction {interaction.id} of type {interaction.type}"
    try:
        await state.until(lambda: interaction.answer is not None, what, max(left, 0))
    except NoAnswerError:
        state.publish("interaction_expired", interaction_id=interaction.id, user_id=interaction.user.id)
        refused = f" The last refused request was {state.refusals[-1]}" if state.refusals else ""
        name = interaction.application.name
        raise NoAnswerError(f"{name} did not answer in {state.ack_seconds:g} s.{refused}") from None
    if wait:
        await state.until(lambda: _shown(interaction), f"{what}, after it was deferred,")
    return Reply(state, interaction)


def _shown(interaction: Interaction) -> bool:
    if interaction.answer in (MODAL, CHOICES, UPDATE):
        return True
    if interaction.answer == DEFERRED_UPDATE:
        return interaction.changes > 0
    original = interaction.original
    return original is not None and not (original.flags & LOADING and not original.deleted)


def _nothing(interaction: Interaction) -> Message:
    return Message(0, interaction.channel, interaction.application.bot, interaction.created_at)


def _button(part: Json) -> Button:
    emoji = (part.get("emoji") or {}).get("name") or ""
    label = part.get("label") or emoji
    style = STYLES[part["style"]]
    return Button(label, style, part.get("custom_id"), part.get("url"), bool(part.get("disabled")))


def _select(part: Json) -> Select:
    options = {option["value"]: option["label"] for option in part.get("options", [])}
    return Select(part["custom_id"], part.get("placeholder", ""), options, bool(part.get("disabled")))


def _selection(state: State, message: Message, part: Json, chosen: list[Any]) -> Json:
    if part.get("disabled"):
        raise CannotUseError("The select is disabled.")
    if not part["min_values"] <= len(chosen) <= part["max_values"]:
        raise CannotUseError(f"Choose {part['min_values']} to {part['max_values']}, not {len(chosen)}.")
    data: Json = {"component_type": part["type"], "custom_id": part["custom_id"]}
    if part["type"] == STRING_SELECT:
        return data | {"values": [_option_value(part, value) for value in chosen]}
    guild_id = message.channel.guild_id
    resolver = Resolver(state, state.guilds[guild_id] if guild_id is not None else None)
    values = [resolver.reference(value) for value in chosen]
    return data | {"values": values, "resolved": resolver.resolved}


def _option_value(part: Json, value: str) -> str:
    for option in part["options"]:
        if value in (option["value"], option["label"]):
            return str(option["value"])
    labels = [option["label"] for option in part["options"]]
    raise CannotUseError(f"There is no option {value!r}; there are {labels}.")


def _filled(rows: list[Json], values: dict[str, Any]) -> list[Json]:
    """Return a modal's components as submitted with `values`.

    Raises CannotUseError for a field that is missing or does not accept its value.
    """
    sent = [_filled_row(row, values) for row in rows]
    if values:
        raise CannotUseError(f"The modal has no field {min(values)!r}.")
    return sent


def _filled_row(row: Json, values: dict[str, Any]) -> Json:
    body: Json = {"type": row["type"], "id": row["id"]}
    if "component" in row:
        return body | {"component": _filled_field(row["component"], row["label"], values)}
    if "components" in row:
        return body | {
            "components": [_filled_field(f, f.get("label", ""), values) for f in row["components"]]
        }
    return body


def _filled_field(field: Json, label: str, values: dict[str, Any]) -> Json:
    key = field["custom_id"] if field["custom_id"] in values else label
    body: Json = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
    if field["type"] == TEXT_INPUT:
        text = values.pop(key, field.get("value") or "")
        least = max(field.get("min_length") or 0, int(field.get("required") is not False))
        if not least <= len(text) <= (field.get("max_length") or 4000):
            raise CannotUseError(f"{label!r} takes {least} to {field.get('max_length') or 4000} characters.")
        return body | {"value": text}
    if field["type"] not in SELECTS:
        raise CannotUseError(f"{label!r} is a field of type {field['type']}, which cannot be filled here.")
    chosen = values.pop(key, [])
    chosen = [chosen] if isinstance(chosen, str) else list(chosen)
    least = 0 if field.get("required") is False and not chosen else field.get("min_values", 1)
    if not least <= len(chosen) <= field.get("max_values", 1):
        raise CannotUseError(f"{label!r} takes {least} to {field.get('max_values', 1)} values.")
    if field["type"] != STRING_SELECT:
        return body | {"values": [str(value.id) for value in chosen]}
    return body | {"values": [_option_value(field, value) for value in chosen]}
