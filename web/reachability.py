"""Checks from this machine whether the HTTP server can be reached."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import aiohttp

from billing.model import Finding
from billing.model.translatable_text import Text, Verbatim
from web.app import CannotListen

_PATIENCE = aiohttp.ClientTimeout(total=10)
_PROXY = Text("check.public_cure")
_PUBLIC_URL = "PUBLIC_URL"


async def check_port(host: str, port: int) -> Finding:
    """Check that the bot could listen on this address. Call it only while no bot is running."""
    what = Text("check.label.listener")
    if port == 0:
        return Finding(what, True, Text("check.port_chosen"))
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(asyncio.Protocol, host, port)
    except OSError as error:
        return Finding(what, False, CannotListen(host, port, error).user_message)
    server.close()
    await server.wait_closed()
    return Finding(what, True, Text("check.port_free", where=Verbatim(f"{host}:{port}")))


async def check_public(url: str, *, loopback: bool, running: bool) -> Finding:
    """Check whether providers can reach PUBLIC_URL.

    `loopback`: the URL points to this machine's loopback address. `running`: a bot is running that can
    answer.
    """
    secure, address = urlsplit(url).scheme == "https", Verbatim(url)
    if not secure and loopback:
        return Finding(_PUBLIC_URL, True, Text("check.public_loopback", url=address), note=True)
    if not secure:
        return Finding(_PUBLIC_URL, False, Text("check.public_http"), Text("check.public_http_cure"))
    if not running:
        return Finding(_PUBLIC_URL, True, Text("check.public_later", url=address), note=True)
    return await _ask(f"{url}/healthz")


async def _ask(url: str) -> Finding:
    address = Verbatim(url)
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            return _judge(address, answer.status, await answer.content.read(100))
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        says = Text("check.public_untrusted", url=address, error=Verbatim(type(error).__name__))
        return Finding(_PUBLIC_URL, False, says, Text("check.public_untrusted_cure"))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        says = Text("check.public_untried", url=address, error=Verbatim(type(error).__name__))
        return Finding(_PUBLIC_URL, True, says, note=True)


def _judge(url: Verbatim, status: int, body: bytes) -> Finding:
    if 300 <= status < 400:
        says = Text("check.public_redirects", url=url, status=status)
        return Finding(_PUBLIC_URL, False, says, Text("check.public_redirects_cure"))
    if status != 200:
        return Finding(_PUBLIC_URL, False, Text("check.public_status", url=url, status=status), _PROXY)
    if body.strip() != b"ok":
        return Finding(_PUBLIC_URL, False, Text("check.public_stranger", url=url), _PROXY)
    return Finding(_PUBLIC_URL, True, Text("check.public_ok", url=url))
