"""When to try again."""

from __future__ import annotations

FIRST = 2
LONGEST = 900


def next_try(now: int, attempts: int) -> int:
    """Unix seconds of the next try after `attempts` failed ones: 2 s, 4 s, ... at most 15 minutes apart."""
    return now + min(FIRST << min(attempts, 20), LONGEST)


def next_try_by_age(since: int, now: int) -> int:
    """The same for what has been waiting since a moment: half its age again."""
    return now + max(FIRST, min((now - since) // 2, LONGEST))


def tries_by_age(since: int, now: int) -> int:
    """How many tries `next_try_of` has led to before this one."""
    at, tries = since, 0
    while at < now:
        at, tries = next_try_by_age(since, at), tries + 1
    return tries
