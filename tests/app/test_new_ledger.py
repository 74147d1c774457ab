"""A ledger that was made because there was none says so while it lacks what was sold before."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
import pytest

from billing.use_cases.sweep import sweep
from standins.discord import Person
from tests.app.harness import AppHarness, running
from tests.app.newcomers import newcomer


async def ready(app: AppHarness) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{app.port}/readyz") as answer,
    ):
        return answer.status, await answer.json()


async def lose(app: AppHarness) -> Person:
    """Two pay, and the ledger's volume is gone."""
    async with running(app):
        await app.sell()
        carol = await newcomer(app, "carol")
        await app.buy()
        await app.buy(carol)
    for file in app.path.parent.glob(f"{app.path.name}*"):
        file.unlink()
    return carol


async def swept(app: AppHarness) -> None:
    assert await sweep(app.ports) == []
    await app.settled()


def notices(app: AppHarness) -> list[Any]:
    return [card for card in app.ada.dms if "new, empty ledger" in card.text]


async def test_a_new_empty_ledger_is_reported_until_plans_are_added(
    idle_app: AppHarness, caplog: pytest.LogCaptureFixture
) -> None:
    app = idle_app
    carol = await lose(app)
    with caplog.at_level(logging.WARNING):
        async with running(app):
            await swept(app)
            assert str(app.path) in caplog.text
            status, told = await ready(app)
            assert status == 503
            assert "2 active subscriptions" in told["ledger"]
            assert "2 active subscriptions" in (await app.ada.run(app.guild, "doctor")).text
            await swept(app)
            assert len(notices(app)) == 1
            await app.sell()
            await swept(app)
            assert (await ready(app))[1]["ledger"] == "ok"
            assert (app.roles(), app.roles(carol)) == (["Gold"], ["Gold"])
            assert "has a new ledger" not in (await app.ada.run(app.guild, "doctor")).text


async def test_an_admin_can_confirm_that_a_new_ledger_is_intended(idle_app: AppHarness) -> None:
    app = idle_app
    await lose(app)
    async with running(app):
        await swept(app)
        (notice,) = notices(app)
        await notice.press("Continue with the new ledger")
        assert (await ready(app))[1]["ledger"] == "ok"
        await swept(app)
        assert (await ready(app))[1]["ledger"] == "ok"
        assert len(notices(app)) == 1


async def test_a_first_start_without_sales_reports_nothing(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await swept(app)
        assert (await ready(app))[1]["ledger"] == "ok"
        await app.sell()
        await app.buy()
        await swept(app)
        assert (await ready(app))[1]["ledger"] == "ok"
        assert notices(app) == []
