"""Lets a member whose access was revoked ask the admins to reconsider, once for each decision."""

from __future__ import annotations

from billing.errors import Conflict
from billing.model import Asked, Notice
from billing.model.translatable_text import Text
from billing.ports import Ports


async def appeal(ports: Ports, guild_id: int, member_id: int, decision_id: str) -> bool:
    """Forward the request to the server's admins; return False if it was forwarded before.

    Raises Conflict if no revocation is in force.
    """
    rows = await ports.ledger.load_decision(decision_id)
    own = [row for row in rows if (row.guild_id, row.member_id) == (guild_id, member_id)]
    if not own:
        raise Conflict(Text("error.not_revoked"))
    notice = Notice(
        key=f"asked:{decision_id}",
        guild_id=guild_id,
        member_id=None,
        body=Asked(member_id, decision_id, own[0].reason),
        created_at=ports.now(),
    )
    return await ports.ledger.record_notice(notice)
