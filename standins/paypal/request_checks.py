"""Combinable checks of request fields, each of which returns the value or refuses with status 400.

The limits are those of the OpenAPI documents. A field that the stand-in does not implement is refused, never
ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from standins.paypal import money as amounts
from standins.paypal.errors import bad, no_part
from standins.paypal.times import parse

# Called with the value and its place in the request, a JSON pointer.
Check = Callable[[Any, str], Any]


def text(least: int = 1, most: int = 127, pattern: str = "") -> Check:
    def check(value: Any, where: str) -> Any:
        if not isinstance(value, str):
            raise bad("INVALID_PARAMETER_SYNTAX", where)
        if len(value) < least:
            raise bad("INVALID_STRING_MIN_LENGTH", where)
        if len(value) > most:
            raise bad("INVALID_STRING_MAX_LENGTH", where)
        if pattern and not re.search(pattern, value):
            raise bad("INVALID_PARAMETER_SYNTAX", where)
        return value

    return check


def whole(least: int, most: int) -> Check:
    def check(value: Any, where: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad("INVALID_PARAMETER_SYNTAX", where)
        if value < least:
            raise bad("INVALID_INTEGER_MIN_VALUE", where)
        if value > most:
            raise bad("INVALID_INTEGER_MAX_VALUE", where)
        return value

    return check


def one_of(words: str) -> Check:
    def check(value: Any, where: str) -> Any:
        if value not in words.split():
            raise bad("INVALID_PARAMETER_VALUE", where)
        return value

    return check


def rows(inner: Check, most: int = 100) -> Check:
    def check(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise bad("INVALID_PARAMETER_SYNTAX", where)
        if not 1 <= len(value) <= most:
            raise bad("INVALID_PARAMETER_VALUE", where)
        return [inner(one, f"{where}/{n}") for n, one in enumerate(value)]

    return check


def fields(needed: str = "", **checks: Check) -> Check:
    """Return a check for an object with only these fields; those in `needed` are required."""

    def check(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise bad("INVALID_PARAMETER_SYNTAX", where)
        for name in needed.split():
            if name not in value:
                raise bad("MISSING_REQUIRED_PARAMETER", f"{where}/{name}")
        for name in value:
            if name not in checks:
                raise no_part(f"{where}/{name}")
        return {name: checks[name](one, f"{where}/{name}") for name, one in value.items()}

    return check


def anything(value: Any, _where: str) -> Any:
    return value


def flag(value: Any, where: str) -> Any:
    if not isinstance(value, bool):
        raise bad("INVALID_PARAMETER_SYNTAX", where)
    return value


def time(value: Any, where: str) -> Any:
    """Check a timestamp and return it unchanged; `times.parse` converts it."""
    try:
        parse(value if isinstance(value, str) else "")
    except ValueError:
        raise bad("INVALID_PARAMETER_SYNTAX", where) from None
    return value


_money = fields("currency_code value", currency_code=text(3, 3), value=text(1, 32))


def money(value: Any, where: str) -> Any:
    found = _money(value, where)
    try:
        amount = amounts.read(found["value"], found["currency_code"])
    except ValueError:
        raise bad("INVALID_PARAMETER_VALUE", f"{where}/value") from None
    if amount < 0:
        raise bad("INVALID_PARAMETER_VALUE", f"{where}/value")
    return found


def web_address(value: Any, where: str) -> Any:
    found = text(10, 4000)(value, where)
    if not re.match(r"https?://[^\s/]+", found):
        raise bad("INVALID_PARAMETER_SYNTAX", where)
    return found


PATCHES = rows(
    fields("op path", op=one_of("add remove replace move copy test"), path=text(1, 500), value=anything)
)


def query_number(least: int, most: int) -> Check:
    """Return a check for a whole number from `least` to `most`, written as text in the query."""

    def check(value: Any, where: str) -> Any:
        if not value.removeprefix("-").isdigit():
            raise bad("INVALID_PARAMETER_SYNTAX", where, "query")
        if not least <= int(value) <= most:
            raise bad("INVALID_PARAMETER_VALUE", where, "query")
        return int(value)

    return check


def query_time(value: Any, where: str) -> Any:
    try:
        return parse(value)
    except ValueError:
        raise bad("INVALID_PARAMETER_SYNTAX", where, "query") from None


def query_flag(value: Any, where: str) -> Any:
    if value not in ("true", "false"):
        raise bad("INVALID_PARAMETER_SYNTAX", where, "query")
    return value == "true"


PAGES = {"page_size": query_number(1, 20), "page": query_number(1, 100_000), "total_required": query_flag}
