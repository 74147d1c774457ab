"""The ledger port: notices, history and named values."""

from __future__ import annotations

from typing import Protocol

from billing.model import Change, Notice
from billing.ports.records import Health


class NoticeLedger(Protocol):
    """Notices, the history, and named values."""

    async def record_notice(self, notice: Notice, /) -> bool:
        """Store a notice to be sent once; returns False if its key is already known.

        A notice that can name roles replaces a waiting one with the same key that cannot.
        """

    async def load_notices(self, at: int, limit: int) -> list[Notice]:
        """Notices that are due and not yet sent.

        A new notice to a member whose roles are being reconciled is held back until that is done, so that
        one message covers both.
        """

    async def load_waiting_news(self, guild_id: int, member_id: int) -> list[Notice]:
        """Unsent notices to this member that can also name roles, oldest first."""

    async def load_notice(self, key: str) -> Notice | None:
        """The notice with this key, sent or not; None if there is none."""

    async def record_told(self, key: str, at: int, *, delivered: bool) -> None:
        """Record that a notice was sent.

        Not `delivered`: the person takes no messages, and their next command shows it.
        """

    async def record_notice_failed(self, key: str, next_try_at: int) -> None:
        """Record that sending failed; it is tried again at `next_try_at`."""

    async def load_untold(self, member_id: int, at: int) -> list[Notice]:
        """Notices that could not be sent to this member as messages; from now on they count as sent."""

    async def load_untold_to_admins(self, guild_id: int, at: int, limit: int) -> list[Notice]:
        """The oldest notices that could not be delivered to a server's admins; from now on they count as
        sent."""

    async def record_locale(self, user_id: int, locale: str) -> None:
        """Store the locale ('de', 'en-US') in which this person last used Discord; notices to them use its
        language. Writes nothing while it stays the same."""

    async def load_locale(self, user_id: int) -> str | None:
        """The locale in which this person last used Discord; None if they have never used the bot."""

    async def load_history(self, guild_id: int, member_id: int, limit: int) -> list[Change]:
        """Changes of this member's access and subscriptions, newest first."""

    async def load_value(self, name: str) -> str | None:
        """The value stored under this name; None if there is none."""

    async def record_value(self, name: str, value: str) -> None:
        """Store a value under this name."""

    async def load_health(self, at: int) -> Health:
        """The state of the ledger for /readyz and /metrics.

        Also raises LedgerUnavailable if the ledger can be read but not written.
        """
