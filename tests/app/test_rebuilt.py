"""A ledger that was lost, or is older than the last sale, is rebuilt from the providers."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.use_cases.sweep import sweep
from tests.app.harness import MONTH, AppHarness, running


async def swept(app: AppHarness) -> None:
    assert await sweep(app.ports) == []
    await app.settled()


async def test_a_sale_after_the_last_backup_is_found_again(idle_app: AppHarness, tmp_path: Path) -> None:
    app, copy = idle_app, tmp_path / "copy.db"
    async with running(app) as process:
        await app.sell()
        await process.ledger.backup(copy)
        await app.buy()
        assert app.roles() == ["Gold"]
    copy.replace(app.path)
    async with running(app) as process:
        await swept(app)
        card = await app.bob.run(app.guild, "subscriptions")
        assert "Gold" in card.text
        assert "Renews on" in card.text
        assert "You have this plan." in (await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})).text
        thanks = [dm for dm in app.bob.dms if "Thank you" in dm.text]
        assert len(thanks) == 1, "once, for one purchase"
        (own,) = await process.ledger.load_subscriptions_of(app.bob.id)
        app.stripe.dashboard.cancel_now(own.key.id)
        await app.settled()
        assert app.roles() == []


async def test_an_empty_ledger_finds_every_stripe_payer_after_one_sweep(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        for who in (app.bob, app.cleo):
            await app.buy(who)
    app.path.unlink()
    async with running(app):
        await app.sell()
        await swept(app)
        for who in (app.bob, app.cleo):
            assert "Gold" in app.roles(who)
            assert "Renews on" in (await who.run(app.guild, "subscriptions")).text
            assert "Open Stripe" in str((await who.run(app.guild, "manage")).buttons)
        await app.turn(MONTH)
        assert app.roles() == ["Gold"]


@pytest.mark.parametrize("there", [True, False])
async def test_a_rebuilt_ledger_finds_payers_only_in_servers_that_have_the_bot(
    idle_app: AppHarness, there: bool
) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
    app.path.unlink()
    if not there:
        app.world.uninstall(app.application, app.guild)
    async with running(app) as process:
        await swept(app)
        own = await process.ledger.load_subscriptions_of(app.bob.id)
        assert len(own) == there
