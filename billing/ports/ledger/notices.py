"""The ledger: notices, history and small facts."""

from __future__ import annotations

from typing import Protocol

from billing.model import Change, Notice
from billing.ports.records import Health


class NoticeLedger(Protocol):
    """Notices, history and small facts."""

    async def record_notice(self, notice: Notice, /) -> bool:
        """Keep a notice to be sent once; False if its key is already known. A notice with roles replaces the
        waiting one of the same key without them."""

    async def load_notices(self, at: int, limit: int) -> list[Notice]:
        """Notices that are due and not sent yet. A new one to a member whose roles are being reconciled is
        held back until then, so that one message tells of both."""

    async def load_waiting_news(self, guild_id: int, member_id: int) -> list[Notice]:
        """Unsent notices to this member that can also name roles, oldest first."""

    async def load_notice(self, key: str) -> Notice | None:
        """The notice of that key, sent or not; None if there is none."""

    async def record_told(self, key: str, at: int, *, delivered: bool) -> None:
        """The notice was sent; or, if not `delivered`, the person takes no messages, and their next command
        shows it."""

    async def record_notice_failed(self, key: str, next_try_at: int) -> None:
        """Sending failed; try again at that moment."""

    async def load_untold(self, member_id: int, at: int) -> list[Notice]:
        """Notices that could not be delivered to this member by message; from now on they count as sent."""

    async def load_untold_to_admins(self, guild_id: int, at: int, limit: int) -> list[Notice]:
        """The oldest notices that could not be delivered to a server's admins; from now on they count as
        sent."""

    async def record_locale(self, user_id: int, locale: str) -> None:
        """Keep the locale, such as 'de' or 'en-US', in which this person last used Discord: notices to them
        are written in its language. Writes nothing while it stays the same."""

    async def load_locale(self, user_id: int) -> str | None:
        """The locale in which this person last used Discord; None for somebody who never used the bot."""

    async def load_history(self, guild_id: int, member_id: int, limit: int) -> list[Change]:
        """Changes of this member's access and subscriptions, newest first."""

    async def load_value(self, name: str) -> str | None:
        """A small fact kept by name."""

    async def record_value(self, name: str, value: str) -> None:
        """Keep a small fact by name."""

    async def load_health(self, at: int) -> Health:
        """For /readyz and /metrics. LedgerUnavailable, too, while it can be read and not written."""
