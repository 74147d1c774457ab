"""The texts of notices about subscriptions that belong to no known member."""

from __future__ import annotations

from billing.model import Linked, Notice, PayerProposed, UnboundPayers
from billing.provider_names import display_name
from cogs.core.components import ID_LIMIT
from cogs.core.subscription_keys import key_text
from cogs.views import layout
from cogs.views.layout import titled
from cogs.views.reader import Audience
from cogs.views.subscription import SubscriptionView, describe
from cogs.views.text import escaped
from i18n import tr


def unbound(notice: Notice, body: UnboundPayers, audience: Audience) -> str:
    """Return the notice to the admins that subscriptions are paid for but give no member anything."""
    server, provider = escaped(audience.server(notice.guild_id)), display_name(body.provider)
    return titled(
        tr("notice.unbound_title", server=server),
        f"{tr('finding.nobodys', n=body.many, provider=provider)} {tr('notice.unbound_why')}",
        f"{tr('finding.nobodys_cure')} {tr('notice.unbound_doctor')}",
    )


def proposed(body: PayerProposed) -> str:
    """Return the notice that asks the admins whether a subscription belongs to a certain member."""
    said = tr(
        "notice.proposed",
        plan=f"**{escaped(body.plan)}**",
        id=f"`{body.subscription.id}`",
        provider=display_name(body.subscription.provider),
        member=f"<@{body.member}>",
    )
    return titled(tr("notice.proposed_title", member=f"<@{body.member}>"), said)


def link_button(guild_id: int, body: PayerProposed) -> layout.Row | None:
    """Return the button with which an admin links the subscription to the proposed member.

    None if the subscription's id is too long for a button.
    """
    rest = f"{guild_id}:{body.member}:{key_text(body.subscription)}"
    if len(f"dues:linkthis:0:{rest}") > ID_LIMIT:
        return None
    return layout.row(layout.button(tr("button.link_subscription"), "linkthis", 0, rest))


def linked(notice: Notice, body: Linked, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the notice that tells the member why they now have roles."""
    server = f"**{escaped(audience.server(notice.guild_id))}**"
    theirs = shown is not None and shown.binding.member_id == notice.member_id
    return titled(
        tr("notice.linked_title", plan=escaped(body.plan)),
        tr("notice.linked", server=server),
        describe(shown, audience) if shown and theirs else "",
    )
