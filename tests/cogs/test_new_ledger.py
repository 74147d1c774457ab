"""A ledger that was made because there was none says so while it lacks what was sold before."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
import pytest

from billing.use_cases.sweep import sweep
from standins.discord import Person
from tests.cogs.town import Town, running
from tests.faults.neighbours.ways import newcomer


async def ready(town: Town) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{town.port}/readyz") as answer,
    ):
        return answer.status, await answer.json()


async def lose(town: Town) -> Person:
    """Two pay, and the ledger's volume is gone."""
    async with running(town):
        await town.sell()
        carol = await newcomer(town, "carol")
        await town.buy()
        await town.buy(carol)
    for file in town.path.parent.glob(f"{town.path.name}*"):
        file.unlink()
    return carol


async def swept(town: Town) -> None:
    assert await sweep(town.ports) == []
    await town.settled()


def notices(town: Town) -> list[Any]:
    return [card for card in town.ada.dms if "new, empty ledger" in card.text]


async def test_it_is_named_until_the_plans_are_there_again(
    still_town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    town = still_town
    carol = await lose(town)
    with caplog.at_level(logging.WARNING):
        async with running(town):
            await swept(town)
            assert str(town.path) in caplog.text
            status, told = await ready(town)
            assert status == 503
            assert "2 running subscriptions" in told["ledger"]
            assert "2 running subscriptions" in (await town.ada.run(town.guild, "doctor")).text
            await swept(town)
            assert len(notices(town)) == 1
            await town.sell()
            await swept(town)
            assert (await ready(town))[1]["ledger"] == "ok"
            assert (town.roles(), town.roles(carol)) == (["Gold"], ["Gold"])
            assert "ledger is new" not in (await town.ada.run(town.guild, "doctor")).text


async def test_an_admin_can_answer_that_it_is_right(still_town: Town) -> None:
    town = still_town
    await lose(town)
    async with running(town):
        await swept(town)
        (notice,) = notices(town)
        await notice.press("It is right, start anew")
        assert (await ready(town))[1]["ledger"] == "ok"
        await swept(town)
        assert (await ready(town))[1]["ledger"] == "ok"
        assert len(notices(town)) == 1


async def test_a_first_start_with_nothing_sold_is_well(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await swept(town)
        assert (await ready(town))[1]["ledger"] == "ok"
        await town.sell()
        await town.buy()
        await swept(town)
        assert (await ready(town))[1]["ledger"] == "ok"
        assert notices(town) == []
