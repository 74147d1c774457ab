"""What an admin decides while the brake is on, as a card with two buttons."""

from __future__ import annotations

from billing.ports import Ports
from billing.rules.brake import Brake, allowed
from cogs.views import layout
from cogs.views.text import moment


async def brake_card(ports: Ports, guild_id: int) -> layout.Card | None:
    """What is to be decided, as it stands now; None where the brake is off."""
    brake = await ports.ledger.load_brake(guild_id)
    if brake is None:
        return None
    rest = f"{guild_id}:{brake.asked_at}"
    buttons = layout.row(
        layout.button("Take the roles", "braketake", 0, rest, style=layout.Style.danger),
        layout.button("Keep them for now", "brakekeep", 0, rest),
    )
    return layout.note(_text(brake), buttons, colour=layout.WARN)


def _text(brake: Brake) -> str:
    return (
        f"### Roles stay until you decide\n{moment(brake.since)}: within an hour {brake.taken} of "
        f"{brake.holders} members lost roles that were no longer paid for; **{brake.braked} more** would "
        f"follow. More than {allowed(brake.holders)} at once may be a mistake, at the provider or in a plan, "
        "so the bot takes no roles for now. It goes on giving them, and revocations are carried out.\n"
        "Look at the subscriptions in the provider's dashboard. If they have really ended, take the roles; "
        "if not, keep them: whoever turns out to be paying drops out of this by themselves."
    )
