"""The ledger port: notices, history and named values."""

from __future__ import annotations

from typing import Protocol

from billing.model import Change, Notice
from billing.ports.records import Health


class NoticeLedger(Protocol):
    """Notices, the history, and named values."""

    async def record_notice(self, notice: Notice, /) -> bool:
        """Store a notice to be sent once. Return False if its key is already known.

        A notice that can name roles replaces a waiting one with the same key that cannot.
        """

    async def load_notices(self, at: int, limit: int) -> list[Notice]:
        """Return up to `limit` notices that are due and not yet sent.

        A new notice to a member whose roles are being reconciled is held back until that is done, so that one
        message covers both.
        """

    async def load_waiting_news(self, guild_id: int, member_id: int) -> list[Notice]:
        """Return the unsent notices to this member that can also name roles, oldest first."""

    async def load_notice(self, key: str) -> Notice | None:
        """Return the notice with this key, sent or not; None if there is none."""

    async def record_told(self, key: str, at: int, *, delivered: bool) -> None:
        """Record that a notice was sent.

        Not `delivered`: the person accepts no messages, so their next command shows it.
        """

    async def record_notice_failed(self, key: str, next_try_at: int) -> None:
        """Record that sending a notice failed; it is tried again at `next_try_at` (unix seconds)."""

    async def load_untold(self, member_id: int, at: int) -> list[Notice]:
        """Return the notices that could not be sent to this member, and mark them as sent."""

    async def load_untold_to_admins(self, guild_id: int, at: int, limit: int) -> list[Notice]:
        """Return up to `limit` notices that could not be sent to a server's admins, oldest first.

        Marks them as sent.
        """

    async def record_locale(self, user_id: int, locale: str) -> None:
        """Store the locale ('de', 'en-US') in which this person last used Discord.

        Notices to them use its language. Writes nothing while it stays the same.
        """

    async def load_locale(self, user_id: int) -> str | None:
        """Return the locale in which this person last used Discord; None if they have never used the bot."""

    async def load_history(self, guild_id: int, member_id: int, limit: int) -> list[Change]:
        """Return up to `limit` changes of this member's access and subscriptions, newest first."""

    async def load_value(self, name: str) -> str | None:
        """Return the value stored under this name; None if there is none."""

    async def record_value(self, name: str, value: str) -> None:
        """Store a value under this name, replacing an earlier one."""

    async def load_health(self, at: int) -> Health:
        """Return the state of the ledger for /readyz and /metrics.

        Also raises LedgerUnavailable if the ledger can be read but not written.
        """
