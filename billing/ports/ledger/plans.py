"""The ledger: plans, prices and servers' settings."""

from __future__ import annotations

from typing import Protocol

from billing.model import GuildSettings, Plan, Price


class PlanLedger(Protocol):
    """Plans, prices and servers' settings."""

    async def record_plan(self, plan: Plan, who: str, at: int) -> Plan:
        """Insert (id 0) or replace; marks every member that the change may concern. Conflict when a plan
        on sale there has that name already. A price taken off sale becomes a former price."""

    async def load_plan(self, plan_id: int) -> Plan | None:
        """Removed ones too."""

    async def load_plans(self, guild_id: int | None, *, removed: bool = False) -> list[Plan]:
        """Of a server (None: all servers), in the order they were added."""

    async def record_price(self, price: Price, /) -> None:
        """What the provider now says about a price that plans name."""

    async def load_guild_settings(self, guild_id: int) -> GuildSettings:
        """Defaults where nothing was chosen."""

    async def record_guild_settings(self, settings: GuildSettings, who: str, at: int) -> None:
        """Replace what was chosen."""
