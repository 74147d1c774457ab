"""Calls PayPal's REST API: the only module that knows its tokens, its errors and which calls may be retried.

It uses aiohttp, because PayPal's own Python package is synchronous and hides outages of the token endpoint.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp
import msgspec

from billing.errors import (
    ProviderError,
    ProviderLimited,
    ProviderMisread,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnavailable,
)
from billing.fd_limit import kind_of
from billing.model.translatable_text import Text
from billing.ports import Clock
from providers.base import Answer, clock_skew, endpoint_of, need, wait_of
from providers.pace import Pace
from providers.paypal.refusals import text_for

# Seconds before each retry. Only fast failures are retried (a refused connection or a 5xx), because a slow
# answer already uses up the call's time limit.
PAUSES = (0.5, 1.0)
_TIMEOUT = aiohttp.ClientTimeout(total=12, sock_connect=4)
_LARGEST_ANSWER = 8 << 20
# A token is renewed this many seconds before it expires. It lives nine hours (developer.paypal.com/api/rest/
# authentication, 2026-11), and a request for another one returns the same token with less time left.
_RENEW_BEFORE = 120
_ID = re.compile(r"[\w-]{1,127}", re.ASCII)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
KEY_AT_FAULT = Text("error.paypal.key_at_fault")


class Refused(ProviderRefused):
    """A refusal with PayPal's reasons: `issues` contains the error's name and the issues in its details."""

    def __init__(
        self, message: Text | None = None, *, detail: str, status: int, issues: frozenset[str]
    ) -> None:
        super().__init__(message, detail=detail)
        self.status, self.issues = status, issues
        # The same request succeeds once the owner corrects the credentials.
        self.retry = status in (401, 403)


class NotKnown(Refused, ProviderNotFound):
    """PayPal's error for an object that it does not know."""


class Api:
    """One application's access to PayPal at `url`. Call `close` when done."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        url: str,
        clock: Clock,
        pace: Pace,
    ) -> None:
        credentials = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._basic = {"Authorization": f"Basic {credentials}"}
        self._url = url.rstrip("/")
        self._clock, self._pace = clock, pace
        self._session: aiohttp.ClientSession | None = None
        self._token, self._renew_at = "", 0.0
        self._renewing = asyncio.Lock()
        self.clock_skew: float | None = None

    async def close(self) -> None:
        """Close the connections to PayPal."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **query: str) -> Answer:
        """Fetch one object. If PayPal does not answer, the call is retried."""
        return await self._send("GET", path, query=query, again=True)

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Answer:
        """Make a change and return PayPal's answer, which may be empty.

        With an idempotency `key` PayPal makes the change once however often the request arrives, so a
        failed request is retried. Without a key it is sent only once.
        """
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Prefer": "return=representation"} | ({"PayPal-Request-Id": key} if key else {})
        return await self._send("POST", path, data=data, headers=headers, again=key is not None)

    async def ask(self, path: str, data: bytes) -> Answer:
        """Send a POST request that changes nothing and may therefore be retried.

        `data` is sent byte for byte.
        """
        return await self._send("POST", path, data=data, again=True)

    async def patch(self, path: str, changes: list[dict[str, Any]]) -> Answer:
        """Replace fields of an object. The request is retried, because repeating it has the same effect."""
        return await self._send("PATCH", path, data=json.dumps(changes).encode(), again=True)

    async def sign_in(self) -> None:
        """Fetch a new token. Raises Refused if PayPal does not accept the credentials."""
        self._renew_at = 0.0
        await self._bearer()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        again: bool,
        query: Mapping[str, str] | None = None,
        data: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        renewed, pauses = False, list(PAUSES if again else ())
        while True:
            token = await self._bearer()
            sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **(headers or {})}
            try:
                return await self._exchange(method, path, headers=sent, params=query, data=data)
            except Refused as refused:
                # PayPal may revoke a token early. In that case the request had no effect.
                if refused.status != 401 or renewed:
                    raise
                renewed = True
                self._forget(token)
            except ProviderUnavailable as error:
                if not pauses or isinstance(error, ProviderLimited):
                    raise
                await asyncio.sleep(pauses.pop(0))

    async def _bearer(self) -> str:
        async with self._renewing:
            if self._clock.now() >= self._renew_at:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        answer = await self._fetch_token(list(PAUSES))
        lives = need(answer, "expires_in", int)
        self._token = need(answer, "access_token", str)
        self._renew_at = self._clock.now() + max(lives - _RENEW_BEFORE, lives / 2)

    async def _fetch_token(self, pauses: list[float]) -> Answer:
        form = {"grant_type": "client_credentials"}
        while True:
            try:
                return await self._exchange("POST", "/v1/oauth2/token", headers=self._basic, data=form)
            except ProviderUnavailable as error:
                if not pauses or isinstance(error, ProviderLimited):
                    raise
                await asyncio.sleep(pauses.pop(0))

    def _forget(self, token: str) -> None:
        # Keep a token that was renewed in the meantime, even if PayPal returned the same text again.
        if token is self._token:
            self._renew_at = 0.0

    async def _exchange(self, method: str, path: str, **options: Any) -> Answer:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        ask = partial(self._ask, self._session, method, path, **options)
        return await self._pace.run(endpoint_of(method, path), ask)

    async def _ask(self, session: aiohttp.ClientSession, method: str, path: str, **options: Any) -> Answer:
        what, asked = f"{method} {path}", self._clock.now()
        try:
            async with session.request(
                method, f"{self._url}{path}", allow_redirects=False, **options
            ) as answer:
                status, body = answer.status, await bounded_body(answer, _LARGEST_ANSWER)
                rest, date = answer.headers.get("Retry-After", ""), answer.headers.get("Date")
        except (aiohttp.ClientError, OSError) as error:
            # TimeoutError is an OSError.
            raise ProviderUnavailable(detail=f"{what}: {kind_of(error)}") from None
        now = self._clock.now()
        skew = clock_skew(date, asked, now)
        self.clock_skew = self.clock_skew if skew is None else skew
        if not 200 <= status < 300:
            raise translate(status, body, what, wait=wait_of(rest, now))
        return read(body, what)


async def bounded_body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Read an answer's body. Raises aiohttp.ClientPayloadError if it is longer than `most` bytes."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > most:
            raise aiohttp.ClientPayloadError
    return bytes(body)


def path(*parts: str) -> str:
    """Return a path that contains ids. Raises ProviderNotFound if a part cannot be a PayPal id."""
    if not all(_ID.fullmatch(part) for part in parts):
        raise ProviderNotFound(detail="no id of PayPal's looks like that")
    return "/" + "/".join(parts)


def read(body: bytes, what: str) -> Answer:
    """Parse an answer; an empty body gives an empty one.

    Raises ProviderMisread if the body is not a JSON object.
    """
    try:
        return parse(body) if body else {}
    except (ValueError, RecursionError):
        raise ProviderMisread(detail=f"{what}: the answer is no object") from None


def parse(body: bytes) -> dict[str, Any]:
    r"""Parse a JSON object. Raises ValueError if `body` is not a JSON object.

    PayPal may cut a text in the middle of a character and leave half of it, such as `\ud83d`. JSON allows
    that and msgspec does not, so the standard library parses such a body.
    """
    try:
        return _OBJECT.decode(body)
    except msgspec.MsgspecError:
        found = json.loads(body.decode(), parse_constant=_no_number)
        if not isinstance(found, dict):
            raise ValueError("no object") from None  # noqa: TRY004 - callers catch ValueError
        return found


def _no_number(name: str) -> None:
    raise ValueError(name)


def translate(status: int, body: bytes, what: str, *, wait: float = 0.0) -> ProviderError:
    """Turn PayPal's error into a ProviderError.

    Its detail contains the status, issue names and debug id, but no message. `wait`: the seconds that PayPal
    asks to wait in a 429 answer. Source: developer.paypal.com/api/rest/responses, 2026-11. The token endpoint
    uses OAuth's error format instead.
    """
    answer = _error(body)
    issues = frozenset(_issues(answer))
    debug_id = answer.get("debug_id")
    said = (str(status), *sorted(issues), *([debug_id] if isinstance(debug_id, str) else []))
    detail = f"{what}: {' '.join(said)}"
    if status == 429:
        return ProviderLimited(detail=detail, wait=wait)
    if status >= 500 or status in (408, 409) or "PREVIOUS_REQUEST_IN_PROGRESS" in issues:
        return ProviderUnavailable(detail=detail)
    if status == 404:
        return NotKnown(detail=detail, status=status, issues=issues)
    if 400 <= status < 500:
        message = KEY_AT_FAULT if status in (401, 403) else text_for(issues)
        return Refused(
            message,
            detail={
                401: f"PayPal does not accept PAYPAL_CLIENT_ID with PAYPAL_CLIENT_SECRET. {detail}",
                403: f"The application at PayPal lacks a permission. {detail}",
            }.get(status, detail),
            status=status,
            issues=issues,
        )
    return ProviderMisread(detail=detail)


def _error(body: bytes) -> Answer:
    try:
        return parse(body)
    except (ValueError, RecursionError):
        return {}


def _issues(answer: Answer) -> list[str]:
    details = answer.get("details")
    of_details = [d.get("issue") for d in details if isinstance(d, dict)] if isinstance(details, list) else []
    named = (answer.get("name"), answer.get("error"), *of_details)
    # Only names are kept: any other text may quote what was sent.
    return [one for one in named if isinstance(one, str) and one.replace("_", "").isalnum() and len(one) < 80]
