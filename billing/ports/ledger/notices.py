"""The ledger: notices, history and small facts."""

from __future__ import annotations

from typing import Protocol

from billing.model import Change, Notice
from billing.ports.records import Health


class NoticeLedger(Protocol):
    """Notices, history and small facts."""

    async def record_notice(self, notice: Notice, /) -> bool:
        """To be told once; False when its key is known. One with roles takes the place of the same one
        without them while that waits."""

    async def load_notices(self, at: int, limit: int) -> list[Notice]:
        """Not told yet and due. A fresh one to a member whose roles are being reconciled waits for them, as
        the two are told together."""

    async def load_waiting_news(self, guild_id: int, member_id: int) -> list[Notice]:
        """What this member is to be told, oldest first, and can be told roles with."""

    async def load_notice(self, key: str) -> Notice | None:
        """Also one that was told already."""

    async def record_told(self, key: str, at: int, *, delivered: bool) -> None:
        """Told; or, where `delivered` is false, not to be had by message: shown at the next command."""

    async def record_notice_failed(self, key: str, next_try_at: int) -> None:
        """Keep it for another try."""

    async def load_untold(self, member_id: int, at: int) -> list[Notice]:
        """Notices that could not be delivered by message; they count as told from now on."""

    async def load_untold_to_admins(self, guild_id: int, at: int, limit: int) -> list[Notice]:
        """The oldest of those that a server's admins could not be told; they count as told from now on."""

    async def record_locale(self, user_id: int, locale: str) -> None:
        """Keep the locale, such as 'de' or 'en-US', in which this person last used Discord: notices to them
        are written in its language. Writes nothing while it stays the same."""

    async def load_locale(self, user_id: int) -> str | None:
        """The locale in which this person last used Discord; None for somebody who never used the bot."""

    async def load_history(self, guild_id: int, member_id: int, limit: int) -> list[Change]:
        """Newest first."""

    async def load_value(self, name: str) -> str | None:
        """A small fact kept by name."""

    async def record_value(self, name: str, value: str) -> None:
        """Keep a small fact by name."""

    async def load_health(self, at: int) -> Health:
        """For /readyz and /metrics. LedgerUnavailable, too, while it can be read and not written."""
