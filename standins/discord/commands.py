"""Application commands: registers them and offers them to people, as Discord does.

Limits: Discord's developer documentation, "Application Commands" (100 commands, 25 options, 25 choices,
names of 1-32 lower-case letters, digits, - and _, 8000 characters per command).
"""

from __future__ import annotations

from collections.abc import Iterator

from standins.discord import permissions
from standins.discord.components import check_length
from standins.discord.errors import ApiError, Form, NotOfferedError, refusal
from standins.discord.model import Application, Channel, Guild, Json, User
from standins.discord.state import State

# Discord, 'Application Command Types'.
CHAT_INPUT, USER_MENU, MESSAGE_MENU = range(1, 4)
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(
    1, 12
)
IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL = 0, 1, 2
GUILD_INSTALL, USER_INSTALL = 0, 1
_KEPT_KEYS = (
    *("name_localizations", "description_localizations", "required", "autocomplete", "choices"),
    *("min_value", "max_value", "min_length", "max_length", "channel_types"),
)


def overwrite_all(state: State, app: Application, guild_id: int | None, bodies: list[Json]) -> list[Json]:
    """Replace all commands of a scope. A command keeps its id if its name and type stay the same."""
    form = Form()
    if len(bodies) > 130:
        form.fail((), "BASE_TYPE_MAX_LENGTH", "Must be 130 or fewer in length.")
    names = [(body.get("type") or 1, body.get("name")) for body in bodies]
    if len(set(names)) != len(names):
        form.fail((), "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
    for place, body in enumerate(bodies):
        _check(form, (place,), body)
    form.check()
    if sum(kind == 1 for kind, _ in names) > 100:
        raise ApiError(400, 30032, "Maximum number of application commands reached (100)")
    before = app.commands.get(guild_id, {})
    after = [_registered(state, app, guild_id, body, before) for body in bodies]
    app.commands[guild_id] = {int(command["id"]): command for command in after}
    _published(state, app, guild_id)
    return after


def upsert(state: State, app: Application, guild_id: int | None, body: Json) -> tuple[Json, bool]:
    """Create a command, or replace the one with the same name. Return it, and whether it is new."""
    form = Form()
    _check(form, (), body)
    form.check()
    scope = app.commands.setdefault(guild_id, {})
    command = _registered(state, app, guild_id, body, scope)
    new = int(command["id"]) not in scope
    scope[int(command["id"])] = command
    _published(state, app, guild_id)
    return command, new


def find(app: Application, guild_id: int | None, command_id: int) -> Json:
    """Return a registered command. Raises ApiError 10063 if there is none."""
    command = app.commands.get(guild_id, {}).get(command_id)
    if command is None:
        raise refusal(10063)
    return command


def localized(part: Json, locale: str) -> Json:
    """Return a copy of a command, option or choice in the locale, as far as it was registered.

    Descriptions and the names of choices are translated.
    """
    shown = dict(part)
    words = (part.get("description_localizations") or {}).get(locale)
    if words is not None:
        shown["description"] = words
    if "options" in part:
        shown["options"] = [localized(option, locale) for option in part["options"]]
    if "choices" in part:
        shown["choices"] = [
            choice | {"name": (choice.get("name_localizations") or {}).get(locale, choice["name"])}
            for choice in part["choices"]
        ]
    return shown


def _published(state: State, app: Application, guild_id: int | None) -> None:
    names = [command["name"] for command in app.commands[guild_id].values()]
    state.publish("commands_registered", application_id=app.id, guild_id=guild_id, names=names)


def _registered(
    state: State, app: Application, guild_id: int | None, body: Json, before: dict[int, Json]
) -> Json:
    fresh: Json = {
        "application_id": str(app.id),
        "type": body.get("type") or 1,
        "name": body["name"],
        "description": body.get("description") or "",
        "name_localizations": body.get("name_localizations"),
        "description_localizations": body.get("description_localizations"),
        "default_member_permissions": _bits(body.get("default_member_permissions")),
        "dm_permission": body.get("dm_permission") is not False,
        "nsfw": bool(body.get("nsfw")),
        "options": [_option(option) for option in body.get("options") or []],
    }
    if guild_id is None:
        fresh |= {
            "contexts": body.get("contexts"),
            "integration_types": body.get("integration_types") or [GUILD_INSTALL],
        }
    else:
        fresh["guild_id"] = str(guild_id)
    for old in before.values():
        if (old["name"], old["type"]) == (fresh["name"], fresh["type"]):
            same = {key: old[key] for key in fresh} == fresh
            return fresh | {"id": old["id"], "version": old["version"] if same else str(state.snowflake())}
    return fresh | {"id": str(state.snowflake()), "version": str(state.snowflake())}


def _bits(value: str | int | None) -> str | None:
    return None if value is None else str(int(value))


def _option(option: Json) -> Json:
    body: Json = {key: option[key] for key in ("type", "name", "description")}
    body |= {key: option[key] for key in _KEPT_KEYS if option.get(key) not in (None, False, [])}
    if option["type"] in (SUBCOMMAND, GROUP):
        body["options"] = [_option(inner) for inner in option.get("options") or []]
    return body


def _check(form: Form, path: tuple[str | int, ...], body: Json, option_type: int | None = None) -> None:
    _check_name(form, path, body)
    if body.get("type", 1) in (1, None) or option_type:
        check_length(form, (*path, "description"), body.get("description") or "", 1, 100)
    options = body.get("options") or []
    check_length(form, (*path, "options"), options, 0, 25)
    names = [option.get("name") for option in options]
    if len(set(names)) != len(names):
        message = "Option names must be unique"
        form.fail((*path, "options"), "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", message)
    needed = [bool(option.get("required")) for option in options]
    if needed != sorted(needed, reverse=True):
        message = "Required options must be placed before non-required options"
        form.fail((*path, "options"), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
    for place, option in enumerate(options):
        _check_option(form, (*path, "options", place), option, option_type)
    if option_type is None and sum(_texts(body)) > 8000:
        form.fail(path, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")


def _check_name(form: Form, path: tuple[str | int, ...], body: Json) -> None:
    name = body.get("name") or ""
    check_length(form, (*path, "name"), name, 1, 32)
    plain = all(letter.isalnum() or letter in "-_'" for letter in name) and name == name.lower()
    if body.get("type", 1) in (1, None) and not plain:
        form.fail((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


_MAY_HOLD: dict[int | None, range] = {
    None: range(SUBCOMMAND, ATTACHMENT + 1),
    GROUP: range(SUBCOMMAND, SUBCOMMAND + 1),
    SUBCOMMAND: range(STRING, ATTACHMENT + 1),
}


def _check_option(form: Form, path: tuple[str | int, ...], option: Json, parent: int | None) -> None:
    kind = option.get("type")
    if not isinstance(kind, int) or kind not in _MAY_HOLD.get(parent, range(0)):
        form.fail((*path, "type"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Option type is invalid here")
        return
    choices = option.get("choices") or []
    check_length(form, (*path, "choices"), choices, 0, 25)
    for place, choice in enumerate(choices):
        check_length(form, (*path, "choices", place, "name"), choice["name"], 1, 100)
    if choices and option.get("autocomplete"):
        message = "Autocomplete options may not have choices"
        form.fail(path, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES", message)
    inner = {"name": option.get("name"), "description": option.get("description")}
    _check(form, path, inner | {"options": option.get("options")}, kind)


def _texts(body: Json) -> Iterator[int]:
    yield len(body.get("name") or "") + len(body.get("description") or "")
    for choice in body.get("choices") or []:
        yield len(choice["name"]) + len(str(choice["value"]))
    for option in body.get("options") or []:
        yield from _texts(option)


# Commands offered to a person


def offered(
    state: State, user: User, guild: Guild | None, channel: Channel
) -> Iterator[tuple[Application, Json]]:
    """Yield the chat commands that Discord's client would list for this person in this place."""
    for app in state.applications.values():
        for command in _in_scope(app, guild):
            if command["type"] != CHAT_INPUT:
                continue
            try:
                require_offered(state, app, command, user, guild, channel)
            except NotOfferedError:
                continue
            yield app, command


def _in_scope(app: Application, guild: Guild | None) -> Iterator[Json]:
    yield from app.commands.get(None, {}).values()
    if guild is not None:
        yield from app.commands.get(guild.id, {}).values()


def named(state: State, guild: Guild | None, name: str, kind: int = CHAT_INPUT) -> tuple[Application, Json]:
    """Return the registered command of that name and kind.

    Raises NotOfferedError if no application has it.
    """
    for app in state.applications.values():
        for command in _in_scope(app, guild):
            if command["name"] == name and command["type"] == kind:
                return app, command
    raise NotOfferedError(f"No application has registered /{name}.")


def context_of(app: Application, channel: Channel) -> int:
    """Return the interaction context of the channel: a server, the bot's own DM or another DM."""
    if channel.guild_id is not None:
        return IN_GUILD
    return IN_BOT_DM if app.bot.id in channel.recipients else IN_PRIVATE_CHANNEL


def require_offered(
    state: State, app: Application, command: Json, user: User, guild: Guild | None, channel: Channel
) -> None:
    """Raise NotOfferedError unless Discord's client shows the command to this person in this place."""
    name = f"/{command['name']}"
    context = context_of(app, channel)
    contexts = command.get("contexts")
    if contexts is None:
        contexts = [IN_GUILD, IN_BOT_DM] if command["dm_permission"] else [IN_GUILD]
    if context not in contexts:
        place = ("in servers", "in direct messages with the bot", "in other private channels")[context]
        raise NotOfferedError(f"{name} is not offered {place}: its contexts are {contexts}.")
    if not owners(state, app, user, guild, context, command):
        raise NotOfferedError(f"{app.name} is installed neither here nor to {user.name}.")
    if guild is not None:
        _require_member(command, user, guild, channel)


def _require_member(command: Json, user: User, guild: Guild, channel: Channel) -> None:
    member = guild.members.get(user.id)
    if member is None:
        raise NotOfferedError(f"{user.name} is not a member of {guild.name}.")
    bits = permissions.channel_permissions(guild, channel, member)
    if not bits & permissions.USE_APPLICATION_COMMANDS:
        raise NotOfferedError(f"{user.name} may not use commands in #{channel.name}.")
    needed = command["default_member_permissions"]
    wanted = permissions.ADMINISTRATOR if needed == "0" else int(needed or 0)
    if bits & wanted != wanted:
        raise NotOfferedError(f"/{command['name']} is for members with permission bits {wanted}.")


def owners(
    state: State, app: Application, user: User, guild: Guild | None, context: int, command: Json | None = None
) -> dict[str, str]:
    """Return authorizing_integration_owners: the installations that make the application available here."""
    types = (command or {}).get("integration_types") or [GUILD_INSTALL, USER_INSTALL]
    found: dict[str, str] = {}
    if GUILD_INSTALL in types and context != IN_PRIVATE_CHANNEL:
        shared = any(app.bot.id in g.members and user.id in g.members for g in state.guilds.values())
        if guild is not None and app.bot.id in guild.members:
            found["0"] = str(guild.id)
        elif guild is None and shared:
            found["0"] = "0"
    if USER_INSTALL in types and app.id in user.installed_apps:
        found["1"] = str(user.id)
    return found
