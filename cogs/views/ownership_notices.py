"""The words about whose a subscription is."""

from __future__ import annotations

from billing.model import Linked, Notice, PayerProposed, UnboundPayers
from billing.provider_names import display_name
from billing.use_cases.unowned_subscriptions import NOBODYS_CURE, nobodys_words
from cogs.core.components import ID_LIMIT
from cogs.core.keys import key_text
from cogs.views import layout
from cogs.views.audience import Audience
from cogs.views.subscription import SubscriptionView, describe
from cogs.views.text import escaped


def unbound(notice: Notice, body: UnboundPayers, place: Audience) -> str:
    """Somebody pays, and gets nothing for it."""
    return (
        f"### Unknown payers in {escaped(place.server(notice.guild_id))}\n"
        f"{nobodys_words(body.many, display_name(body.provider))} They may be from before the bot, or bought "
        f"in another way.\n{NOBODYS_CURE} /doctor shows how many are left."
    )


def proposed(body: PayerProposed) -> str:
    """An admin decides."""
    title = display_name(body.subscription.provider)
    return (
        f"### Is this <@{body.member}>'s subscription?\n"
        f"Somebody pays for **{escaped(body.plan)}** with `{body.subscription.id}`, and it gives nobody a "
        f"role. {title} has <@{body.member}>'s Discord id on it, but that is no proof. If you know that it "
        "is theirs, link it."
    )


def link_button(guild_id: int, body: PayerProposed) -> layout.Row | None:
    """The admin's yes; None where its subscription's id is too long for a button."""
    rest = f"{guild_id}:{body.member}:{key_text(body.subscription)}"
    if len(f"dues:linkthis:0:{rest}") > ID_LIMIT:
        return None
    return layout.row(layout.button("Link it", "linkthis", 0, rest))


def linked(notice: Notice, body: Linked, shown: SubscriptionView | None, place: Audience) -> str:
    """The member hears why they have roles."""
    where = f"**{escaped(place.server(notice.guild_id))}**"
    head = f"### You have {escaped(body.plan)}\nAn admin of {where} linked a running subscription to you."
    theirs = shown is not None and shown.binding.member_id == notice.member_id
    return f"{head}\n{describe(shown, place)}" if shown and theirs else head
