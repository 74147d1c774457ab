"""The gateway over WebSocket: hello, identify, heartbeats, events and resume.

Source: Discord's developer documentation, "Gateway" and "Gateway Opcodes and Close Event Codes".
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from standins.discord import wire
from standins.discord.model import Application, Guild, Json
from standins.discord.packing import Pack, packer
from standins.discord.sessions import (
    GUILD_MEMBERS,
    GUILDS,
    HIGHEST_INTENT,
    MESSAGE_CONTENT,
    PRESENCES,
    Frame,
    Session,
    frame,
)
from standins.discord.world import DiscordWorld

HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME, REQUEST_MEMBERS = 1, 2, 3, 4, 6, 8
INVALID_SESSION, HELLO, ACK = 9, 10, 11
_CUT = 1006
MOST_GUILDS = 2500  # on a shard
IDENTIFY_SECONDS = 5  # in which each of `max_concurrency` groups of shards may identify once


class _Refused(Exception):  # noqa: N818 - a close code is how the gateway says no
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Host(Protocol):
    """The interface of the server that the gateway is part of."""

    @property
    def gateway_url(self) -> str:
        """Return the gateway's own address, for resume_gateway_url."""
        ...

    def recorded(self, name: str, data: Any) -> None:
        """Receive every event that the gateway sends."""
        ...

    def asked(self) -> None:
        """Count one request for members over the gateway."""
        ...


class Gateway:
    """Serves all gateway connections to one DiscordServer."""

    def __init__(self, world: DiscordWorld, host: Host, heartbeat_interval: float) -> None:
        self.world = world
        self.host = host
        self.heartbeat_interval = heartbeat_interval
        self._open: set[web.WebSocketResponse] = set()
        self._identified: dict[tuple[int, int], float] = {}

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until either side ends it."""
        socket = web.WebSocketResponse(max_msg_size=4096, autoping=True)
        await socket.prepare(request)
        connection = _Connection(self, socket, request)
        self._open.add(socket)
        try:
            await connection.run()
        finally:
            self._open.discard(socket)
        return socket

    def admits(self, session: Session) -> bool:
        """Return False if a shard of the same group identified less than five seconds ago.

        Source: "Session Start Limit Object", `max_concurrency`. A bot with one shard is always admitted, so
        that tests need not wait.
        """
        number, many = session.shard
        if many == 1:
            return True
        group = (session.app.id, number % self.world.max_concurrency)
        now = asyncio.get_running_loop().time()
        early = now < self._identified.get(group, -math.inf) + IDENTIFY_SECONDS
        self._identified[group] = now
        return not early

    async def close(self) -> None:
        """Close every connection with code 1001, after which clients resume."""
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)


class _Connection:
    def __init__(self, gateway: Gateway, socket: web.WebSocketResponse, request: web.Request) -> None:
        self._gateway = gateway
        self._world = gateway.world
        self._socket = socket
        self._request = request
        self._session: Session | None = None
        self._outbox: asyncio.Queue[Frame] = asyncio.Queue()
        self._pack: Pack | None = None

    async def run(self) -> None:
        writer = asyncio.create_task(self._write())
        try:
            self._pack = self._agree()
            interval = int(self._gateway.heartbeat_interval * 1000)
            self._send(frame(HELLO, {"heartbeat_interval": interval, "_trace": []}))
            await self._read()
        except _Refused as refused:
            self._world.publish("gateway_refused", code=refused.code, reason=refused.reason)
            await self._socket.close(code=refused.code, message=refused.reason.encode())
        finally:
            writer.cancel()
            self._detach()

    def _detach(self) -> None:
        if self._session is not None and self._session.outbox is self._outbox:
            self._session.outbox = None
            self._world.publish("bot_disconnected", application_id=self._session.app.id)

    def _agree(self) -> Pack | None:
        """Agree on version, encoding and compression by the URL that the client used.

        Returns the compressor, or None for uncompressed frames.
        """
        query = self._request.query
        if query.get("v") != "10" or query.get("encoding", "json") != "json":
            raise _Refused(4012, "This stand-in speaks version 10 in JSON.")
        try:
            return packer(query.get("compress"))
        except KeyError:
            raise _Refused(4002, "Unknown compression.") from None

    # Sending

    def _send(self, text: str) -> None:
        self._outbox.put_nowait((text, 0))

    async def _write(self) -> None:
        while True:
            text, code = await self._outbox.get()
            if code == _CUT and self._request.transport is not None:
                self._request.transport.abort()
            elif code:
                await self._socket.close(code=code)
            elif self._pack is None:
                await self._socket.send_str(text)
            else:
                await self._socket.send_bytes(self._pack(text.encode()))

    # Receiving

    async def _read(self) -> None:
        while True:
            try:
                message = await self._socket.receive(timeout=self._gateway.heartbeat_interval * 2)
            except TimeoutError:
                raise _Refused(4009, "Session timed out: no heartbeat.") from None
            if message.type is not WSMsgType.TEXT:
                return
            self._take(_parsed(message.data))

    def _take(self, packet: Json) -> None:
        op, data = packet.get("op"), packet.get("d")
        if op == HEARTBEAT:
            self._send(frame(ACK, None))
        elif op == IDENTIFY:
            self._identify(_object(data))
        elif op == RESUME:
            self._resume(_object(data))
        elif self._session is None:
            raise _Refused(4003, "Not authenticated.")
        elif op == REQUEST_MEMBERS:
            self._gateway.host.asked()
            self._send_members(self._session, _object(data))
        elif op not in (PRESENCE, VOICE_STATE):
            raise _Refused(4001, "Unknown opcode.")

    def _app(self, token: object) -> Application:
        for app in self._world.applications.values():
            if token == app.token:
                return app
        raise _Refused(4004, "Authentication failed.")

    def _identify(self, data: Json) -> None:
        if self._session is not None:
            raise _Refused(4005, "Already authenticated.")
        app = self._app(data.get("token"))
        _require_intents(app, data.get("intents"))
        session = Session(app, data["intents"], _shard(data.get("shard", [0, 1])))
        app.identifies += 1
        if not self._gateway.admits(session):
            self._send(frame(INVALID_SESSION, False))
            return
        joined = (guild for guild in self._world.guilds.values() if app.bot.id in guild.members)
        guilds = [guild for guild in joined if session.takes(guild.id)]
        if len(guilds) > MOST_GUILDS:
            raise _Refused(4011, "Sharding required.")
        self._world.hub.sessions[self._attach(session).id] = session
        session.dispatch("READY", self._ready(session, guilds))
        if session.intents & GUILDS:
            everyone = bool(session.intents & GUILD_MEMBERS)
            for guild in guilds:
                if guild.available:
                    body = wire.guild_create_json(self._world, guild, app, everyone)
                    session.dispatch("GUILD_CREATE", body)
        self._world.publish("bot_connected", application_id=app.id, resumed=False)

    def _ready(self, session: Session, guilds: list[Guild]) -> Json:
        app = session.app
        return {
            "v": 10,
            "user": wire.own_user_json(app.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self._gateway.host.gateway_url,
            "shard": list(session.shard),
            "application": {"id": str(app.id), "flags": wire.application_json(self._world, app)["flags"]},
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "_trace": [],
        }

    def _attach(self, session: Session) -> Session:
        if session.outbox is not None:
            session.hang_up(4000)
        session.outbox = self._outbox
        session.tap = self._gateway.host.recorded
        self._session = session
        return session

    def _resume(self, data: Json) -> None:
        app = self._app(data.get("token"))
        session = self._world.hub.sessions.get(str(data.get("session_id")))
        missed = None if session is None else session.missed_since(int(data.get("seq") or 0))
        if session is None or session.app is not app or missed is None:
            self._send(frame(INVALID_SESSION, False))
            return
        self._attach(session)
        for text in missed:
            self._send(text)
        session.dispatch("RESUMED", {"_trace": []})
        self._world.publish("bot_connected", application_id=app.id, resumed=True)

    def _send_members(self, session: Session, data: Json) -> None:
        guild = self._world.guilds.get(int(data.get("guild_id") or 0))
        if guild is None or session.app.bot.id not in guild.members:
            return
        wanted = {int(user_id) for user_id in _listed(data.get("user_ids"))}
        query = (data.get("query") or "").lower()
        if not wanted and not query and not session.intents & GUILD_MEMBERS:
            raise _Refused(4014, "All members are told only with the members intent.")
        if wanted:
            found = [user_id for user_id in sorted(wanted)[:100] if user_id in guild.members]
        else:
            names = {user_id: self._world.users[user_id].name.lower() for user_id in guild.members}
            found = [user_id for user_id, name in names.items() if name.startswith(query)]
            found = found[: data.get("limit") or None]
        missing = sorted(str(user_id) for user_id in wanted - guild.members.keys())
        for body in self._chunks(guild, found, missing):
            nonce = {"nonce": data["nonce"]} if data.get("nonce") else {}
            session.dispatch("GUILD_MEMBERS_CHUNK", body | nonce)

    def _chunks(self, guild: Guild, user_ids: list[int], missing: list[str]) -> Iterator[Json]:
        starts = range(0, len(user_ids), 1000) or range(1)
        for index, start in enumerate(starts):
            members = [guild.members[user_id] for user_id in user_ids[start : start + 1000]]
            yield {
                "guild_id": str(guild.id),
                "members": [wire.member_json(self._world, member) for member in members],
                "chunk_index": index,
                "chunk_count": len(starts),
                "not_found": missing,
            }


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _parsed(text: str) -> Json:
    try:
        packet = json.loads(text)
    except ValueError:
        raise _Refused(4002, "Decode error.") from None
    return _object(packet)


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise _Refused(4002, "Decode error.")
    return value


def _shard(value: Any) -> tuple[int, int]:
    """Return the shard's id and the number of shards. Closes with 4010 if that shard does not exist."""
    match value:
        case [int(number), int(many)] if 0 <= number < many:
            return number, many
    raise _Refused(4010, "Invalid shard.")


def _require_intents(app: Application, intents: object) -> None:
    """Refuse intents that do not exist (4013) or that the application may not use (4014)."""
    if not isinstance(intents, int) or not 0 <= intents <= HIGHEST_INTENT * 2 - 1:
        raise _Refused(4013, "Invalid intent(s).")
    switches = (
        (GUILD_MEMBERS, app.members_intent),
        (PRESENCES, app.presence_intent),
        (MESSAGE_CONTENT, app.message_content_intent),
    )
    if any(intents & bit and not allowed for bit, allowed in switches):
        raise _Refused(4014, "Disallowed intent(s).")
