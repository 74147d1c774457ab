"""Formats amounts of money for each locale."""

from __future__ import annotations

from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision

from billing.model import Money

# Stripe, 'Supported currencies' (docs.stripe.com/currencies): currencies without decimals, and with three.
# ISK and UGX have none in practice, but the API uses two.
NO_DECIMALS = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)


THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


# Written without decimals, and charged without any by PayPal (developer.paypal.com/reference/currency-codes,
# 2026-11); Stripe may charge some.
WHOLE = frozenset({"huf", "twd"})


def to_decimal(amount: Money) -> Decimal:
    """Convert an amount to whole units of its currency, such as 5.00."""
    digits = 0 if amount.currency in NO_DECIMALS else 3 if amount.currency in THREE_DECIMALS else 2
    return Decimal(amount.amount).scaleb(-digits)


def format_money(amount: Money, locale: str = "en-US") -> str:
    """Format an amount with its currency as readers of the locale write it."""
    value, name, where = to_decimal(amount), amount.currency.upper(), _locale(locale)
    if amount.currency in WHOLE and value == int(value):
        plain_pattern = where.currency_formats["standard"].pattern.replace(".00", "")
        return format_currency(value, name, plain_pattern, where, currency_digits=False)
    # Currencies usually written without decimals, such as RSD, may still be charged with some.
    whole = value == round(value, get_currency_precision(name))
    return format_currency(value, name, locale=where, currency_digits=whole)


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
