"""Members' roles and messages in Discord, as the rules see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from billing.model import Notice, Plan, Seen
from billing.model.panels import Panel


class RoleGateway(Protocol):
    """Access to members' roles in Discord. Raises DiscordError and nothing else."""

    async def fetch_member(self, guild_id: int, member_id: int) -> Seen:
        """Return the member's current state. Raises MemberGone if they are not in the server."""

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        """Return the given members (at most 100) who are in the server, with their roles, by their ids.

        Uses the gateway connection, not a REST call, so a role created moments ago may be missing. Raises
        GuildGone if the bot is not in the server, and GuildOutage if Discord cannot currently serve it or the
        gateway connection for this server is down.
        """

    async def fetch_owners(self) -> frozenset[int]:
        """Return the Discord ids of the application's owner, or of the members of its team."""

    def is_in(self, guild_id: int) -> bool | None:
        """Return True if the gateway shows the bot in this server.

        Returns None if this is unknown, because the connection for this server is down.
        """

    async def apply_role(
        self, guild_id: int, member_id: int, role_id: int, *, give: bool, reason: str
    ) -> None:
        """Give or take one role.

        `reason` goes to the audit log, where codes of texts are replaced by their words.
        """


class Messenger(Protocol):
    """Delivers notices to people. Raises DiscordError and nothing else."""

    async def tell(self, notice: Notice) -> None:
        """Send a notice by DM to the member, or to the server's admins.

        Raises MessagesClosed if it cannot be delivered.
        """

    async def show_panel(self, panel: Panel, plans: Sequence[Plan]) -> bool:
        """Edit a server's public card so that it shows these plans. Return False if its message is gone."""
