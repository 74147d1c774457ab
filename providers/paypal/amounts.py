"""PayPal's amounts, which are decimal numbers as text, in our minor units."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from billing.errors import ProviderMisread
from providers.base import Answer, maybe, need

# Of PayPal's currencies (developer.paypal.com/reference/currency-codes, 2026-11) yen have no smaller unit in
# our amounts. PayPal writes forints and new Taiwan dollars without decimals too; our amounts have two.
_NO_DECIMALS = frozenset({"jpy"})
_WHOLE = frozenset({"huf", "twd"})


def to_minor(money: Answer) -> int:
    """Version 2's amount, with `currency_code` and `value`."""
    return _minor(need(money, "value", str), currency_of(money))


def currency_of(money: Answer) -> str:
    """In lower case, as everywhere here."""
    return need(money, "currency_code", str).lower()


def amount_of_either_version(money: Answer, currency: str) -> int | None:
    """An amount that is named `value` by one generation of PayPal's API and `total` by the other. A refund's
    may stand there as what it takes away, below nothing."""
    text = maybe(money, "value", str) or maybe(money, "total", str)
    return None if text is None else abs(_minor(text, currency))


def with_percent(minor: int, percent: Decimal, currency: str) -> int:
    """The amount with so much on top, in steps that PayPal can charge in that currency."""
    step = 100 if currency in _WHOLE else 1
    return minor + int((minor * percent / 100 / step).quantize(Decimal(1), ROUND_HALF_UP)) * step


def parse_decimal(text: str, what: str) -> Decimal:
    """A decimal number; ProviderMisread where it is none."""
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
