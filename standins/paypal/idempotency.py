"""Implements PayPal-Request-Id: a repeated request gets the first one's answer, with status 200, not 201.

Answers are kept for 72 hours (Subscriptions v1) if the request succeeded. Reusing the id for another request
is a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from standins.paypal.errors import PayPalRefusal

KEPT = 72 * 3600
LONGEST = 108


@dataclass
class Saved:
    request: tuple[str, Any]  # address and body
    at: float
    answer: tuple[int, Any] | None = None  # None while the request is running


@dataclass
class Keys:
    saved: dict[str, Saved] = field(default_factory=dict)

    def begin(self, key: str, request: tuple[str, Any], now: float) -> tuple[int, Any] | None:
        """Return the answer to the earlier request with this id; None if the id is new.

        For a new id, run the request, then call `finish` or `forget`.
        """
        if len(key) > LONGEST:
            raise PayPalRefusal(400)
        earlier = self.saved.get(key)
        if earlier is None or earlier.at < now - KEPT:
            self.saved[key] = Saved(request, now)
            return None
        if earlier.request != request or earlier.answer is None:
            raise PayPalRefusal(409)
        status, body = earlier.answer
        return (200 if status == 201 else status), body

    def finish(self, key: str, status: int, body: Any) -> None:
        self.saved[key].answer = (status, body)

    def forget(self, key: str) -> None:
        self.saved.pop(key, None)
