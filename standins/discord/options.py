"""Converts the text that a person typed after a command to interaction data, by the command's schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from standins.discord import wire
from standins.discord.commands import (
    ATTACHMENT,
    BOOLEAN,
    CHANNEL,
    GROUP,
    INTEGER,
    MENTIONABLE,
    NUMBER,
    ROLE,
    STRING,
    SUBCOMMAND,
    USER,
)
from standins.discord.errors import NotOfferedError
from standins.discord.model import Channel, Guild, Json, Message, Role
from standins.discord.state import HasId, State


def command_data(
    state: State,
    guild: Guild | None,
    command: Json,
    words: list[str],
    options: Mapping[str, Any],
    focus: str | None = None,
) -> Json:
    """Return the `data` of a command interaction.

    `words`: the names of the subcommand. `focus`: the option being typed; while typing (autocomplete),
    required options may be missing and values are not validated.
    """
    filler = _Filler(state, guild, focus)
    data: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
    if command.get("guild_id"):
        data["guild_id"] = command["guild_id"]
    data["options"] = filler.level(command["name"], command["options"], words, dict(options))
    if filler.resolved:
        data["resolved"] = filler.resolved
    return data


def menu_data(state: State, guild: Guild | None, command: Json, target: HasId | Message) -> Json:
    """Return the `data` of a command in the context menu of a user or a message."""
    resolver = Resolver(state, guild)
    if isinstance(target, Message):
        resolver.resolved["messages"] = {str(target.id): wire.message_json(state, target)}
    else:
        resolver.reference(target)
    data: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
    return data | {"target_id": str(target.id), "resolved": resolver.resolved}


class Resolver:
    """Converts users, roles and channels to ids and collects their `resolved` data."""

    def __init__(self, state: State, guild: Guild | None) -> None:
        self._state = state
        self._guild = guild
        self.resolved: dict[str, Json] = {}

    def reference(self, value: Any) -> str:
        """Return the id of a role, channel or user. Raises NotOfferedError for anything else."""
        if isinstance(value, Role):
            self.resolved.setdefault("roles", {})[str(value.id)] = wire.role_json(value)
        elif isinstance(value, Channel):
            body = wire.channel_json(self._state, value) | {"permissions": "0"}
            self.resolved.setdefault("channels", {})[str(value.id)] = body
        elif getattr(value, "id", None) in self._state.users:
            self._user(value.id)
        else:
            raise NotOfferedError(f"{value!r} is no user, role or channel here.")
        return str(value.id)

    def attach(self, name: str, content: bytes) -> str:
        """Upload a file and return its id."""
        file_id = str(self._state.snowflake())
        url = f"{self._state.address}/attachments/{file_id}/{name}"
        self._state.files[url] = content
        body = {"id": file_id, "filename": name, "size": len(content), "url": url, "proxy_url": url}
        self.resolved.setdefault("attachments", {})[file_id] = body
        return file_id

    def _user(self, user_id: int) -> None:
        user = self._state.users[user_id]
        self.resolved.setdefault("users", {})[str(user_id)] = wire.user_json(user)
        member = self._guild.members.get(user_id) if self._guild else None
        if member is not None:
            body = wire.bare_member_json(member) | {"permissions": "0"}
            self.resolved.setdefault("members", {})[str(user_id)] = body


class _Filler(Resolver):
    def __init__(self, state: State, guild: Guild | None, focus: str | None) -> None:
        super().__init__(state, guild)
        self._focus = focus

    def level(self, name: str, schema: list[Json], words: list[str], given: dict[str, Any]) -> list[Json]:
        branches = {option["name"]: option for option in schema if option["type"] in (SUBCOMMAND, GROUP)}
        if branches:
            if not words or words[0] not in branches:
                raise NotOfferedError(f"/{name} needs one of its subcommands: {', '.join(branches)}.")
            chosen = branches[words[0]]
            inner = self.level(f"{name} {words[0]}", chosen.get("options", []), words[1:], given)
            return [{"type": chosen["type"], "name": chosen["name"], "options": inner}]
        if words:
            raise NotOfferedError(f"/{name} has no subcommand {words[0]!r}.")
        return self._leaves(name, schema, given)

    def _leaves(self, name: str, schema: list[Json], given: dict[str, Any]) -> list[Json]:
        known = {option["name"]: option for option in schema}
        if strange := given.keys() - known.keys():
            raise NotOfferedError(f"/{name} has no option {min(strange)!r}; it has {sorted(known)}.")
        missing = [key for key, option in known.items() if option.get("required") and given.get(key) is None]
        if missing and self._focus is None:
            raise NotOfferedError(f"/{name} needs {missing[0]!r}.")
        return [self._leaf(known[key], value) for key, value in given.items() if value is not None]

    def _leaf(self, option: Json, value: Any) -> Json:
        body: Json = {"type": option["type"], "name": option["name"]}
        if option["name"] == self._focus:
            return body | {"value": str(value), "focused": True}
        return body | {"value": self._value(option, value)}

    def _value(self, option: Json, value: Any) -> Any:
        kind = option["type"]
        if kind in (USER, CHANNEL, ROLE, MENTIONABLE):
            return self._typed_reference(kind, value)
        if kind == ATTACHMENT:
            return self.attach(*value)
        for choice in option.get("choices", []):
            if value in (choice["name"], choice["value"]):
                return choice["value"]
        if option.get("choices") and self._focus is None:
            names = [choice["name"] for choice in option["choices"]]
            raise NotOfferedError(f"{option['name']!r} is one of {names}, not {value!r}.")
        converted = _CONVERT[kind](value) if kind in _CONVERT else None
        if converted is None:
            raise NotOfferedError(f"{option['name']!r}: {value!r} is not of the option's type {kind}.")
        _check_bounds(option, converted)
        return converted

    def _typed_reference(self, kind: int, value: Any) -> str:
        is_role, is_channel = isinstance(value, Role), isinstance(value, Channel)
        if ((kind == ROLE) != is_role and kind != MENTIONABLE) or (kind == CHANNEL) != is_channel:
            raise NotOfferedError(f"{value!r} is not what this option names (type {kind}).")
        return self.reference(value)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_CONVERT: dict[int, Callable[[Any], Any]] = {
    STRING: lambda value: value if isinstance(value, str) else None,
    INTEGER: _whole,
    BOOLEAN: lambda value: value if isinstance(value, bool) else None,
    NUMBER: lambda value: value if isinstance(value, (int, float)) else None,
}


def _check_bounds(option: Json, value: Any) -> None:
    size = len(value) if isinstance(value, str) else value
    least = option.get("min_length", option.get("min_value"))
    most = option.get("max_length", option.get("max_value"))
    if (least is not None and size < least) or (most is not None and size > most):
        raise NotOfferedError(f"{option['name']!r}: {value!r} is not within {least}-{most}.")
