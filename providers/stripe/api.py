"""Calls Stripe's API: the only module that knows the SDK, its errors and its retries.

Requests go through `StripeClient.raw_request_async`, which returns plain JSON. The SDK's typed methods build
an object for every nested field: 3.3 ms for one subscription with its invoice, where parsing takes 0.07 ms
(stripe 16.1). A page of a hundred would block the event loop for a third of a second.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import aiohttp
import stripe

from billing.errors import (
    LimitScope,
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
from providers.base import Answer, clock_skew, endpoint_of, in_time, need, wait_of
from providers.pace import Pace

# At level info the SDK logs Stripe's messages, and at level debug whole bodies, including payment and
# portal links.
logging.getLogger("stripe").setLevel(logging.WARNING)
# Otherwise every request would report the machine's platform and the duration of the last request.
stripe.enable_telemetry = False

# Only fast failures are retried (a refused connection, a 409 lock or a 5xx), because a slow answer already
# uses up the call's time limit. The SDK waits 0.5 s before the first retry and up to 1 s before the second.
RETRIES = 2
_TIMEOUT = aiohttp.ClientTimeout(total=12, sock_connect=4)
_PAGE = 100
KEY_AT_FAULT = Text("error.stripe.key_at_fault")


class Refused(ProviderRefused):
    """A refusal with the reason that Stripe named: `code` and `param`, both empty if it named none."""

    def __init__(
        self, message: Text | None = None, *, detail: str, status: int, code: str, param: str
    ) -> None:
        super().__init__(message, detail=detail)
        self.status, self.code, self.param = status, code, param
        # The same request succeeds once the owner corrects the key.
        self.retry = status in (401, 403)


class Api:
    """A connection to one Stripe account, at Stripe's own address or at `url`. Call `close` when done."""

    def __init__(self, key: str, url: str | None, clock: Clock, pace: Pace) -> None:
        self.clock_skew: float | None = None
        self._clock, self._pace = clock, pace
        self._http = stripe.AIOHTTPClient(timeout=_TIMEOUT)
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": url.rstrip("/")} if url else {},
            max_network_retries=RETRIES,
            http_client=self._http,
        )

    async def close(self) -> None:
        """Close the connections to Stripe."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the SDK left this one out

    async def get(self, path: str, **params: Any) -> Answer:
        """Fetch one object. Raises ProviderNotFound if Stripe does not know it."""
        return await self._request("get", path, **params)

    async def post(self, path: str, key: str | None = None, **params: Any) -> Answer:
        """Make a change, and return Stripe's answer.

        With an idempotency `key` Stripe makes the change once, however often the request arrives; if `key` is
        None, the SDK creates one.
        """
        return await self._request("post", path, idempotency_key=key, **params)

    async def delete(self, path: str, **params: Any) -> Answer:
        """Delete an object.

        The request is sent only once, because Stripe takes no idempotency key for DELETE.
        """
        return await self._request("delete", path, max_network_retries=0, **params)

    async def first(self, path: str, **params: Any) -> list[Any]:
        """Return the objects on the first page of a list."""
        found: list[Any] = need(await self.get(path, **{"limit": _PAGE, **params}), "data", list)
        return found

    async def pages(self, path: str, **params: Any) -> AsyncIterator[list[Any]]:
        """Yield every page of a list. Each page has its own time limit."""
        while True:
            async with in_time(f"GET {path}"):
                page = await self.get(path, **{"limit": _PAGE, **params})
            found: list[Any] = need(page, "data", list)
            if found:
                yield found
            if not found or not need(page, "has_more", bool):
                return
            params["starting_after"] = need(found[-1], "id", str)

    async def every(self, path: str, **params: Any) -> list[Any]:
        """Return all pages of a list as one list."""
        return [one async for page in self.pages(path, **params) for one in page]

    async def _request(self, method: str, path: str, **params: Any) -> Answer:
        endpoint = endpoint_of(method.upper(), path)
        return await self._pace.run(endpoint, partial(self._exchange, method, path, **params))

    async def _exchange(self, method: str, path: str, **params: Any) -> Answer:
        what, asked = f"{method.upper()} {path}", self._clock.now()
        try:
            answer = await self._client.raw_request_async(method, f"/v1/{path}", **params)
        except stripe.StripeError as error:
            self._compare_clocks(error.headers, asked)
            # `from None`, because the cause's text and arguments may hold the body of the answer.
            raise translate(error, what, self._clock.now()) from None
        except (aiohttp.ClientError, OSError) as error:
            # The SDK does not translate errors raised while it reads the body. TimeoutError is an OSError.
            raise ProviderUnavailable(detail=f"{what}: {kind_of(error)}") from None
        except ValueError:
            raise ProviderMisread(detail=f"{what}: the answer is no text") from None
        except (AttributeError, TypeError):
            # A proxy may answer with an error of another shape, {"error": "..."}, which the SDK reads
            # without checking its type.
            raise ProviderMisread(detail=f"{what}: the refusal is not of Stripe's shape") from None
        self._compare_clocks(answer.headers, asked)
        if not isinstance(answer.data, dict):
            raise ProviderMisread(detail=f"{what}: the answer is no object")
        return answer.data

    def _compare_clocks(self, headers: Mapping[str, str] | None, asked: float) -> None:
        """Update `clock_skew` from the Date header; the case of header names varies."""
        dates = [value for name, value in (headers or {}).items() if name.lower() == "date"]
        skew = clock_skew(dates[0] if dates else None, asked, self._clock.now())
        self.clock_skew = self.clock_skew if skew is None else skew


def path(*parts: str) -> str:
    """Return a path below /v1/ with its ids quoted.

    Raises ProviderNotFound for an id that is empty or only dots, which would address the parent.
    """
    if not all(part.strip(".") for part in parts):
        raise ProviderNotFound(detail="an empty id")
    return "/".join(quote(part, safe="") for part in parts)


def _by_lower_name(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers by lower-case name, because the SDK passes the names on as they arrived."""
    return {name.lower(): value for name, value in (headers or {}).items()}


def translate(error: stripe.StripeError, what: str, now: float) -> ProviderError:
    """Turn Stripe's error into a ProviderError.

    Its detail contains the status, code, parameter and request id, but no message. Sources:
    docs.stripe.com/api/errors, docs.stripe.com/error-low-level, 2026-11.
    """
    status, code, param = error.http_status or 0, _named(error, "code"), _named(error, "param")
    detail = f"{what}: {' '.join(p for p in (str(status), code, param, error.request_id) if p)}"
    if isinstance(error, stripe.APIConnectionError):
        return ProviderUnavailable(detail=f"{detail} {kind_of(error)}")
    if status == 429 and code != "lock_timeout":
        return _limited(_by_lower_name(error.headers), detail, now)
    if status >= 500 or status in (409, 429) or code == "lock_timeout":
        return ProviderUnavailable(detail=detail)
    message = KEY_AT_FAULT if status in (401, 403) else None
    if status == 404 or code == "resource_missing":
        return NotKnown(detail=detail, status=status, code=code, param=param)
    if 400 <= status < 500:
        return Refused(
            message,
            detail={
                401: f"Stripe does not accept STRIPE_API_KEY. {detail}",
                403: f"STRIPE_API_KEY lacks a permission. {detail}",
            }.get(status, detail),
            status=status,
            code=code,
            param=param,
        )
    return ProviderMisread(detail=detail)


def _limited(headers: Mapping[str, str], detail: str, now: float) -> ProviderLimited:
    """Return the error for a 429, with the limit that Stripe names in a header.

    The limit is 'global-rate', 'global-concurrency', 'endpoint-rate', 'endpoint-concurrency' or
    'resource-specific' (docs.stripe.com/rate-limits, 2026-11).
    """
    reason = headers.get("stripe-rate-limited-reason", "")
    scopes = {"global": LimitScope.ACCOUNT, "resource": LimitScope.OBJECT}
    scope = scopes.get(reason.partition("-")[0], LimitScope.ENDPOINT)
    wait = wait_of(headers.get("retry-after", ""), now)
    return ProviderLimited(detail=f"{detail} {reason}".rstrip(), wait=wait, scope=scope)


def _named(error: stripe.StripeError, field: str) -> str:
    """Return a field of the answer's `error`; '' if it is absent.

    The SDK itself passes these fields on only for some errors.
    """
    body = error.json_body
    named = body.get("error") if isinstance(body, dict) else None
    found = named.get(field) if isinstance(named, dict) else None
    return found if isinstance(found, str) else ""


class NotKnown(Refused, ProviderNotFound):
    """Stripe's error for an object that it does not know; `param`: the request parameter that named it."""
