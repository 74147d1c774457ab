"""The ledger port: plans, prices and server settings."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from billing.model import GuildSettings, Plan, Price
from billing.ports.records import PriceConflict


class PlanLedger(Protocol):
    """Plans, prices and server settings."""

    async def record_plan(self, plan: Plan, who: str, at: int) -> Plan:
        """Insert a plan (id 0) or replace it, and queue every member whom the change may affect.

        Returns the plan with its id. A price taken off sale becomes a former price.

        Raises Conflict if the server has no room for a further plan or price (see `load_plans`), or if
        another plan that is not removed has that name in the server, or has or had one of the prices: the
        price tells which plan was bought.
        """

    async def load_plan(self, plan_id: int) -> Plan | None:
        """Return the plan with this id, even if it was removed; None if there is none."""

    async def load_plans(self, guild_id: int, *, removed: bool = False) -> list[Plan]:
        """Return the plans of a server, in the order in which they were added.

        A server has at most 500 plans with 2,000 prices, including removed plans and former prices.
        """

    async def load_plans_of(self, prices: Collection[Price], after: int, limit: int) -> list[Plan]:
        """Return up to `limit` plans of all servers that sell one of these prices.

        A plan that names another price of the same product counts too, and so do removed plans. They are
        ordered by id, each with an id greater than `after`.
        """

    async def load_sold(self, prices: Collection[Price]) -> set[tuple[str, str, str]]:
        """Return the keys (`Price.key`) of the given prices for which `load_plans_of` would find a plan."""

    async def load_sellers(
        self, after: int, limit: int, at: tuple[str, str] | None = None, *, removed: bool = True
    ) -> list[int]:
        """Return up to `limit` ids of servers that sell plans, ordered, each greater than `after`.

        `at`: only servers with a price, current or former, at this provider and account. `removed`: include
        servers whose plans have all been removed.
        """

    async def load_price_conflicts(self, guild_id: int, limit: int) -> list[PriceConflict]:
        """Return up to `limit` prices that two plans of a server had in a ledger of an earlier version.

        Only those that the younger plan lost and has not replaced.
        """

    async def load_price(self, key: tuple[str, str, str]) -> Price | None:
        """Return the recorded data of a price that a plan names; None if no plan does.

        `key`: as in `Price.key`.
        """

    async def load_product_prices(
        self, provider: str, account: str, product_id: str, after: str, limit: int
    ) -> list[Price]:
        """Return up to `limit` prices of a product that plans name.

        They are ordered by id, each with an id greater than `after`.
        """

    async def load_prices_on_sale(self, provider: str, account: str, after: str, limit: int) -> list[Price]:
        """Return up to `limit` prices on sale, ordered by id, each with an id greater than `after`."""

    async def record_price(self, price: Price, /) -> None:
        """Record the provider's current data of a price that plans use."""

    async def load_guild_settings(self, guild_id: int) -> GuildSettings:
        """Return the server's settings, with defaults for those that were never set."""

    async def record_guild_settings(self, settings: GuildSettings, who: str, at: int) -> None:
        """Replace the server's settings."""
