"""The card on which an admin decides about an active brake."""

from __future__ import annotations

from billing.ports import Ports
from billing.rules.brake import Brake, allowed
from cogs.views import layout
from cogs.views.text import moment
from i18n import tr


async def brake_card(ports: Ports, guild_id: int) -> layout.Card | None:
    """Return the card with the current question and its two buttons; None if the brake is off."""
    brake = await ports.ledger.load_brake(guild_id)
    if brake is None:
        return None
    rest = f"{guild_id}:{brake.asked_at}"
    buttons = layout.row(
        layout.button(tr("button.take_roles"), "braketake", 0, rest, style=layout.Style.danger),
        layout.button(tr("button.keep_roles"), "brakekeep", 0, rest),
    )
    return layout.note(_text(brake), buttons, colour=layout.WARN)


def _text(brake: Brake) -> str:
    return tr(
        "brake.question",
        moment=moment(brake.since),
        taken=brake.taken,
        holders=brake.holders,
        braked=brake.braked,
        allowed=allowed(brake.holders),
    )
