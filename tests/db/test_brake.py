"""The ledger's file shows the brake's history."""

from __future__ import annotations

import sqlite3

from billing.model import Binding
from billing.rules.brake import RELEASED
from db import SqliteLedger
from tests.contract.ledger.nouns import ADMIN, GUILD


async def test_history_names_when_the_brake_applied_and_who_decided_what(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await ledger.record_queued_members([Binding(GUILD, n) for n in range(8)], "sweep", 10)
    for member in range(8):
        await ledger.record_taking(GUILD, member, 10)
    await ledger.record_kept(GUILD, 10, ADMIN, 11)
    await ledger.record_released(GUILD, 10, ADMIN, 12)
    rows = beside.execute(
        "SELECT at, who, why, before, after FROM history WHERE subject = 'brake'"
    ).fetchall()
    waiting = "decided by an admin, 3 members waiting"
    assert rows == [
        (10, "converge", "5 of 5 members within 3600 s", "off", "on"),
        (11, str(ADMIN), waiting, "on", "on"),
        (12, str(ADMIN), waiting, "on", f"off until={12 + RELEASED}"),
    ]
