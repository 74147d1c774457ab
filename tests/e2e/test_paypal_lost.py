"""Nothing that PayPal tells arrives: the program's own comparison finds it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.harness import AppHarness
from tests.app.program_process import Program, is_ready, settings_of, until
from tests.e2e.paypal import buy, open_shop, paypal_of, shown

pytestmark = pytest.mark.paypal


async def test_sweeps_alone_keep_paypal_subscriptions_in_step(app: AppHarness, tmp_path: Path) -> None:
    program = Program(tmp_path, settings_of(app, SYNC_INTERVAL_MINUTES="0.02"))
    await program.start()
    await is_ready(app)
    await open_shop(app)
    paypal = paypal_of(app)
    paypal.delivery_faults.drop = 1_000_000
    subscription_id = await buy(app)
    paypal.dashboard.suspend(subscription_id)
    await shown(app, "Paused")
    assert app.roles() == ["Gold"]
    paypal.dashboard.activate(subscription_id)
    await shown(app, "Renews")
    dispute = paypal.dashboard.dispute(paypal.dashboard.last_sale(subscription_id).id)
    await until(app, lambda: app.roles() == [])
    paypal.dashboard.win(dispute["dispute_id"])
    await until(app, lambda: app.roles() == ["Gold"])
    paypal.cancel_automatic_payment(subscription_id)
    await shown(app, "keep your roles until")
    assert app.roles() == ["Gold"]
    assert {delivery.state for delivery in paypal.deliveries} <= {"dropped", "delivered"}
    assert await program.stop() == 0
    assert "Traceback" not in program.output
