"""What every provider's folder uses: the bound on a call's time, and reading an answer's fields strictly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import wraps
from time import perf_counter
from typing import Any, ParamSpec, TypeGuard, TypeVar

from billing.errors import ProviderError, ProviderMisread, ProviderNotFound, ProviderUnavailable
from billing.model import Finding
from billing.ports import CheckoutOrder, Meter
from billing.rules.names import plain_name

# A little under the 15 s that the port promises, so that telling of it fits in too.
LONGEST_CALL = 14.5
# Providers' ids are a few dozen characters; Stripe promises no more than 255 (docs.stripe.com/upgrades, 'What
# changes does Stripe consider to be backward compatible?', 2026-11).
_ID = re.compile(r"[\x21-\x7e]{1,255}")

# Of which the addresses that Dues asks for are made.
_WORDS = frozenset(
    """v1 v2 billing billing_portal cancel captures charges checkout configurations coupons create_preview
    customer customers disputes events expire invoice_payments invoices notifications oauth2 payment_intents
    payments plans prices products refund refunds release reporting resend sale sessions setup_intents
    subscription_items subscription_schedules subscriptions token transactions verify-webhook-signature
    webhook_endpoints webhooks webhooks-events""".split()  # noqa: SIM905 - a word a line would be forty
)

P = ParamSpec("P")
T = TypeVar("T")
Answer = Mapping[str, Any]


def is_id(found: object) -> TypeGuard[str]:
    """Whether it may be an id of a provider's: no other could be asked for, and none other is kept."""
    return isinstance(found, str) and _ID.fullmatch(found) is not None


def clock_skew(date: str | None, asked: float, now: float) -> float | None:
    """Seconds that this machine's clock, which says `now`, is ahead of an answer's Date header (RFC 9110,
    6.6.1); None where there is none that can be read, or where the clock was set or the machine slept after
    it `asked`: the header may be from before that."""
    if date is None or abs(now - asked) > LONGEST_CALL:
        return None
    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


@asynccontextmanager
async def in_time(what: str, ends: float | None = None) -> AsyncIterator[None]:
    """Give up after LONGEST_CALL, all tries together: ProviderUnavailable, the effect unknown. `ends`: of
    several calls that are one to the port, by the event loop's clock."""
    try:
        async with asyncio.timeout_at(longest() if ends is None else ends):
            yield
    except TimeoutError:
        raise ProviderUnavailable(detail=f"{what}: no answer within {LONGEST_CALL:g} s") from None


def longest() -> float:
    """When a call that begins now is given up, by the event loop's clock."""
    return asyncio.get_running_loop().time() + LONGEST_CALL


@contextmanager
def measured(meter: Meter, provider: str, method: str, path: str) -> Iterator[None]:
    """Count and time one request."""
    began, outcome = perf_counter(), "broken_off"  # given up after LONGEST_CALL, or with the program
    try:
        yield
        outcome = "ok"
    except ProviderError as error:
        outcome = outcome_of(error)
        raise
    finally:
        meter.answered(provider, f"{method} {outline(path)}", outcome, perf_counter() - began)


def outcome_of(error: ProviderError) -> str:
    """'refused': the same again would be refused again."""
    match error:
        case ProviderUnavailable():
            return "unavailable"
        case ProviderNotFound():
            return "not_found"
        case ProviderMisread():
            return "misread"
        case _:
            return "refused"


def outline(path: str) -> str:
    """A path without ids: what is not one of the services' own words may be anything."""
    return "/".join(part if part in _WORDS else "{id}" for part in path.strip("/").split("/"))


def bounded(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A provider's method, held to the time that the port promises."""

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        async with in_time(method.__name__):
            return await method(*args, **kwargs)

    return call


def maybe(data: Answer, path: str, kind: type[T]) -> T | None:
    """The field at a dotted path, or None where it is null or absent.

    ProviderMisread, with the path in its detail, where it is there but of another kind.
    """
    value: Any = data
    for name in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _misread(data, path, "is not where it should be")
        value = value.get(name)
    # True is an int to Python, and would pass for the amount 1.
    if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
        return value
    raise _misread(data, path, f"is {type(value).__name__}, not {kind.__name__}")


def need(data: Answer, path: str, kind: type[T]) -> T:
    """The field at a dotted path; ProviderMisread, with the path in its detail, where there is none."""
    value = maybe(data, path, kind)
    if value is None:
        raise _misread(data, path, "is missing")
    return value


def returning(order: CheckoutOrder, came_from: str) -> str:
    """Where a payment page leads back to, with what tells the bot which one it was."""
    back = f"{order.return_url}{'&' if '?' in order.return_url else '?'}from={came_from}"
    return_id = order.checkout.return_id
    return back if return_id is None else f"{back}&checkout={return_id}"


def member_of(order: CheckoutOrder, units: int = 60) -> str:
    """Whom the payment is for: the name that people see, and the handle that nobody else has. Plain text."""
    name, handle = (
        plain_name(order.names.member, units),
        re.sub(r"[^a-zA-Z0-9_.]", "", order.names.handle)[:32],
    )
    return " ".join(filter(None, (name, handle and f"(@{handle})"))) or f"member {order.checkout.member_id}"


def server_of(order: CheckoutOrder, units: int = 100) -> str:
    """The server that it is for, as plain text."""
    return plain_name(order.names.server, units) or f"server {order.checkout.guild_id}"


async def of_server(guild_id: int, look: Awaitable[list[Finding]]) -> list[Finding]:
    """What a look at one server's plan or page found; other findings are about the whole account."""
    return [replace(finding, guild_id=guild_id) for finding in await look]


def called(data: object) -> str:
    """What an answer that cannot be read calls itself, for the log."""
    found = data.get("id") if isinstance(data, Mapping) else None
    return found if is_id(found) else "without an id"


def _misread(data: object, path: str, what: str) -> ProviderMisread:
    named = data.get("object", "answer") if isinstance(data, Mapping) else "answer"
    return ProviderMisread(detail=f"{named}.{path} {what}")
