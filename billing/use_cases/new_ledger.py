"""A ledger that was made because there was none, while members pay for what was sold before it.

A volume may be missing, or the bot was started in another folder. Until each of those subscriptions has a
member and a plan here, or an admin says that the ledger is right, it is not well.
"""

from __future__ import annotations

import json

from billing.model import LedgerNew, Notice
from billing.ports import Ports

LACKS = "lacks"  # in the ledger, by name: JSON, how many by server


def _answered(guild_id: int) -> str:
    return f"new ledger answered {guild_id}"


async def look_for_lacks(ports: Ports) -> None:
    """After a round over the providers: what they show was sold before this ledger was made."""
    made = int(await ports.ledger.load_value("made") or 0)
    if not made:
        return
    found = {
        guild_id: many
        for guild_id, many in (await ports.ledger.load_sold_before(made)).items()
        if ports.roles.is_in(guild_id) and not await ports.ledger.load_value(_answered(guild_id))
    }
    await ports.ledger.record_value(LACKS, json.dumps(found))
    for guild_id, many in found.items():
        notice = Notice(f"ledger_new:{guild_id}:{made}", guild_id, None, LedgerNew(many), ports.now())
        await ports.ledger.record_notice(notice)


async def load_lacks(ports: Ports, guild_id: int) -> int:
    """How many running subscriptions of a server this ledger lacks, as far as the last round showed."""
    found = json.loads(await ports.ledger.load_value(LACKS) or "{}")
    return int(found.get(str(guild_id), 0))


async def answer_new_ledger(ports: Ports, guild_id: int, by: int) -> None:
    """An admin says that the ledger is right as it is."""
    await ports.ledger.record_value(_answered(guild_id), str(by))
    await look_for_lacks(ports)
