"""Stripe's error answers: one exception and one JSON shape.

Shapes and codes: docs.stripe.com/api/errors and docs.stripe.com/error-codes (read 2026-11).
"""

from __future__ import annotations

from typing import Any


class StripeRefusal(Exception):  # noqa: N818  an answer of the API, not a fault of the program
    """An error answer of the API.

    `status`: the HTTP status. Fields that are None are left out of the body.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        fields = {"code": code, "message": message, "param": param, "type": kind, **more}
        self.error = {name: value for name, value in fields.items() if value is not None}
        if code:
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error}


class BadParameter(StripeRefusal):
    """A request that was refused before it ran, so that no answer is kept for its idempotency key."""


def missing(kind: str, object_id: str, param: str = "id") -> StripeRefusal:
    """Return the error for an unknown object: 404 if the id is in the URL, 400 if it is a parameter."""
    status = 404 if param == "id" else 400
    return StripeRefusal(status, f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


def invalid(message: str, param: str | None = None, code: str | None = None) -> BadParameter:
    return BadParameter(400, message, param=param, code=code)


def required(param: str) -> BadParameter:
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def unknown(param: str) -> BadParameter:
    return invalid(f"Received unknown parameter: {param}", param, "parameter_unknown")


def unsupported(param: str) -> BadParameter:
    """Return the error for a parameter that Stripe has but this stand-in does not implement."""
    return invalid(f"The local Stripe has no part for the parameter {param}; leave it out.", param)


def declined(
    charge: str | None, code: str, decline_code: str | None, intent: dict[str, Any]
) -> StripeRefusal:
    """Return the error for a declined card: 402, with the charge and the payment intent in the body."""
    return StripeRefusal(
        402,
        DECLINES.get(code, "Your card was declined."),
        kind="card_error",
        code=code,
        decline_code=decline_code,
        charge=charge,
        payment_intent=intent,
    )


DECLINES = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "incorrect_number": "Your card number is incorrect.",
    "invalid_expiry_year": "Your card's expiration year is invalid.",
    "invalid_expiry_month": "Your card's expiration month is invalid.",
}
