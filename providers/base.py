"""Helpers that all providers share: time limits of calls, and strict reading of the fields of an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import wraps
from time import perf_counter
from typing import Any, ParamSpec, TypeGuard, TypeVar

from billing.errors import (
    ProviderError,
    ProviderLimited,
    ProviderMisread,
    ProviderNotFound,
    ProviderUnavailable,
)
from billing.model import Finding
from billing.ports import CheckoutOrder, Meter
from billing.rules.names import plain_name

# A little under the 15 s that the port promises, so that the error is raised within them.
CALL_SECONDS = 14.5
# Providers' ids are a few dozen characters; Stripe promises no more than 255 (docs.stripe.com/upgrades, 'What
# changes does Stripe consider to be backward compatible?', 2026-11).
_ID = re.compile(r"[\x21-\x7e]{1,255}")

# The fixed parts of the paths that Dues requests; anything else in a path may be an id.
_PATH_WORDS = frozenset({
    "v1", "v2", "billing", "billing_portal", "cancel", "captures", "charges", "checkout", "configurations",
    "coupons", "create_preview", "customer", "customers", "disputes", "events", "expire",
    "invoice_payments", "invoices", "notifications", "oauth2", "payment_intents", "payments", "plans",
    "prices", "products", "refund", "refunds", "release", "reporting", "resend", "sale", "sessions",
    "setup_intents", "subscription_items", "subscription_schedules", "subscriptions", "token",
    "transactions", "verify-webhook-signature", "webhook_endpoints", "webhooks", "webhooks-events",
})  # fmt: skip

# The time limits that apply to the running task, the outer ones first.
_TIMEOUTS: ContextVar[tuple[asyncio.Timeout, ...]] = ContextVar("timeouts", default=())

P = ParamSpec("P")
T = TypeVar("T")
Answer = Mapping[str, Any]


def is_id(found: object) -> TypeGuard[str]:
    """Return True for a string that can be a provider's id.

    Dues neither requests nor stores anything else as an id.
    """
    return isinstance(found, str) and _ID.fullmatch(found) is not None


def clock_skew(date: str | None, asked: float, now: float) -> float | None:
    """Return the seconds by which this machine's clock is ahead of an answer's Date header (RFC 9110, 6.6.1).

    `asked`, `now`: this machine's unix seconds when the request was sent and when the answer arrived. Returns
    None if the header is missing or unreadable, or if the two lie so far apart that the clock was set or the
    machine slept in between: the header may then be from before that.
    """
    if date is None or abs(now - asked) > CALL_SECONDS:
        return None
    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def wait_of(rest: str, now: float) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or a date (RFC 9110, 10.2.3).

    Returns 0 if the header is empty, past or unreadable. `now`: unix seconds.
    """
    try:
        asked = float(rest) if rest.isdecimal() else parsedate_to_datetime(rest).timestamp() - now
    except (ValueError, OverflowError):
        return 0.0
    return max(asked, 0.0)


@asynccontextmanager
async def in_time(what: str, ends: float | None = None) -> AsyncIterator[None]:
    """Raise ProviderUnavailable after CALL_SECONDS, retries included.

    The call may still have had its effect. `what`: the name of the call in the error's detail. `ends`: a
    deadline on the event loop's clock, for several calls that share one time limit.
    """
    try:
        async with asyncio.timeout(CALL_SECONDS) if ends is None else asyncio.timeout_at(ends) as timeout:
            token = _TIMEOUTS.set((*_TIMEOUTS.get(), timeout))
            try:
                yield
            finally:
                _TIMEOUTS.reset(token)
    except TimeoutError:
        raise ProviderUnavailable(detail=f"{what}: no answer within {CALL_SECONDS:g} s") from None


def call_deadline() -> float:
    """Return the deadline of a call that starts now, on the event loop's clock."""
    return asyncio.get_running_loop().time() + CALL_SECONDS


@contextmanager
def time_limit_paused(*, unless: bool) -> Iterator[None]:
    """Pause the running task's time limits inside the context, unless `unless` is true."""
    timeouts = () if unless else _TIMEOUTS.get()
    began = asyncio.get_running_loop().time()
    held = [(one, at) for one in timeouts if (at := one.when()) is not None and not one.expired()]
    for timeout, _ in held:
        timeout.reschedule(None)
    try:
        yield
    finally:
        waited = asyncio.get_running_loop().time() - began
        for timeout, at in held:
            with suppress(RuntimeError):  # the call with this time limit has ended in the meantime
                timeout.reschedule(at + waited)


@contextmanager
def measured(meter: Meter, provider: str, endpoint: str) -> Iterator[None]:
    """Report one request to the meter: its outcome, and how long it took in seconds."""
    began, outcome = perf_counter(), "broken_off"  # timed out after CALL_SECONDS, or the program stopped
    try:
        yield
        outcome = "ok"
    except ProviderError as error:
        outcome = outcome_of(error)
        raise
    finally:
        meter.answered(provider, endpoint, outcome, perf_counter() - began)


def endpoint_of(method: str, path: str) -> str:
    """Return the method and the path, with '{id}' in place of every id.

    Every part of the path that is not one of the APIs' own words counts as an id.
    """
    parts = (part if part in _PATH_WORDS else "{id}" for part in path.strip("/").split("/"))
    return f"{method} {'/'.join(parts)}"


def outcome_of(error: ProviderError) -> str:
    """Return the error's name in the metrics.

    'refused' means that the provider would refuse a repeated request again.
    """
    match error:
        case ProviderLimited():
            return "limited"
        case ProviderUnavailable():
            return "unavailable"
        case ProviderNotFound():
            return "not_found"
        case ProviderMisread():
            return "misread"
        case _:
            return "refused"


def bounded(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Decorate a provider's method so that it ends within CALL_SECONDS, the time that the port promises."""

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        async with in_time(method.__name__):
            return await method(*args, **kwargs)

    return call


def maybe(data: Answer, path: str, kind: type[T]) -> T | None:
    """Return the field at a dotted path, or None if it is null or absent.

    Raises ProviderMisread, with the path in its detail, if the field has another type.
    """
    value: Any = data
    for name in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _misread(data, path, "is not where it should be")
        value = value.get(name)
    # Python counts True as an int, so it would be accepted as the amount 1.
    if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
        return value
    raise _misread(data, path, f"is {type(value).__name__}, not {kind.__name__}")


def need(data: Answer, path: str, kind: type[T]) -> T:
    """Return the field at a dotted path.

    Raises ProviderMisread, with the path in its detail, if the field is absent.
    """
    value = maybe(data, path, kind)
    if value is None:
        raise _misread(data, path, "is missing")
    return value


def return_address(order: CheckoutOrder, came_from: str) -> str:
    """Return the URL to which a payment page sends the buyer back.

    `came_from`: 'paid' or 'cancelled'. The checkout's return id, if it has one, tells the bot which page the
    buyer comes from.
    """
    back = f"{order.return_url}{'&' if '?' in order.return_url else '?'}from={came_from}"
    return_id = order.checkout.return_id
    return back if return_id is None else f"{back}&checkout={return_id}"


def describe_member(order: CheckoutOrder, units: int = 60) -> str:
    """Return the member for whom the payment is made: display name and unique handle, as plain text.

    `units`: the most UTF-16 units that the display name may take.
    """
    name, handle = (
        plain_name(order.names.member, units),
        re.sub(r"[^a-zA-Z0-9_.]", "", order.names.handle)[:32],
    )
    return " ".join(filter(None, (name, handle and f"(@{handle})"))) or f"member {order.checkout.member_id}"


def describe_server(order: CheckoutOrder, units: int = 100) -> str:
    """Return the server for which the payment is made, as plain text of at most `units` UTF-16 units."""
    return plain_name(order.names.server, units) or f"server {order.checkout.guild_id}"


async def for_guild(guild_id: int, look: Awaitable[list[Finding]]) -> list[Finding]:
    """Return the findings of `look`, marked as being about this server.

    Findings without this mark are about the whole account.
    """
    return [replace(finding, guild_id=guild_id) for finding in await look]


def id_for_log(data: object) -> str:
    """Return the id in an answer that is otherwise unreadable, for the log; '(none)' if it has none."""
    found = data.get("id") if isinstance(data, Mapping) else None
    return found if is_id(found) else "(none)"


def _misread(data: object, path: str, what: str) -> ProviderMisread:
    named = data.get("object", "answer") if isinstance(data, Mapping) else "answer"
    return ProviderMisread(detail=f"{named}.{path} {what}")
