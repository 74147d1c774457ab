"""Rate limits: one bucket per route and major parameter, announced in Discord's headers."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass


@dataclass
class _Bucket:
    ends_at: float
    used: int = 0


class Limits:
    """At most `most` requests per bucket within `seconds` of real time; None allows any number."""

    def __init__(self, most: int | None, seconds: float) -> None:
        self._limit = most
        self._seconds = seconds
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, key: str, now: float) -> tuple[dict[str, str], float]:
        """Count a request of this bucket; return its headers and the seconds to wait (0: within the limit).

        `now`: unix seconds, for X-RateLimit-Reset. The window itself is measured by the event loop's time.
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
