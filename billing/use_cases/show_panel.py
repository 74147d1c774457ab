"""Shows the plans on sale on the public card of a server, which follows every change."""

from __future__ import annotations

from billing.model.panels import Panel
from billing.ports import Ports
from billing.use_cases.subscribe import load_sale
from billing.work_outcome import WorkOutcome


async def show_panel(ports: Ports, panel: Panel) -> WorkOutcome:
    """Edit the card so that it shows what is on sale now. Raises DiscordError if it should be tried again."""
    plans = await load_sale(ports, panel.guild_id)
    if not await ports.messenger.show_panel(panel, plans):
        await ports.ledger.record_panel_removed(panel)
        return WorkOutcome("gone")
    await ports.ledger.record_panel_shown(panel)
    return WorkOutcome("shown")
