"""Keeps calls to a provider within its rate limits, and sends the most urgent calls first.

Stripe counts calls by account and by endpoint, which is a method with a path whose ids are left open
(docs.stripe.com/rate-limits, 2026-11). Each has a token bucket here. After a 429, the bucket's rate is halved
and it rests for a while; the refused call is then repeated, because the provider has not executed it. The
rate grows back to its start within some seconds.

A person waits for an answer, so the wait of their call counts towards the time limit of its method. For any
other call the time limit is paused while it waits for its turn, because that wait says nothing about the
provider.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from billing.errors import LimitScope, ProviderLimited
from billing.ports import Clock, Meter, PaceState, Unmeasured
from billing.priority import PRIORITY, Priority
from providers.base import CALL_SECONDS, measured, time_limit_paused

T = TypeVar("T")

# Seconds for which a call lets more urgent ones past that come after it. Once a renewal has waited for twenty
# seconds, it goes before a command that comes now, so nothing starves.
YIELDS = {Priority.PERSON: 0.0, Priority.CHANGE: 5.0, Priority.ROUTINE: 20.0}
# Seconds of rest that a call waits out; beyond, it fails with the rest that is left.
_PATIENCE = {Priority.PERSON: CALL_SECONDS, Priority.CHANGE: 30.0, Priority.ROUTINE: 30.0}
# Seconds; no Retry-After keeps the bot from calling for longer, because people wait for answers.
LONGEST_REST = 300.0
_RECOVERY = 20.0  # seconds in which a rate grows by the whole of its start
_SLOWEST = 0.5  # calls per second
_LOOK_AGAIN = 0.25  # seconds, or half of what seems left; those ahead may have given up
_TICK = 0.001  # seconds; a shorter sleep may not move the clock


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit: `rate` calls per second, and `burst` calls at once after a pause."""

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an account and of each of its endpoints; the pace starts there and never exceeds them.

    `tries`: how often a call is made before its 429 is raised. `rest`: seconds without calls after a 429 that
    does not say how long to wait.
    """

    account: Limit
    endpoint: Limit
    tries: int = 5
    rest: float = 1.0


def _below(calls: float) -> Limit:
    """Return the limit that allows at most 96 % of `calls` within any second, wherever that second begins.

    The remaining 4 % allow for calls that are delayed on their way and arrive together with later ones.
    """
    return Limit(0.88 * calls, 0.08 * calls)


# Stripe documents these limits (docs.stripe.com/rate-limits, 2026-11). PayPal has limits and publishes none
# (developer.paypal.com/api/rest/responses, RATE_LIMIT_REACHED, 2026-11).
_PAYPAL = Limits(account=Limit(10, 10), endpoint=Limit(5, 5))
LIMITS = {
    "stripe:live": Limits(account=_below(100), endpoint=_below(25)),
    "stripe:test": Limits(account=_below(25), endpoint=_below(25)),
    "paypal:live": _PAYPAL,
    "paypal:sandbox": _PAYPAL,
}
# For measuring and testing what else takes time.
UNPACED = Limits(Limit(1e9, 1e9), Limit(1e9, 1e9), tries=1, rest=0.0)


class _Bucket:
    """A token bucket whose rate is cut by a 429 and grows back."""

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit, self.rate, self.tokens = limit, limit.rate, limit.burst
        self._filled_at = self._rests_until = now
        self._cut_at = -1.0

    @property
    def share(self) -> float:
        """Return the present rate as a share, from 0 to 1, of the rate at the start."""
        return self.rate / self._limit.rate

    def fill(self, now: float) -> None:
        """Add the tokens gained since the last call; none if the clock was set back."""
        begins = max(self._filled_at, self._rests_until) if self._rests_until <= now else self._filled_at
        passed = 0.0 if self.rest_at(now) else max(now - begins, 0.0)
        self._filled_at = now
        self.tokens = min(self.tokens + passed * self.rate, max(self._limit.burst, 1.0))
        self.rate = min(self.rate + passed * self._limit.rate / _RECOVERY, self._limit.rate)

    def rest_at(self, now: float) -> float:
        """Return the seconds of rest that are left; 0 if the clock was set far back."""
        left = self._rests_until - now
        return left if 0 < left <= LONGEST_REST else 0.0

    def delay(self, ahead: int, now: float) -> float:
        """Return the seconds until a call with `ahead` others before it gets a token."""
        lacking = ahead + 1 - self.tokens
        return self.rest_at(now) + (lacking / self.rate if lacking > 1e-6 else 0.0)

    def cut(self, sent_at: float, now: float, rest: float) -> None:
        """Halve the rate and rest, after a 429 to a call that was sent at `sent_at`.

        If several calls that were under way together are refused, the rate is halved only once.
        """
        if sent_at > self._cut_at:
            self.rate, self.tokens = max(self.rate / 2, _SLOWEST), 0.0
            self._cut_at = now
        self._rests_until = max(self._rests_until, now + rest)


@dataclass(order=True, slots=True)
class _Waiter:
    """A waiting call. Calls are sorted by `rank`, the time from which no later call may overtake them."""

    rank: float
    number: int
    endpoint: str = field(compare=False)


class Pace:
    """Lets the calls to one account out at its pace, and reports each to the meter.

    `account`: a name in LIMITS, such as 'stripe:live'.
    """

    def __init__(self, account: str, clock: Clock, meter: Meter | None = None) -> None:
        self._limits, self._clock = LIMITS[account], clock
        self._provider, self._meter = account.partition(":")[0], meter or Unmeasured()
        self._account = _Bucket(self._limits.account, clock.now())
        self._endpoints: dict[str, _Bucket] = {}
        self._waiting: list[_Waiter] = []
        self._numbers = count()
        self._refused = 0

    @property
    def state(self) -> PaceState:
        """Return how many calls wait, the lowest share of a rate, and how many 429s came, for /metrics."""
        buckets = (self._account, *self._endpoints.values())
        for bucket in buckets:
            bucket.fill(self._clock.now())
        return PaceState(len(self._waiting), min(bucket.share for bucket in buckets), self._refused)

    async def run(self, endpoint: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call when it is its turn, and repeat it after a 429.

        Raises ProviderLimited if the last try is refused, or if the rest that the provider asked for is
        longer than the caller can wait.
        """
        tries = 0
        while True:
            sent_at, tries = await self._turn(endpoint), tries + 1
            try:
                with measured(self._meter, self._provider, endpoint):
                    return await call()
            except ProviderLimited as limited:
                self._refused += 1
                if limited.scope is LimitScope.OBJECT:
                    raise
                limited.wait = self._rest(endpoint, sent_at, limited)
                if tries >= self._limits.tries:
                    raise

    async def _turn(self, endpoint: str) -> float:
        """Wait until the call may be sent, and return that time in unix seconds."""
        if endpoint not in self._endpoints:
            self._endpoints[endpoint] = _Bucket(self._limits.endpoint, self._clock.now())
        priority = PRIORITY.get()
        waiter = _Waiter(self._clock.now() + YIELDS[priority], next(self._numbers), endpoint)
        insort(self._waiting, waiter)
        try:
            if self._delay(waiter) > 0:
                with time_limit_paused(unless=priority is Priority.PERSON):
                    await self._wait(waiter, _PATIENCE[priority])
        finally:
            self._waiting.remove(waiter)
        self._account.tokens -= 1
        self._endpoints[endpoint].tokens -= 1
        return self._clock.now()

    async def _wait(self, waiter: _Waiter, patience: float) -> None:
        while (delay := self._delay(waiter)) > 0:
            now = self._clock.now()
            rest = max(self._account.rest_at(now), self._endpoints[waiter.endpoint].rest_at(now))
            if rest > patience:
                raise ProviderLimited(
                    detail=f"{waiter.endpoint}: not called, the provider asks for {rest:.0f} s of rest",
                    wait=rest,
                )
            await self._clock.sleep(max(min(delay, max(delay / 2, _LOOK_AGAIN)), _TICK))

    def _delay(self, waiter: _Waiter) -> float:
        """Return the estimated seconds until the waiting call may be sent; 0 if it may be sent now.

        Earlier calls count towards the account's limit only if their own endpoint lets them through.
        """
        now, going = self._clock.now(), 0
        ahead: Counter[str] = Counter()
        self._account.fill(now)
        for other in self._waiting:
            bucket = self._endpoints[other.endpoint]
            bucket.fill(now)
            if other is waiter:
                return max(bucket.delay(ahead[other.endpoint], now), self._account.delay(going, now))
            going += bucket.delay(ahead[other.endpoint], now) == 0
            ahead[other.endpoint] += 1
        raise AssertionError("only those that wait are asked about")

    def _rest(self, endpoint: str, sent_at: float, limited: ProviderLimited) -> float:
        """Let the account or the endpoint rest after a 429, and return for how many seconds."""
        rest = min(limited.wait or self._limits.rest, LONGEST_REST)
        bucket = self._account if limited.scope is LimitScope.ACCOUNT else self._endpoints[endpoint]
        bucket.cut(sent_at, self._clock.now(), rest)
        return rest
