"""Members' roles and messages in Discord, as the rules see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from billing.model import Notice, Plan, Seen
from billing.model.panels import Panel


class RoleGateway(Protocol):
    """One member's roles in Discord. Raises DiscordError and nothing else."""

    async def fetch_member(self, guild_id: int, member_id: int) -> Seen:
        """The member's current state; raises MemberGone if they are not in the server."""

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        """Return those of the given members (at most 100) who are in the server, with their roles.

        Uses the gateway connection, not a REST call; a role created moments ago may be missing. Raises
        GuildGone if the bot is not in the server, GuildOutage if Discord cannot currently serve it, or if of
        several connections the one for this server is down."""

    async def fetch_owners(self) -> frozenset[int]:
        """The Discord ids of the application's owner, or of its team."""

    def is_in(self, guild_id: int) -> bool | None:
        """Whether the bot is in this server, according to the gateway; None if nobody can tell, because the
        connection for this server is down."""

    async def apply_role(
        self, guild_id: int, member_id: int, role_id: int, *, give: bool, reason: str
    ) -> None:
        """Give or take one role. `reason` goes to the audit log; codes of texts in it become words."""


class Messenger(Protocol):
    """Delivers notices to people. Raises DiscordError and nothing else."""

    async def tell(self, notice: Notice) -> None:
        """Send a notice by DM to the member or to the server's admins; MessagesClosed if it cannot be
        delivered."""

    async def show_panel(self, panel: Panel, plans: Sequence[Plan]) -> bool:
        """Edit a server's public card so that it shows these plans. Returns False if its message is gone."""
