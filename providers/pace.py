"""Lets calls to a provider out no faster than the provider takes them, the most urgent first.

Stripe counts calls by account and by endpoint, which is a method with a path whose ids are left open
(docs.stripe.com/rate-limits, 2026-11). Each has a token bucket here. A 429 halves the bucket's rate and
lets it rest; the refused call is made again by itself, because the provider has not carried it out. The rate
grows back to its start within some seconds.

A person's call waits within the time limit of its method, because they must be answered in time. The time
limit of any other call stands still while it waits for its turn: that wait says nothing about the provider.
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
    """`rate` calls per second, and `burst` calls at once after a pause."""

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Where an account's pace starts, which is also the most that it grows back to.

    `tries`: how often a call is made before its 429 is raised. `rest`: seconds without calls after a 429
    that names none.
    """

    account: Limit
    endpoint: Limit
    tries: int = 5
    rest: float = 1.0


def _below(calls: float) -> Limit:
    """The limit by which no second sees more than 96 % of `calls`, wherever that second begins.

    The rest is for calls that are late on their way, and so arrive together with later ones.
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
        """The present rate as a share of the one that it started from."""
        return self.rate / self._limit.rate

    def fill(self, now: float) -> None:
        """Add the tokens since the last call; a clock that was set back adds none."""
        begins = max(self._filled_at, self._rests_until) if self._rests_until <= now else self._filled_at
        passed = 0.0 if self.rest_at(now) else max(now - begins, 0.0)
        self._filled_at = now
        self.tokens = min(self.tokens + passed * self.rate, max(self._limit.burst, 1.0))
        self.rate = min(self.rate + passed * self._limit.rate / _RECOVERY, self._limit.rate)

    def rest_at(self, now: float) -> float:
        """Seconds of rest that are left; none after the clock was set far back."""
        left = self._rests_until - now
        return left if 0 < left <= LONGEST_REST else 0.0

    def delay(self, ahead: int, now: float) -> float:
        """Seconds until a call with `ahead` others before it has a token."""
        lacking = ahead + 1 - self.tokens
        return self.rest_at(now) + (lacking / self.rate if lacking > 1e-6 else 0.0)

    def cut(self, sent_at: float, now: float, rest: float) -> None:
        """After a 429 to a call of `sent_at`. Calls that were under way together cut the rate once."""
        if sent_at > self._cut_at:
            self.rate, self.tokens = max(self.rate / 2, _SLOWEST), 0.0
            self._cut_at = now
        self._rests_until = max(self._rests_until, now + rest)


@dataclass(order=True, slots=True)
class _Waiter:
    """Sorted by the moment from which it lets nobody past."""

    rank: float
    number: int
    endpoint: str = field(compare=False)


class Pace:
    """One account's calls, each reported to the meter. `account`: a name in LIMITS, such as 'stripe:live'."""

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
        """For the owner's instruments."""
        buckets = (self._account, *self._endpoints.values())
        for bucket in buckets:
            bucket.fill(self._clock.now())
        return PaceState(len(self._waiting), min(bucket.share for bucket in buckets), self._refused)

    async def run(self, endpoint: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call when it is its turn, again after a 429.

        Raises ProviderLimited where the last try is refused, or where the rest that the provider asked for is
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
        """Wait until the call may go out; the moment at which it does."""
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
        """Seconds until its turn, as far as can be told now; 0 where that is now.

        Those before it count for the account only where their own endpoint lets them go.
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
        """Let the account or the endpoint rest; for how many seconds."""
        rest = min(limited.wait or self._limits.rest, LONGEST_REST)
        bucket = self._account if limited.scope is LimitScope.ACCOUNT else self._endpoints[endpoint]
        bucket.cut(sent_at, self._clock.now(), rest)
        return rest
