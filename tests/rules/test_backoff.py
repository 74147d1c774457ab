"""When to try again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from billing.rules.backoff import FIRST, LONGEST, next_try, next_try_by_age


def test_the_wait_doubles_with_each_attempt_up_to_a_quarter_of_an_hour() -> None:
    assert [next_try(1_000, attempts) - 1_000 for attempts in range(10)] == [
        2,
        4,
        8,
        16,
        32,
        64,
        128,
        256,
        512,
        900,
    ]


@given(st.integers(0, 10**10), st.integers(0, 10**9))
def test_attempts_wait_between_two_seconds_and_a_quarter_of_an_hour(now: int, attempts: int) -> None:
    assert FIRST <= next_try(now, attempts) - now <= LONGEST
    assert next_try(now, attempts) <= next_try(now, attempts + 1)


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_an_item_dated_in_the_future_is_still_tried_again_later(since: int, now: int) -> None:
    assert FIRST <= next_try_by_age(since, now) - now <= LONGEST


def test_the_next_attempt_waits_for_half_of_the_age() -> None:
    assert next_try_by_age(1_000, 1_100) == 1_150
    assert next_try_by_age(1_100, 1_000) == 1_002
