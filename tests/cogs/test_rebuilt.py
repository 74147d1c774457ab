"""A ledger that was lost, or is older than the last sale, is rebuilt from the providers."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.use_cases.sweep import sweep
from tests.cogs.town import MONTH, Town, running


async def swept(town: Town) -> None:
    assert await sweep(town.ports) == []
    await town.settled()


async def test_a_sale_after_the_last_backup_is_found_again(still_town: Town, tmp_path: Path) -> None:
    town, copy = still_town, tmp_path / "copy.db"
    async with running(town) as process:
        await town.sell()
        await process.ledger.backup(copy)
        await town.buy()
        assert town.roles() == ["Gold"]
    copy.replace(town.path)
    async with running(town) as process:
        await swept(town)
        card = await town.bob.run(town.guild, "subscriptions")
        assert "Gold" in card.text
        assert "Renews on" in card.text
        assert "You have this." in (await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})).text
        thanks = [dm for dm in town.bob.dms if "Thank you" in dm.text]
        assert len(thanks) == 1, "once, for one purchase"
        (own,) = await process.ledger.load_subscriptions_of(town.bob.id)
        town.stripe.dashboard.cancel_now(own.key.id)
        await town.settled()
        assert town.roles() == []


async def test_an_empty_ledger_finds_every_stripe_payer_after_one_sweep(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        for who in (town.bob, town.cleo):
            await town.buy(who)
    town.path.unlink()
    async with running(town):
        await town.sell()
        await swept(town)
        for who in (town.bob, town.cleo):
            assert "Gold" in town.roles(who)
            assert "Renews on" in (await who.run(town.guild, "subscriptions")).text
            assert "Open Stripe" in str((await who.run(town.guild, "manage")).buttons)
        await town.turn(MONTH)
        assert town.roles() == ["Gold"]


@pytest.mark.parametrize("there", [True, False])
async def test_only_servers_that_the_bot_is_in_count(still_town: Town, there: bool) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
    town.path.unlink()
    if not there:
        town.world.uninstall(town.app, town.guild)
    async with running(town) as process:
        await swept(town)
        own = await process.ledger.load_subscriptions_of(town.bob.id)
        assert len(own) == there
