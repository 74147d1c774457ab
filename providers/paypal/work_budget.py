"""Limits the requests to PayPal that forged notifications can cause."""

from __future__ import annotations

from billing.errors import ProviderUnavailable

_LATE = 60  # seconds by which a call may come late


class TokenBucket:
    """A token bucket that contains up to `size` tokens and gains one every `pause` seconds.

    Each request that anybody can cause takes a token. The token is returned once the notification proves
    genuine.
    """

    def __init__(self, size: int, pause: float) -> None:
        self._size, self._pause = size, pause
        self._left, self._filled_at = float(size), 0.0

    def take(self, now: float) -> None:
        """Take a token.

        Raises ProviderUnavailable if none is left; PayPal then sends a genuine notification again later.
        """
        gained = max(now - self._filled_at, 0.0) / self._pause
        self._left = min(self._left + gained, self._size)
        # Some calls come a little late because they had to wait. If the clock was set far back, time counts
        # from there.
        self._filled_at = now if now < self._filled_at - _LATE else max(now, self._filled_at)
        if self._left < 1:
            raise over_budget()
        self._left -= 1

    def give_back(self) -> None:
        """Return the token of a notification that proved genuine."""
        self._left = min(self._left + 1, self._size)


def over_budget() -> ProviderUnavailable:
    """Return the error for a notification that could not be verified, whether or not it is genuine."""
    return ProviderUnavailable(detail="too many notifications that nobody can vouch for")
