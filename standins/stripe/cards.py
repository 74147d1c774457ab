"""Stripe's test card numbers and their behaviour (docs.stripe.com/testing, read 2026-11)."""

from __future__ import annotations

from dataclasses import dataclass

from standins.stripe.errors import DECLINES, StripeRefusal


@dataclass(frozen=True)
class Card:
    number: str
    exp_month: int
    exp_year: int
    brand: str = "visa"
    country: str = "US"
    attach_code: str | None = None  # set if the card is refused when it is saved
    charge_code: str | None = None
    decline_code: str | None = None

    @property
    def last4(self) -> str:
        return self.number[-4:]


GOOD = "4242424242424242"
DECLINES_LATER = "4000000000000341"  # saving succeeds, every charge is declined
ASKS_EACH_TIME = "4000002760003184"  # the bank asks to confirm each payment; hosted pages do so
AUTHENTICATE = "authentication_required"

# number: brand, error code when saved, error code when charged, decline_code
NUMBERS: dict[str, tuple[str, str | None, str | None, str | None]] = {
    GOOD: ("visa", None, None, None),
    "4000056655665556": ("visa", None, None, None),
    "5555555555554444": ("mastercard", None, None, None),
    "378282246310005": ("amex", None, None, None),
    DECLINES_LATER: ("visa", None, "card_declined", "generic_decline"),
    ASKS_EACH_TIME: ("visa", None, AUTHENTICATE, None),
    "4000000000000002": ("visa", "card_declined", "card_declined", "generic_decline"),
    "4000000000009995": ("visa", "card_declined", "card_declined", "insufficient_funds"),
    "4000000000009987": ("visa", "card_declined", "card_declined", "lost_card"),
    "4000000000009979": ("visa", "card_declined", "card_declined", "stolen_card"),
    "4000000000000069": ("visa", "expired_card", "expired_card", None),
    "4000000000000127": ("visa", "incorrect_cvc", "incorrect_cvc", None),
}

NOT_A_TEST_CARD = ("unknown", "card_declined", "card_declined", "test_mode_live_card")

TOKENS = {  # ready-made payment methods of test mode
    "pm_card_visa": GOOD,
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeCustomerFail": DECLINES_LATER,
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "tok_visa": GOOD,
    "tok_mastercard": "5555555555554444",
    "tok_chargeCustomerFail": DECLINES_LATER,
}


def read_card(number: str, exp_month: int, exp_year: int, year_now: int) -> Card:
    """Return the card for a number and expiry that a person typed.

    Raises StripeRefusal 402 if either is invalid.
    """
    number = "".join(number.split())
    if not number.isdigit() or not luhn(number):
        raise _refused("incorrect_number", "number")
    if not 1 <= exp_month <= 12:
        raise _refused("invalid_expiry_month", "exp_month")
    exp_year += 2000 if exp_year < 100 else 0
    if not year_now <= exp_year <= year_now + 50:
        raise _refused("invalid_expiry_year", "exp_year")
    behavior = NUMBERS.get(number, NOT_A_TEST_CARD)
    brand, attach_code, charge_code, decline_code = behavior
    return Card(number, exp_month, exp_year, brand, "US", attach_code, charge_code, decline_code)


def luhn(number: str) -> bool:
    digits = [int(one) for one in reversed(number)]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[1::2]]
    return len(number) >= 12 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _refused(code: str, param: str) -> StripeRefusal:
    return StripeRefusal(402, DECLINES[code], kind="card_error", code=code, param=param)


def refused_at_attach(card: Card) -> StripeRefusal:
    code = card.attach_code or "card_declined"
    return StripeRefusal(
        402, DECLINES[code], kind="card_error", code=code, decline_code=card.decline_code or "generic_decline"
    )
