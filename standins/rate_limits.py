"""Limits on calls per second, by account and by endpoint, which the local Stripe and PayPal enforce."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque

ACCOUNT, ENDPOINT = "account", "endpoint"


class RateLimits:
    """At most `account` calls in any second, and `endpoint` calls of each endpoint; None: any number.

    Both may be changed at any time. Refused calls do not count. Time is that of the event loop.
    """

    enforced = True  # for all stand-ins of this process; tests that are not about limits switch it off

    def __init__(self, account: int | None, endpoint: int | None = None) -> None:
        self.account, self.endpoint = account, endpoint
        self.refused = 0
        self._came: defaultdict[str, deque[float]] = defaultdict(deque)

    def spend(self, endpoint: str) -> tuple[str, float]:
        """Count a call, and return the limit that it would exceed and the seconds until it is allowed.

        The limit is ACCOUNT or ENDPOINT, or '' if none is exceeded.
        """
        if not self.enforced:
            return "", 0.0
        now = asyncio.get_running_loop().time()
        for scope, most, key in ((ACCOUNT, self.account, ""), (ENDPOINT, self.endpoint, endpoint)):
            came = self._came[key]
            while came and came[0] <= now - 1:
                came.popleft()
            if most is not None and len(came) >= most:
                self.refused += 1
                return scope, (came[-most] if came else now) + 1 - now
        for key in ("", endpoint):
            self._came[key].append(now)
        return "", 0.0
