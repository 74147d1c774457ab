"""Members' roles and messages in Discord, as the rules see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from billing.model import Notice, Seen


class RoleGateway(Protocol):
    """One member's roles in Discord. Raises DiscordError and nothing else."""

    async def fetch_member(self, guild_id: int, member_id: int) -> Seen:
        """The member as they are now; MemberGone when not in the server."""

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        """Those of up to 100 members who are in the server, told over the connection that is open anyway; a
        role that was made just now may be missing. GuildGone where the bot is not there, GuildOutage where
        Discord has no such server just now."""

    async def fetch_owners(self) -> frozenset[int]:
        """The Discord ids of the application's owner, or of its team."""

    def is_in(self, guild_id: int) -> bool:
        """Whether the bot is in that server, as far as the connection has told."""

    async def apply_role(
        self, guild_id: int, member_id: int, role_id: int, *, give: bool, reason: str
    ) -> None:
        """Give or take one role; the reason goes to the server's audit log."""


class Messenger(Protocol):
    """Tells people things. Raises DiscordError and nothing else."""

    async def tell(self, notice: Notice) -> None:
        """By DM to the member, or to the server's admins; MessagesClosed where it cannot be had."""
