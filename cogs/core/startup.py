"""Sets Discord's addresses, and fetches facts about the application before the bot connects.

Intents are fixed when a client is created. Therefore a plain client, which never connects to the gateway,
first finds out whether the owner has enabled the members intent.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import discord
import yarl

from billing.errors import DiscordUnavailable, DuesError, NotAllowed
from billing.fd_limit import kind_of
from billing.model import Finding
from billing.model.translatable_text import Text
from billing.ports import Clock
from cogs.core.gateway_recovery import GatewaySocket
from i18n import tr

log = logging.getLogger(__name__)

_INVITE = "https://discord.com/oauth2/authorize?client_id={}&scope=bot+applications.commands&permissions={}"
NAMED = 5  # servers listed in one line
_AGAIN = (5, 15, 60, 300)
_PATIENCE = aiohttp.ClientTimeout(total=15)


class TokenRefused(DuesError):  # noqa: N818 - named by what happened, like the others
    """Raised when Discord answers 401 to the token. Further attempts would only risk a ban of the address."""

    user_message = Text("error.token_refused")


@dataclass(frozen=True)
class ApplicationInfo:
    """Facts about the application from Discord. `gateway_url` is None if Discord names none. `public` is true
    if anybody may add the bot to their server."""

    name: str
    members_intent: bool
    gateway_url: str | None
    id: int = 0
    public: bool = False


def invite_link(application_id: int | None, *, notices: bool = False) -> str:
    """The address where somebody adds the bot to a server with the permission Manage Roles and no other.

    `notices`: also with View Channel and Send Messages, for a notice channel that is private.
    """
    wanted = discord.Permissions(manage_roles=True, view_channel=notices, send_messages=notices)
    return _INVITE.format(application_id, wanted.value)


async def check_client_secret(api_url: str, application_id: int, secret: str) -> None:
    """Raise NotAllowed if Discord does not accept the client secret, or DiscordUnavailable.

    Asks for a token by the client credentials grant and drops it
    (docs.discord.com/developers/topics/oauth2, 2026-11).
    """
    form = {"grant_type": "client_credentials", "scope": "identify"}
    login = base64.b64encode(f"{application_id}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.post(
                f"{api_url}/oauth2/token", data=form, headers=headers, allow_redirects=False
            ) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, OSError) as error:
        raise DiscordUnavailable(detail=f"client secret: {kind_of(error)}") from None
    if status in (400, 401):
        raise NotAllowed(Text("setup.client_secret_refused"))
    if status != 200:
        raise DiscordUnavailable(detail=f"client secret: {status}")


def use_discord(api_url: str, gateway_url: str | None) -> None:
    """Set the base address of discord.py's REST calls (with /api/v10) and, if given, of its gateway."""
    discord.http.Route.BASE = api_url
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot does not use voice
    GatewaySocket.fixed = None if gateway_url is None else yarl.URL(gateway_url)
    use_gateway(gateway_url)


def use_gateway(url: str | None) -> None:
    """Set discord.py's gateway address to `url`, unless the owner configured another one."""
    if url is not None:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = GatewaySocket.fixed or yarl.URL(url)


async def fetch_application(token: str) -> ApplicationInfo:
    """Fetch the facts about the application, in one attempt.

    Raises TokenRefused, or DiscordUnavailable for any problem that may pass.
    """
    async with _logged_in(token) as client:
        return await _ask(client)


@asynccontextmanager
async def _logged_in(token: str) -> AsyncIterator[discord.Client]:
    client = discord.Client(intents=discord.Intents(guilds=True), max_ratelimit_timeout=60)
    try:
        async with client:
            await client.login(token)
            yield client
    except discord.LoginFailure:
        raise TokenRefused from None
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        raise DiscordUnavailable(detail=f"login: {kind_of(error)}") from None


async def _ask(client: discord.Client) -> ApplicationInfo:
    flags = client.application_flags
    members = flags.gateway_guild_members or flags.gateway_guild_members_limited
    application = client.application
    public = application is not None and application.bot_public
    return ApplicationInfo(
        str(client.user), members, await _ask_gateway(client), client.application_id or 0, public
    )


async def _ask_gateway(client: discord.Client) -> str | None:
    """Return the address of the gateway.

    discord.py's own method is not used, because during an outage it reports that there is no gateway.
    """
    try:
        answer = await client.http.request(discord.http.Route("GET", "/gateway/bot"))
    except discord.NotFound:
        return None
    url = answer.get("url")
    return url if isinstance(url, str) and url else None


async def wait_for_discord(token: str, clock: Clock) -> ApplicationInfo:
    """Fetch the facts about the application, retrying with growing pauses until Discord answers.

    Raises TokenRefused at once.
    """
    for attempt in range(1 << 30):
        try:
            return await fetch_application(token)
        except DiscordUnavailable as error:
            pause = _AGAIN[min(attempt, len(_AGAIN) - 1)]
            log.warning("Discord does not answer (%s); next try in %d s", error, pause)
            await clock.sleep(pause)
    raise AssertionError("unreachable")


async def check_discord(token: str, sellers: Collection[int]) -> list[Finding]:
    """Return findings about the token, the application's permissions and its servers.

    `sellers`: the ids of the servers that sell plans; the bot has to be in each of them.
    """
    try:
        found = await fetch_application(token)
    except DuesError as error:
        says, cure = error.user_message, tr("check.see_setup_discord")
        if error.retry:
            says, cure = tr("check.discord_silent"), tr("check.discord_silent_cure")
        return [Finding(tr("check.label.discord_login"), False, says, cure)]
    intent = tr("check.intent_on") if found.members_intent else tr("check.intent_off")
    return [
        Finding(tr("check.label.discord_login"), True, tr("check.logged_in", name=found.name)),
        Finding(tr("check.label.members_intent"), True, intent),
        *await _check_servers(token, sellers),
    ]


async def _check_servers(token: str, sellers: Collection[int]) -> list[Finding]:
    what = tr("check.label.discord_servers")
    try:
        async with _logged_in(token) as client:
            guilds = {guild.id: guild.name async for guild in client.fetch_guilds(with_counts=False)}
            cure = tr("check.invite", url=invite_link(client.application_id))
    except DuesError as error:
        says, cure = tr("check.servers_unseen", reason=error), tr("check.again_later")
        return [Finding(what, False, says, cure)]
    if not guilds:
        return [Finding(what, False, tr("check.no_server"), cure)]
    left = [
        Finding(what, False, tr("check.not_in_server", server=guild_id), cure)
        for guild_id in sorted(set(sellers) - set(guilds))
    ]
    names = ", ".join(list(guilds.values())[:NAMED])
    many = len(guilds) > NAMED
    said = tr("check.in_servers_and_more", servers=names) if many else tr("check.in_servers", servers=names)
    return left or [Finding(what, True, said)]
