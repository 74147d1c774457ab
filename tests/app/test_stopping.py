"""The program stops although a cancellation is dropped on the way."""

from __future__ import annotations

import asyncio

import pytest

from cogs.core.gateway_recovery import wait_until_ended


async def test_a_cancellation_that_a_failing_connection_drops_is_repeated() -> None:
    """Python 3.11's wait_for drops one that arrives in the moment of the failure."""
    waiting, dropped = asyncio.Event(), asyncio.Event()

    async def connect() -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            dropped.set()
        await asyncio.Event().wait()  # the pause before the next connection

    connecting = asyncio.create_task(connect())
    serving = asyncio.create_task(wait_until_ended(connecting))
    await waiting.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(serving, 20)
    assert dropped.is_set()
    assert connecting.cancelled()


async def test_an_error_of_the_connection_reaches_its_caller() -> None:
    async def connect() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await wait_until_ended(asyncio.create_task(connect()))
