"""The life of a subscription over real sockets: subscribe, look, manage, cancel, resume, end."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from receipt_signing import ReceiptSigner, ReceiptState
from tests.app.harness import MONTH, AppHarness, link_of, running


async def test_a_member_subscribes_looks_and_cancels(app: AppHarness) -> None:
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert reply.ephemeral
    assert reply.pings == []
    assert "€5.00 a month" in reply.text
    assert f"<@&{app.gold.id}>" in reply.text
    app.stripe.pay_checkout(link_of(reply))
    await app.settled()
    assert app.roles() == ["Gold"]
    look = await app.bob.run(app.guild, "subscriptions")
    assert "Renews on <t:" in look.text
    asked = await app.bob.run(app.guild, "cancel")
    done = await asked.press("Cancel subscription")
    await done.until(lambda r: "Receipt" in r.text)
    assert "Cancelled" in done.text
    assert [b.label for b in done.buttons] == ["Resume"]
    await app.settled()
    assert app.roles() == ["Gold"]
    note = await app.bob.dm_containing("Receipt")
    back = await note.press("Resume")
    assert "will renew on" in back.text
    await app.settled()
    again = await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")
    await again.until(lambda r: "Receipt" in r.text)
    await app.turn(MONTH)
    assert app.roles() == []


async def test_a_cancellation_hands_out_a_signed_receipt_as_a_readable_file(idle_app: AppHarness) -> None:
    idle_app.receipts = ReceiptSigner([b"k" * 32])
    async with running(idle_app):
        await idle_app.sell()
        await idle_app.buy()
        asked = await idle_app.bob.run(idle_app.guild, "cancel")
        await asked.press("Cancel subscription")
        ((name, content),) = (await idle_app.bob.dm_containing("Receipt")).files.items()
    text = content.decode()
    assert re.fullmatch(r"receipt-[0-9a-f]{16}\.txt", name)
    assert idle_app.receipts.check(text) is ReceiptState.GENUINE
    for said in ("Gold", "Pottery", "You won't be charged for it again.", "UTC"):
        assert said in text
    assert not re.search(r"<t:|\*\*|\\|^#", text, re.MULTILINE)


async def test_a_press_of_cancel_reads_the_subscription_once_before_and_once_after_it_acts(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.sell()
    await app.buy()
    asked = await app.bob.run(app.guild, "cancel")
    calls: list[tuple[asyncio.Task[object] | None, str]] = []

    def count(owner: Any, name: str) -> None:
        call = getattr(owner, name)

        async def counted(*args: Any) -> Any:
            calls.append((asyncio.current_task(), name))
            return await call(*args)

        monkeypatch.setattr(owner, name, counted)

    reads = ["load_subscription", "load_subscriptions_of", "load_with_member", "load_member_state"]
    for name in reads:
        count(app.ports.ledger, name)
    count(app.ports.providers["stripe"], "cancel_at_period_end")
    await asked.press("Cancel subscription")
    await app.bob.dm_containing("Receipt")
    (pressed,) = {task for task, name in calls if name == "cancel_at_period_end"}
    assert [name for task, name in calls if task is pressed] == [
        "load_with_member",
        "cancel_at_period_end",
        "load_with_member",
    ]
