"""Shows the plans on sale on a server's public card, which is updated after every change."""

from __future__ import annotations

from billing.model.panels import Panel
from billing.ports import Ports
from billing.use_cases.subscribe import load_sale
from billing.work_outcome import WorkOutcome


async def show_panel(ports: Ports, panel: Panel) -> WorkOutcome:
    """Edit the card so that it shows the plans on sale now; if the card is gone, record that.

    Raises DiscordError if the edit should be tried again.
    """
    plans = await load_sale(ports, panel.guild_id)
    if not await ports.messenger.show_panel(panel, plans):
        await ports.ledger.record_panel_removed(panel)
        return WorkOutcome("gone")
    await ports.ledger.record_panel_shown(panel)
    return WorkOutcome("shown")
