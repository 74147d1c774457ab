"""Stripe's error bodies for the faults that a test arranges and for exceeded rate limits."""

from __future__ import annotations

from standins.stripe.errors import StripeRefusal

MESSAGES = {  # status: type, code, message
    401: ("invalid_request_error", None, "Invalid API Key provided."),
    403: (
        "invalid_request_error",
        "account_invalid",
        "The provided key does not have access to this account.",
    ),
    429: (
        "invalid_request_error",
        "rate_limit",
        "Too many requests hit the API too quickly. Please back off.",
    ),
    500: ("api_error", None, "An unknown error occurred."),
    502: ("api_error", None, "Bad gateway."),
    503: ("api_error", None, "Stripe is temporarily unavailable."),
}
KEPT_STATUSES = frozenset({500, 502})


def limited() -> StripeRefusal:
    """Return the error for an exceeded rate limit (429)."""
    kind, code, message = MESSAGES[429]
    return StripeRefusal(429, message, kind=kind, code=code)
