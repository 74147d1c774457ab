"""The ledger port: what changed, as typed events in order."""

from __future__ import annotations

from typing import Protocol

from billing.model.outbox import OutboxEvent


class OutboxLedger(Protocol):
    """The outbox, which only grows.

    The `record_` methods of the other parts write it, each in the same transaction as the change; a
    repeated change that changes nothing writes nothing.
    """

    async def load_outbox(
        self, after: int, limit: int, guild_id: int | None = None, member_id: int | None = None
    ) -> list[OutboxEvent]:
        """Return up to `limit` events whose sequence is greater than `after`, oldest first.

        They are those of one server, of one of its members, or of all servers. A member needs a server.
        """

    async def load_newest_events(self, guild_id: int, member_id: int, limit: int) -> list[OutboxEvent]:
        """Return up to `limit` events of a member, newest first."""

    async def load_sequence_before(self, guild_id: int, at: int) -> int:
        """Return the sequence of the server's last event before `at` (unix seconds); 0 if there is none.

        From there, `load_outbox` reads everything since.
        """
