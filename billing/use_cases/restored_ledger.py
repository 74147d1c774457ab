"""Detects a ledger with outdated contents, and distrusts these until the providers confirm them.

The ledger was restored from a backup, or nothing has been written to it for a long time. Acting on its
contents would give roles to members whose subscription has ended since, and take them from members who have
paid.
"""

from __future__ import annotations

import logging

from billing.model import LedgerRestored, Notice
from billing.ports import Ports
from billing.use_cases.selling_servers import every_seller

log = logging.getLogger(__name__)

LEAST = 600  # seconds; a ledger written to more recently is never outdated

# Why a ledger is outdated: put back from a backup; copied from elsewhere, or replaced by an earlier copy; not
# written to for long.
WHY = ("restored", "count", "age")


async def begin(ports: Ports, sync_interval: float) -> None:
    """Put the ledger's contents on hold if they are outdated; to be called before any other work.

    If the ledger was restored from a backup, the admins are notified. `sync_interval`: seconds between two
    sweeps.
    """
    now = ports.now()
    why = await _why_older(ports, sync_interval, now)
    written = int(await ports.ledger.load_value("written") or 0)
    homes = [(provider.name, provider.account) for provider in ports.providers.values()]
    copied = why in ("restored", "count")
    await ports.ledger.record_started(homes, now, older=bool(why), copied=copied)
    held = (await ports.ledger.load_health(now)).unasked
    if why:
        log.warning(
            "The ledger is outdated (%s). %d subscriptions are on hold until their provider was asked",
            why,
            held,
        )
    if copied:
        async for guild_id in every_seller(ports.ledger):
            body = LedgerRestored(written or None)
            await ports.ledger.record_notice(Notice(f"restored:{guild_id}:{now}", guild_id, None, body, now))


async def _why_older(ports: Ports, sync_interval: float, now: int) -> str:
    marked = await ports.ledger.load_value("older")
    if marked:
        return marked if marked in WHY else "restored"
    written = int(await ports.ledger.load_value("written") or 0)
    return "age" if written and now - written > max(2 * sync_interval, LEAST) else ""
