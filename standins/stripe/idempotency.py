"""Implements the idempotency keys of POST requests: a repeated key gets the first result.

Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from standins.stripe.errors import StripeRefusal, invalid

KEPT = 86_400
LONGEST = 255


@dataclass
class Saved:
    request: tuple[str, Any]  # path and parameters
    at: float
    request_id: str
    answer: tuple[int, dict[str, Any]] | None = None  # None while the request is running


@dataclass
class Keys:
    saved: dict[str, Saved] = field(default_factory=dict)

    def begin(self, key: str, request: tuple[str, Any], now: float, request_id: str) -> Saved | None:
        """Return the saved result for this key; None if the key is new.

        For a new key, run the request, then call `finish` or `forget`.
        """
        if len(key) > LONGEST:
            raise invalid(f"Idempotency keys are at most {LONGEST} characters long.")
        earlier = self.saved.get(key)
        if earlier is None or earlier.at < now - KEPT:
            self.saved[key] = Saved(request, now, request_id)
            return None
        if earlier.request[0] != request[0]:
            raise _reused(f"for the same endpoint they were first used for ('{earlier.request[0]}')", key)
        if earlier.request != request:
            raise _reused("with the same parameters they were first used with", key)
        if earlier.answer is None:
            raise StripeRefusal(
                409,
                f"There is currently another in-progress request using this Idempotent Key: {key}. Please "
                "try again later.",
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        return earlier

    def finish(self, key: str, status: int, body: dict[str, Any]) -> None:
        self.saved[key].answer = (status, body)

    def forget(self, key: str) -> None:
        """Drop the key of a request that was refused before it ran."""
        self.saved.pop(key, None)


def _reused(how: str, key: str) -> StripeRefusal:
    return StripeRefusal(
        400,
        f"Keys for idempotent requests can only be used {how}. Try using a key other than '{key}' if you "
        "meant to execute a different request.",
        kind="idempotency_error",
    )
