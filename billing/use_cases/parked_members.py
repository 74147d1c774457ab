"""Reads the members whose roles could not be set from the ledger, and queues them to try again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from billing.model import Binding
from billing.model.translatable_text import Reasons
from billing.paging import AT_ONCE, every
from billing.ports import Ledger, Ports


def every_parked(ledger: Ledger, guild_id: int) -> AsyncIterator[tuple[int, Reasons]]:
    """Yield the ids of all members of a server whose roles could not be set, in order, with the reasons."""
    return every(partial(ledger.load_parked, guild_id), 0, _id_of)


def _id_of(parked: tuple[int, Reasons]) -> int:
    return parked[0]


async def queue_parked(ports: Ports, guild_id: int, why: str, *, but: Reasons | None = None) -> int:
    """Queue the members of a server whose roles could not be set, to try again; return how many.

    `but`: leave out members with exactly these reasons.
    """
    many, group = 0, list[Binding]()
    async for member_id, reasons in every_parked(ports.ledger, guild_id):
        if reasons != but:
            group.append(Binding(guild_id, member_id))
        if len(group) == AT_ONCE:
            await ports.ledger.record_queued_members(group, why, ports.now())
            many, group = many + len(group), []
    if group:
        await ports.ledger.record_queued_members(group, why, ports.now())
    return many + len(group)
