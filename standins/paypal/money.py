"""Converts amounts between exact decimals inside the stand-in and PayPal's strings outside."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from babel.numbers import format_currency

Obj = dict[str, object]

# PayPal allows no decimals for these, whatever ISO 4217 says (developer.paypal.com/reference/currency-
# codes).
WHOLE = frozenset({"HUF", "JPY", "TWD"})
CURRENCIES = "AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD"


def read(value: str, currency: str) -> Decimal:
    """Parse an amount.

    Raises ValueError if it is not a number, has too many decimals, or the currency is unknown.
    """
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError(value) from None
    if currency not in CURRENCIES.split() or amount != round_to(amount, currency):
        raise ValueError(value)
    return amount


def round_to(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1) if currency in WHOLE else Decimal("0.01"))


def round_half_up(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1) if currency in WHOLE else Decimal("0.01"), ROUND_HALF_UP)


def exact(amount: Decimal, currency: str) -> str:
    """Format an amount as payments do: 5 becomes "5.00"; yen have no decimals."""
    return str(round_to(amount, currency))


def short(amount: Decimal, currency: str) -> str:
    """Format an amount as live subscriptions do: 5 becomes "5.0", with only one trailing zero."""
    text = exact(amount, currency)
    return text.removesuffix("0") if "." in text else text


def money(amount: Decimal, currency: str) -> Obj:
    return {"currency_code": currency, "value": short(amount, currency)}


def money_exact(amount: Decimal, currency: str) -> Obj:
    return {"currency_code": currency, "value": exact(amount, currency)}


def spoken(amount: Decimal, currency: str) -> str:
    """Format an amount for a page, such as $5.00."""
    return str(format_currency(amount, currency, locale="en_US"))
