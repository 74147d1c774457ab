"""The core state of the local Discord: records, ids, the feed of events, and waiting for changes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from standins.discord.errors import NoAnswerError, refusal
from standins.discord.model import (
    DM_CHANNEL,
    Application,
    Channel,
    Clock,
    Guild,
    Interaction,
    Json,
    Member,
    Message,
    Role,
    User,
)
from standins.discord.sessions import Hub

DISCORD_EPOCH_MS = 1_420_070_400_000
T = TypeVar("T")


class HasId(Protocol):
    """Anything with a user's id: a User, a Person, or a Member's user."""

    @property
    def id(self) -> int:
        """Return the user's snowflake."""
        ...


class State:
    """All records of the local Discord, without the rules about them.

    `ack_seconds`: the real seconds that an application has for its first answer (Discord: 3).
    `answer_seconds`: how long a person waits for more. `refusals`: the requests that were refused most
    recently. `audit`: every change of roles.
    """

    def __init__(self, clock: Clock, *, ack_seconds: float = 3.0, answer_seconds: float = 30.0) -> None:
        self.clock = clock
        self.ack_seconds = ack_seconds
        self.answer_seconds = answer_seconds
        self.hub = Hub()
        self.shards, self.max_concurrency = 1, 1  # as GET /gateway/bot recommends
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.applications: dict[int, Application] = {}
        self.dms: dict[frozenset[int], Channel] = {}
        self.address = ""  # where uploaded files are served
        self.files: dict[str, bytes] = {}  # the contents of attachments, by their address
        self.interactions: dict[int, Interaction] = {}
        self.tokens: dict[str, Interaction] = {}
        self.audit: list[Json] = []
        self.refusals: deque[str] = deque(maxlen=20)
        self._feeds: list[asyncio.Queue[Json]] = []
        self._changed = asyncio.Event()
        self._last_id = 0

    def snowflake(self, shard: int | None = None) -> int:
        """Return a new id that contains the clock's time and is larger than all earlier ones."""
        now_ms = int(self.clock.now() * 1000) - DISCORD_EPOCH_MS
        self._last_id = max(self._last_id + 1, now_ms << 22)
        if shard is not None:
            self._last_id += (shard - (self._last_id >> 22)) % self.shards << 22
        return self._last_id

    # The feed

    def subscribe(self) -> asyncio.Queue[Json]:
        """Return a queue that receives every event from now on; pass it to `unsubscribe` when done."""
        feed: asyncio.Queue[Json] = asyncio.Queue()
        self._feeds.append(feed)
        return feed

    def unsubscribe(self, feed: asyncio.Queue[Json]) -> None:
        """Stop filling a queue that `subscribe` returned."""
        self._feeds.remove(feed)

    def publish(self, kind: str, **facts: object) -> None:
        """Put an event into every feed and wake all tasks that wait for a change."""
        for feed in self._feeds:
            feed.put_nowait({"kind": kind, "at": self.clock.now(), **facts})
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, probe: Callable[[], T | None], what: str, within: float | None = None) -> T:
        """Wait until `probe`, called after every event, returns something other than None or False.

        Returns that value. Raises NoAnswerError, which names `what` was awaited, after `within` real seconds
        (default: `answer_seconds`).
        """
        seconds = self.answer_seconds if within is None else within
        try:
            async with asyncio.timeout(seconds):
                while (found := probe()) is None or found is False:
                    await self._changed.wait()
        except TimeoutError:
            raise NoAnswerError(f"Waited {seconds:g} s in vain for {what}.") from None
        return found

    # Look-ups as the REST API does them: a missing record is a refusal

    def user(self, who: HasId) -> User:
        """Return the user with the id of `who`."""
        return self.users[who.id]

    def find_guild(self, guild_id: int) -> Guild:
        """Return the server. Raises ApiError 10004 if there is none."""
        guild = self.guilds.get(guild_id)
        if guild is None:
            raise refusal(10004)
        return guild

    def find_channel(self, channel_id: int) -> Channel:
        """Return the server channel or DM. Raises ApiError 10003 if there is none."""
        for channel in self.channels():
            if channel.id == channel_id:
                return channel
        raise refusal(10003)

    def find_message(self, channel: Channel, message_id: int) -> Message:
        """Return a message that everyone in the channel can see. Raises ApiError 10008 if there is none."""
        message = channel.messages.get(message_id)
        if message is None or message.ephemeral_to is not None:
            raise refusal(10008)
        return message

    def channels(self) -> Iterator[Channel]:
        """Yield the channels of all servers, and all DMs."""
        for guild in self.guilds.values():
            yield from guild.channels.values()
        yield from self.dms.values()

    def dm(self, one: HasId, other: HasId) -> Channel:
        """Return the DM channel of two users, creating it on first use."""
        key = frozenset((one.id, other.id))
        if key not in self.dms:
            self.dms[key] = Channel(self.snowflake(), DM_CHANNEL, recipients=(one.id, other.id))
        return self.dms[key]

    def bots_in(self, guild: Guild) -> list[Application]:
        """Return the applications whose bot is a member of the server."""
        return [app for app in self.applications.values() if app.bot.id in guild.members]

    def tell_guild(self, guild: Guild, event: str, data: Json, intent: int) -> None:
        """Send a gateway event to every bot in the server that asked for `intent`."""
        for app in self.bots_in(guild):
            self.hub.dispatch(app, event, data, intent)

    def roles_of(self, guild: Guild, who: HasId) -> list[str]:
        """Return the names of a member's roles, highest first, without @everyone.

        Raises KeyError if they are not a member.
        """
        return [role.name for role in self.roles_held(guild, guild.members[who.id])]

    def roles_held(self, guild: Guild, member: Member) -> list[Role]:
        """Return a member's roles, highest first, without @everyone."""
        held = [guild.roles[role_id] for role_id in member.roles]
        return sorted(held, key=lambda role: -role.position)
