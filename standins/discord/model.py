"""The records of the local Discord: plain data, with the rules in world.py, chat.py and interactions.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]

TEXT_CHANNEL, DM_CHANNEL = 0, 1
EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> float:
        """Return the current time in unix seconds, UTC."""
        ...


@dataclass(eq=False)
class User:
    """The account of a person or a bot."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    dms_open: bool = True
    installed_apps: set[int] = field(default_factory=set)

    @property
    def mention(self) -> str:
        """Return the text that mentions this account in a message."""
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    """A server's role. A higher `position` ranks higher; @everyone has 0."""

    id: int
    guild_id: int
    name: str
    position: int
    permissions: int = 0
    color: int = 0
    hoist: bool = False
    mentionable: bool = False
    bot_id: int | None = None

    @property
    def managed(self) -> bool:
        """Return True if the role belongs to an integration, so that nobody can grant it."""
        return self.bot_id is not None


@dataclass(eq=False)
class Member:
    """A user in a server.

    `roles`: role ids without @everyone. `joined_at`: unix seconds. `pending`: the member has not passed the
    server's membership screening yet.
    """

    user_id: int
    joined_at: float
    roles: list[int] = field(default_factory=list)
    nick: str | None = None
    pending: bool = False


@dataclass(eq=False)
class Channel:
    """A server's text channel or a DM.

    `overwrites`: (denied, allowed) permission bits by the id of a role or user.
    """

    id: int
    type: int
    name: str = ""
    guild_id: int | None = None
    position: int = 0
    recipients: tuple[int, ...] = ()
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)


@dataclass(eq=False)
class Guild:
    """A server, with its roles, channels and members."""

    id: int
    name: str
    owner_id: int
    locale: str = "en-US"
    available: bool = True
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)

    @property
    def everyone(self) -> Role:
        """Return the @everyone role, whose id is the server's own."""
        return self.roles[self.id]

    def role(self, name: str) -> Role:
        """Return the role of that name. Raises KeyError if there is none."""
        for role in self.roles.values():
            if role.name == name:
                return role
        raise KeyError(f"{self.name} has no role called {name!r}.")

    def channel(self, name: str = "general") -> Channel:
        """Return the channel of that name. Raises KeyError if there is none."""
        for channel in self.channels.values():
            if channel.name == name:
                return channel
        raise KeyError(f"{self.name} has no channel called {name!r}.")


@dataclass(eq=False)
class Message:
    """A message in a channel or DM.

    `ephemeral_to`: the id of the only user who sees it. `pinged_users`, `pinged_roles`: the ids that it
    notified. `edited_by`: the interaction through which it was last edited.
    """

    id: int
    channel: Channel
    author: User
    created_at: float
    content: str = ""
    components: list[Json] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    flags: int = 0
    type: int = 0
    edited_at: float | None = None
    pinged_users: list[int] = field(default_factory=list)
    pinged_roles: list[int] = field(default_factory=list)
    pinged_everyone: bool = False
    ephemeral_to: int | None = None
    interaction: Interaction | None = None
    nonce: str | int | None = None
    reply_to: int | None = None
    deleted: bool = False
    edited_by: Interaction | None = None


@dataclass(eq=False)
class Application:
    """A registered application with its bot.

    `commands`: commands as JSON by id, by guild id (None: global). `team`: for each member, the owner first,
    their role and whether they accepted the invitation; empty if a person owns the application.
    """

    id: int
    name: str
    token: str
    bot: User
    owner: User
    team: list[tuple[User, str, bool]] = field(default_factory=list)
    members_intent: bool = False
    message_content_intent: bool = False
    presence_intent: bool = False
    client_secret: str = "local-client-secret"  # noqa: S105 - valid at this server only
    identifies: int = 0
    commands: dict[int | None, dict[int, Json]] = field(default_factory=dict)


@dataclass(eq=False)
class Interaction:
    """One use of a command, component, modal or autocomplete.

    `deadline`: the event loop's time by which the first answer must come. `created_at`: unix seconds by the
    world's clock; the token is valid for 15 minutes from then. `answer`: the callback type of the first
    answer. `changes`: the number of edits, follow-ups and deletions after it.
    """

    id: int
    token: str
    type: int
    application: Application
    user: User
    channel: Channel
    guild: Guild | None
    context: int
    data: Json
    created_at: float
    deadline: float
    message: Message | None = None
    owners: dict[str, str] = field(default_factory=dict)
    answer: int | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    choices: list[Json] | None = None
    changes: int = 0
    opened_by: Interaction | None = None
