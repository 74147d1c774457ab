"""Rate limits: one bucket for each route and its major parameter, told in Discord's headers."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass


@dataclass
class _Bucket:
    ends_at: float
    used: int = 0


class Limits:
    """`most` requests in a window of `seconds` (real time) for each bucket; None switches it off."""

    def __init__(self, most: int | None, seconds: float) -> None:
        self._limit = most
        self._seconds = seconds
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, key: str, now: float) -> tuple[dict[str, str], float]:
        """Count a request of this bucket; its headers, and the seconds to wait if it was one too many.

        `now` is unix seconds for X-RateLimit-Reset; the window itself runs in loop time.
        """
        loop_now = asyncio.get_running_loop().time()
        bucket = self._buckets.get(key)
        if bucket is None or bucket.ends_at <= loop_now:
            bucket = self._buckets[key] = _Bucket(loop_now + self._seconds)
        bucket.used += 1
        limit = self._limit if self._limit is not None else 1_000_000
        left = bucket.ends_at - loop_now
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - bucket.used, 0)),
            "X-RateLimit-Reset": f"{now + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(key.encode()).hexdigest()[:32],
        }
        return headers, left if bucket.used > limit else 0.0
