"""The ledger port: public cards with a server's plans."""

from __future__ import annotations

from typing import Protocol

from billing.model.panels import Panel


class PanelLedger(Protocol):
    """Public cards with the plans of a server, at most one for each server."""

    async def record_panel(self, guild_id: int, channel_id: int, message_id: int, at: int) -> None:
        """Store the message that shows a server's card, replacing an earlier one.

        The message is edited once more afterwards.
        """

    async def load_panel(self, guild_id: int) -> Panel | None:
        """Return a server's card; None if it has none."""

    async def load_outdated_panels(self, at: int, limit: int) -> list[Panel]:
        """Return cards that do not show the latest plans and whose next attempt is due."""

    async def record_panel_shown(self, panel: Panel) -> None:
        """Record that the card shows this version. A change since then stays outdated."""

    async def record_panel_failed(self, panel: Panel, next_try_at: int) -> None:
        """Postpone the next attempt to edit the card. `next_try_at`: unix seconds UTC."""

    async def record_panel_removed(self, panel: Panel) -> None:
        """Forget a card whose message is gone, unless another message shows it by now."""
