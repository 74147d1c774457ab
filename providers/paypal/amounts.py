"""Converts PayPal's amounts, which are decimal numbers written as text, to minor units."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from billing.errors import ProviderMisread
from providers.base import Answer, maybe, need

# Yen have no minor unit. PayPal also writes forints and new Taiwan dollars without decimals, but our amounts
# have two for these (developer.paypal.com/reference/currency-codes, 2026-11).
_NO_DECIMALS = frozenset({"jpy"})
_WHOLE = frozenset({"huf", "twd"})


def to_minor(money: Answer) -> int:
    """Convert an amount of API version 2 (`currency_code` and `value`) to minor units."""
    return _minor(need(money, "value", str), currency_of(money))


def currency_of(money: Answer) -> str:
    """Return an amount's currency code in lower case, as the model stores it."""
    return need(money, "currency_code", str).lower()


def amount_of_either_version(money: Answer, currency: str) -> int | None:
    """Convert an amount of API version 1 (`total`) or 2 (`value`) to minor units.

    Returns None if it has neither field. The result is never negative, although PayPal writes some refunds as
    negative amounts.
    """
    text = maybe(money, "value", str) or maybe(money, "total", str)
    return None if text is None else abs(_minor(text, currency))


def with_percent(minor: int, percent: Decimal, currency: str) -> int:
    """Return the amount increased by `percent`, rounded to what PayPal can charge in that currency."""
    step = 100 if currency in _WHOLE else 1
    return minor + int((minor * percent / 100 / step).quantize(Decimal(1), ROUND_HALF_UP)) * step


def parse_decimal(text: str, what: str) -> Decimal:
    """Parse a decimal number. Raises ProviderMisread, naming `what`, if `text` is not a number."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ProviderMisread(detail=f"{what} is no number") from None
    if not found.is_finite():
        raise ProviderMisread(detail=f"{what} is no number")
    return found


def _minor(text: str, currency: str) -> int:
    try:
        value = parse_decimal(text, "an amount").scaleb(0 if currency in _NO_DECIMALS else 2)
        return int(value.quantize(Decimal(1), ROUND_HALF_UP))
    except InvalidOperation:
        raise ProviderMisread(detail="an amount is no number") from None
