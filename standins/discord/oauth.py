"""The token endpoint of OAuth2, as far as the client credentials grant goes.

Source: docs.discord.com/developers/topics/oauth2, "Client Credentials Grant" (read 2026-11). Discord's
OpenAPI document names this address only as the `tokenUrl` of its flows, so it checks no exchange here.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from aiohttp import web

from standins.discord.model import Application
from standins.discord.world import DiscordWorld

_LIVES = 604_800  # seconds


async def give_token(world: DiscordWorld, request: web.Request) -> web.Response:
    """Answer a request for a token: 401 unless an application with that id has that client secret."""
    if _application(world, request.headers.get("Authorization", "")) is None:
        return web.json_response({"error": "invalid_client"}, status=401)
    form = await request.post()
    if form.get("grant_type") != "client_credentials":
        return web.json_response({"error": "unsupported_grant_type"}, status=400)
    if not (scope := form.get("scope")):
        return web.json_response({"error": "invalid_scope"}, status=400)
    token = {"access_token": secrets.token_urlsafe(22), "token_type": "Bearer", "expires_in": _LIVES}
    return web.json_response({**token, "scope": scope})


def _application(world: DiscordWorld, authorization: str) -> Application | None:
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    found = world.applications.get(int(client_id)) if client_id.isdecimal() else None
    return found if scheme.lower() == "basic" and found and found.client_secret == secret else None
