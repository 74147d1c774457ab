"""Records an admin's decision about a brake that is on: remove the roles after all, or keep them for now."""

from __future__ import annotations

from billing.errors import Conflict
from billing.model.translatable_text import Text
from billing.ports import Ports

OVER = Text("error.brake_over")


async def release_brake(ports: Ports, guild_id: int, asked_at: int, by: int) -> int:
    """Release the held removals, and for one day all further ones; return how many members were waiting.

    `asked_at` identifies the question. Raises Conflict if it is no longer the current one.
    """
    waiting = await ports.ledger.record_released(guild_id, asked_at, by, ports.now())
    if not waiting:
        raise Conflict(OVER)
    return waiting


async def keep_braked_roles(ports: Ports, guild_id: int, asked_at: int, by: int) -> int:
    """Keep the roles, and return when admins are asked again, in unix seconds.

    `asked_at` identifies the question. Raises Conflict if it is no longer the current one.
    """
    again = await ports.ledger.record_kept(guild_id, asked_at, by, ports.now())
    if again is None:
        raise Conflict(OVER)
    return again
