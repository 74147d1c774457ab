"""The words about whose a subscription is."""

from __future__ import annotations

from billing.model import Notice, UnboundPayers
from billing.titles import title_of
from billing.use_cases.nobodys import NOBODYS_CURE, nobodys_words
from cogs.replies import escaped
from cogs.shown import Place

# Nobody reads that nothing is charged: the bot may only not know of it.
NONE_KNOWN = (
    "The bot knows of no running subscription of yours. If you pay for one all the same, ask the server's "
    "admins to link it to you: they can with /members link. /subscribe shows what is on sale."
)


def unbound(notice: Notice, body: UnboundPayers, place: Place) -> str:
    """Somebody pays, and gets nothing for it."""
    return (
        f"### Unknown payers in {escaped(place.server(notice.guild_id))}\n"
        f"{nobodys_words(body.many, title_of(body.provider))} They may be from before the bot, or bought in "
        f"another way.\n{NOBODYS_CURE} /doctor shows how many are left."
    )
