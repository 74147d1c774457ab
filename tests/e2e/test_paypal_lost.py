"""Nothing that PayPal tells arrives: the program's own comparison finds it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cogs.town import Town
from tests.e2e.paypal import buy, open_shop, paypal_of, shown
from tests.e2e.process import Program, is_ready, settings_of, until

pytestmark = pytest.mark.paypal


async def test_the_comparison_alone_keeps_everything_in_step(town: Town, tmp_path: Path) -> None:
    program = Program(tmp_path, settings_of(town, SYNC_INTERVAL_MINUTES="0.02"))
    await program.start()
    await is_ready(town)
    await open_shop(town)
    paypal = paypal_of(town)
    paypal.delivery_faults.drop = 1_000_000
    subscription_id = await buy(town)
    paypal.dashboard.suspend(subscription_id)
    await shown(town, "Paused")
    assert town.roles() == ["Gold"]
    paypal.dashboard.activate(subscription_id)
    await shown(town, "Renews")
    dispute = paypal.dashboard.dispute(paypal.dashboard.last_sale(subscription_id).id)
    await until(town, lambda: town.roles() == [])
    paypal.dashboard.win(dispute["dispute_id"])
    await until(town, lambda: town.roles() == ["Gold"])
    paypal.cancel_automatic_payment(subscription_id)
    await shown(town, "paid until")
    assert town.roles() == ["Gold"]
    assert {delivery.state for delivery in paypal.deliveries} <= {"dropped", "delivered"}
    assert await program.stop() == 0
    assert "Traceback" not in program.output
