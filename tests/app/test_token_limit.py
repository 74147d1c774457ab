"""Discord's limit for all calls of a token."""

from __future__ import annotations

import asyncio

import pytest

from cogs.core.rate_limits import AT_ONCE, CALLS_PER_SECOND, TokenLimit


@pytest.mark.paced
async def test_calls_of_one_second_stay_within_the_limit_of_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    limit = TokenLimit()
    for _ in range(100):
        await limit.acquire()
    assert len(waits) == 100 - AT_ONCE
    assert waits == sorted(waits)
    assert AT_ONCE + sum(wait < 1 for wait in waits) <= 50
    assert CALLS_PER_SECOND + AT_ONCE <= 50
