"""Whether the listener can be reached, looked at from the machine that it runs on."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import aiohttp

from billing.model import Finding
from web.app import CannotListen

_PATIENCE = aiohttp.ClientTimeout(total=10)
_PROXY = "Point the reverse proxy at HTTP_HOST:HTTP_PORT, path and all (docs/operations.md)."


async def check_port(host: str, port: int) -> Finding:
    """Whether a bot that starts now could listen. For who knows that none runs."""
    what = "Listener"
    if port == 0:
        return Finding(what, True, "The system chooses its port at the start (HTTP_PORT=0).")
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(asyncio.Protocol, host, port)
    except OSError as error:
        return Finding(what, False, CannotListen(host, port, error).user_message)
    server.close()
    await server.wait_closed()
    return Finding(what, True, f"{host}:{port} is free for it.")


async def check_public(url: str, *, loopback: bool, running: bool) -> Finding:
    """Whether PUBLIC_URL is one that providers can reach. `loopback`: it names this machine; `running`: a bot
    is there to answer."""
    what, secure = "PUBLIC_URL", urlsplit(url).scheme == "https"
    if not secure and loopback:
        says = f"{url} leads to this machine alone: fine for trying out, but no provider reaches it."
        return Finding(what, True, says, note=True)
    if not secure:
        cure = (
            "Put a reverse proxy with a certificate before the bot, and let PUBLIC_URL begin with https://."
        )
        says = "It is plain http. Stripe and PayPal send their notifications to https addresses alone."
        return Finding(what, False, says, cure)
    if not running:
        says = f"{url} is tried as soon as a bot runs: check again then."
        return Finding(what, True, says, note=True)
    return await _ask(what, f"{url}/healthz")


async def _ask(what: str, url: str) -> Finding:
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            return _judge(what, url, answer.status, await answer.content.read(100))
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        says = f"{url} has no certificate that can be trusted ({type(error).__name__}); no provider takes it."
        return Finding(
            what, False, says, "Renew the reverse proxy's certificate; it must have its whole chain."
        )
    except (aiohttp.ClientError, OSError, ValueError) as error:
        says = (
            f"{url} could not be tried from here ({type(error).__name__}). Some networks keep a machine "
            "from its own public address. Open it in a browser elsewhere: it must show ok."
        )
        return Finding(what, True, says, note=True)


def _judge(what: str, url: str, status: int, body: bytes) -> Finding:
    if 300 <= status < 400:
        says = f"{url} leads elsewhere ({status}). Providers do not follow, so no notification arrives."
        return Finding(what, False, says, "Let PUBLIC_URL be the address that it leads to, or answer there.")
    if status != 200:
        return Finding(what, False, f"{url} answers {status}, and not as the bot does.", _PROXY)
    if body.strip() != b"ok":
        return Finding(what, False, f"Something else than the bot answers at {url}.", _PROXY)
    return Finding(what, True, f"The bot answers at {url}.")
