"""How much work strangers can cause at PayPal, who may send as many notifications as they like."""

from __future__ import annotations

from billing.errors import ProviderUnavailable

_LATE = 60


class TokenBucket:
    """Holds `size` tokens, and gets a new one every `pause` seconds. What a stranger can ask for takes one;
    it comes back once the notification has turned out to be true."""

    def __init__(self, size: int, pause: float) -> None:
        self._size, self._pause = size, pause
        self._left, self._filled_at = float(size), 0.0

    def take(self, now: float) -> None:
        """ProviderUnavailable where none is left: a true notification is sent again later."""
        gained = max(now - self._filled_at, 0.0) / self._pause
        self._left = min(self._left + gained, self._size)
        # Some come a little late, as they waited; a clock that was set back by far counts from there.
        self._filled_at = now if now < self._filled_at - _LATE else max(now, self._filled_at)
        if self._left < 1:
            raise over_budget()
        self._left -= 1

    def give_back(self) -> None:
        """It was true."""
        self._left = min(self._left + 1, self._size)


def over_budget() -> ProviderUnavailable:
    """Says nothing of whether the notification is true."""
    return ProviderUnavailable(detail="too many notifications that nobody can vouch for")
