"""The times at which failed work is tried again."""

from __future__ import annotations

FIRST = 2
LONGEST = 900


def next_try(now: int, attempts: int) -> int:
    """Return the moment of the next attempt after `attempts` failures, in unix seconds.

    The wait begins at 2 seconds and doubles with each failure, up to 15 minutes.
    """
    return now + min(FIRST << min(attempts, 20), LONGEST)


def next_try_by_age(since: int, now: int) -> int:
    """Return the moment of the next attempt for work that has been waiting since `since`, in unix seconds.

    The wait is half the work's age: at least 2 seconds, at most 15 minutes.
    """
    return now + max(FIRST, min((now - since) // 2, LONGEST))


def tries_by_age(since: int, now: int) -> int:
    """Return the number of attempts that `next_try_by_age` has led to before this one."""
    at, tries = since, 0
    while at < now:
        at, tries = next_try_by_age(since, at), tries + 1
    return tries
