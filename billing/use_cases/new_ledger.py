"""Detects a ledger that was created because none was found, while members pay for older subscriptions.

A volume may be missing, or the bot was started in another folder. /readyz reports a fault until each of those
subscriptions has a member and a plan, or an admin confirms that the ledger is right.
"""

from __future__ import annotations

import json

from billing.model import LedgerNew, Notice
from billing.ports import Ports

SERVERS = 1_000  # servers that are reported; far fewer lack anything if the ledger is the right one
LACKS = "lacks"  # name of a value in the ledger: JSON, number of subscriptions by server


def _answered(guild_id: int) -> str:
    return f"new ledger answered {guild_id}"


async def look_for_lacks(ports: Ports) -> None:
    """After a sweep, record and report how many active subscriptions are older than this ledger.

    A server counts even if it is not known right now whether the bot is in it, but is notified only by a
    later sweep.
    """
    made = int(await ports.ledger.load_value("made") or 0)
    if not made:
        return
    found = {
        guild_id: many
        for guild_id, many in (await ports.ledger.load_sold_before(made, SERVERS)).items()
        if ports.roles.is_in(guild_id) is not False and not await ports.ledger.load_value(_answered(guild_id))
    }
    await ports.ledger.record_value(LACKS, json.dumps(found))
    for guild_id, many in found.items():
        if not ports.roles.is_in(guild_id):
            continue
        notice = Notice(f"ledger_new:{guild_id}:{made}", guild_id, None, LedgerNew(many), ports.now())
        await ports.ledger.record_notice(notice)


async def load_lacks(ports: Ports, guild_id: int) -> int:
    """Return how many of a server's active subscriptions the last sweep found missing from this ledger."""
    found = json.loads(await ports.ledger.load_value(LACKS) or "{}")
    return int(found.get(str(guild_id), 0))


async def answer_new_ledger(ports: Ports, guild_id: int, by: int) -> None:
    """Record that an admin confirms the ledger as it is."""
    await ports.ledger.record_value(_answered(guild_id), str(by))
    await look_for_lacks(ports)
