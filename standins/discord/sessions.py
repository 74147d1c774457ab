"""Gateway sessions: the numbered events sent to each connected application, kept for a resume."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from standins.discord.model import Application, Json

GUILDS, GUILD_MEMBERS, PRESENCES, GUILD_MESSAGES = 1 << 0, 1 << 1, 1 << 8, 1 << 9
DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 12, 1 << 15
HIGHEST_INTENT = 1 << 25
KEPT_FOR_RESUME = 1000

Frame = tuple[str, int]


@dataclass(eq=False)
class Session:
    """One session, from IDENTIFY through all its connections.

    `outbox`: the current connection's queue, None without a connection. Its entries are (text frame, 0), or
    ("", close code) to close the connection. `tap`: called with every event.
    """

    app: Application
    intents: int
    shard: tuple[int, int] = (0, 1)  # its number, and of how many
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    seq: int = 0
    sent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=KEPT_FOR_RESUME))
    outbox: asyncio.Queue[Frame] | None = None
    tap: Callable[[str, Json], None] | None = None

    def takes(self, guild_id: int | None) -> bool:
        """Return True if events of this server are sent to this shard; those of no server go to shard 0.

        Source: docs.discord.com/developers/events/gateway, 'Sharding', read 2026-11.
        """
        number, many = self.shard
        return number == (0 if guild_id is None else (guild_id >> 22) % many)

    def dispatch(self, event: str, data: Json) -> None:
        """Number an event, keep it, and send it if a connection is open."""
        if self.tap is not None:
            self.tap(event, data)
        self.seq += 1
        text = frame(0, data, event, self.seq)
        self.sent.append((self.seq, text))
        self._put(text)

    def control(self, op: int, data: object = None) -> None:
        """Send a frame that is not an event: op 7, 9 or 11."""
        self._put(frame(op, data))

    def hang_up(self, code: int) -> None:
        """Close the connection with a WebSocket close code; 1006 cuts it without a close frame."""
        self._put("", code)

    def missed_since(self, seq: int) -> list[str] | None:
        """Return the frames after `seq`; None if they are no longer kept or `seq` was never sent."""
        oldest = self.sent[0][0] if self.sent else self.seq + 1
        if seq > self.seq or seq < oldest - 1:
            return None
        return [text for number, text in self.sent if number > seq]

    def _put(self, text: str, code: int = 0) -> None:
        if self.outbox is not None:
            self.outbox.put_nowait((text, code))


def _guild_of(event: str, data: Json) -> int | None:
    about_server = event in ("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE")
    guild_id = data["id"] if about_server else data.get("guild_id")
    return None if guild_id is None else int(guild_id)


def frame(op: int, data: object, event: str | None = None, seq: int | None = None) -> str:
    """Return a gateway frame as JSON text."""
    return json.dumps({"op": op, "d": data, "s": seq, "t": event})


class Hub:
    """The gateway sessions of all applications in one Discord."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}

    def of(self, app: Application) -> list[Session]:
        """Return the application's sessions, both connected ones and those that wait for a resume."""
        return [session for session in self.sessions.values() if session.app is app]

    def told(self, app: Application, guild_id: int | None) -> list[Session]:
        """Return the application's sessions that receive events of this server (None: of no server)."""
        return [session for session in self.of(app) if session.takes(guild_id)]

    def connected(self, app: Application) -> list[Session]:
        """Return the application's sessions that are connected now."""
        return [session for session in self.of(app) if session.outbox is not None]

    def dispatch(self, app: Application, event: str, data: Json, intent: int = 0) -> None:
        """Send an event to the shard of its server, or to shard 0, if that shard asked for `intent`."""
        for session in self.told(app, _guild_of(event, data)):
            if intent == 0 or session.intents & intent:
                session.dispatch(event, data)

    def drop(self, app: Application, code: int = 1006) -> None:
        """Cut the application's connections; its sessions can be resumed."""
        for session in self.connected(app):
            session.hang_up(code)

    def ask_to_reconnect(self, app: Application) -> None:
        """Send op 7 (reconnect), after which a client connects again and resumes."""
        for session in self.connected(app):
            session.control(7)

    def invalidate(self, app: Application, *, resumable: bool = False) -> None:
        """Send op 9 (invalid session); unless `resumable`, also forget the sessions."""
        for session in self.of(app):
            session.control(9, resumable)
            if not resumable:
                del self.sessions[session.id]

    def forget(self, app: Application) -> None:
        """Forget the application's sessions without notice, so that the next RESUME is refused."""
        for session in self.of(app):
            session.hang_up(1006)
            del self.sessions[session.id]
