"""An admin's decision about a brake that is on: take the roles after all, or keep them for now."""

from __future__ import annotations

from billing.errors import Conflict
from billing.model.texts import Text
from billing.ports import Ports

OVER = Text("error.brake_over")


async def release_brake(ports: Ports, guild_id: int, asked_at: int, by: int) -> int:
    """Let the roles go, and for a day all others that are to; how many members were waiting.

    `asked_at` names the question. Conflict when it is no longer the one that stands.
    """
    waiting = await ports.ledger.record_released(guild_id, asked_at, by, ports.now())
    if not waiting:
        raise Conflict(OVER)
    return waiting


async def keep_braked_roles(ports: Ports, guild_id: int, asked_at: int, by: int) -> int:
    """Leave the roles; when it is asked again. Conflict as in `release`."""
    again = await ports.ledger.record_kept(guild_id, asked_at, by, ports.now())
    if again is None:
        raise Conflict(OVER)
    return again
