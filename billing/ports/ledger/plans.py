"""The ledger port: plans, prices and server settings."""

from __future__ import annotations

from typing import Protocol

from billing.model import GuildSettings, Plan, Price


class PlanLedger(Protocol):
    """Plans, prices and server settings."""

    async def record_plan(self, plan: Plan, who: str, at: int) -> Plan:
        """Insert a plan (id 0) or replace it, and queue every member whom the change may affect. Conflict if
        a plan on sale in the server already has that name. A price taken off sale becomes a former price."""

    async def load_plan(self, plan_id: int) -> Plan | None:
        """The plan with this id, even if removed; None if there is none."""

    async def load_plans(self, guild_id: int | None, *, removed: bool = False) -> list[Plan]:
        """The plans of a server (None: of all servers), in the order in which they were added."""

    async def record_price(self, price: Price, /) -> None:
        """Record the provider's current data of a price that plans use."""

    async def load_guild_settings(self, guild_id: int) -> GuildSettings:
        """The server's settings, with defaults for those that were never set."""

    async def record_guild_settings(self, settings: GuildSettings, who: str, at: int) -> None:
        """Replace the server's settings."""
