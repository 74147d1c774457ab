"""A member's receipt for cancelling or resuming a subscription."""

from __future__ import annotations

from typing import TypeAlias

from billing.model import Intent, IntentKind, IntentState, Status
from billing.rules.upcoming_charges import decide_charges
from billing.use_cases.execute_intent import why_held
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.reader import Audience
from cogs.views.subscription import SubscriptionView, back_button
from cogs.views.text import day, escaped, moment, reason_words
from i18n import tr

OwnPage: TypeAlias = "tuple[str, layout.Row | None]"

_HEADINGS = {
    (False, IntentState.DONE): "receipt.cancelled",
    (False, IntentState.PENDING): "receipt.not_cancelled_yet",
    (True, IntentState.DONE): "receipt.resumed",
    (True, IntentState.PENDING): "receipt.not_resumed_yet",
}


def receipt_card(
    intent: Intent, shown: SubscriptionView, audience: Audience, own: OwnPage = ("", None)
) -> layout.Card:
    """Return the receipt with its buttons.

    `own`: a text and a link to the provider's page, for anything that the bot could not do.
    """
    said, link = own
    colour = {IntentState.DONE: layout.GOOD, IntentState.PENDING: layout.WARN}.get(intent.state, layout.BAD)
    rows = [link, layout.row(back_button(shown))]
    return layout.note(receipt_text(intent, shown, audience, said), *rows, colour=colour)


def receipt_text(intent: Intent, shown: SubscriptionView, audience: Audience, own: str = "") -> str:
    """Return the text of a receipt. `own`: how the member can do it at the provider themselves."""
    resumes = intent.kind is IntentKind.RESUME
    failed = "receipt.not_resumed" if resumes else "receipt.not_cancelled"
    server = escaped(audience.server(shown.guild_id))
    said = [
        f"### {tr(_HEADINGS.get((resumes, intent.state), failed))}",
        tr("receipt.subscription", plan=escaped(shown.name), server=server),
    ]
    if intent.state is IntentState.DONE:
        said.append(_agreed(intent, shown, audience))
    elif intent.state is IntentState.PENDING:
        said.append(_waits(intent, shown))
    else:
        said.append(f"{shown.title}: {reason_words(intent.outcome)}")
    if own:
        said.append(tr("receipt.do_it_yourself", provider=shown.title, how=own))
    said.append(tr("receipt.number", id=intent.id, moment=moment(intent.created_at)))
    return "\n".join(said)


def _waits(intent: Intent, shown: SubscriptionView) -> str:
    if not shown.connected:
        return tr("receipt.not_connected", provider=shown.title)
    if why := why_held(intent):
        return tr("receipt.held", why=reason_words(why))
    return tr("receipt.waiting" if intent.attempts else "receipt.under_way", provider=shown.title)


def _agreed(intent: Intent, shown: SubscriptionView, audience: Audience) -> str:
    sub, not_again = shown.subscription, tr("sum.not_again")
    if intent.kind is IntentKind.RESUME:
        due = next((charge.at for charge in shown.sums.charges), sub.period_end)
        price = sums_words(sub, audience.locale, shown.sums.charges)
        return (
            tr("receipt.renews_on", day=day(due), price=price) if due else tr("receipt.renews", price=price)
        )
    if shown.right is None:
        return " ".join([tr("receipt.has_ended"), not_again, *stays(shown, audience, None)])
    if shown.right.until is None:
        held = audience.roles(shown.guild_id, shown.role_ids) or tr("receipt.your_access")
        kept = tr("receipt.keep_until_period_end", roles=held)
        return " ".join([not_again, kept, *others(shown, audience)])
    return " ".join([not_again, *stays(shown, audience, shown.right.until), _afterwards(shown)])


def _afterwards(shown: SubscriptionView) -> str:
    """Return a sentence that says whether the cancellation can be undone."""
    if shown.subscription.status is Status.ENDED:
        return tr("receipt.new_starts_later")
    return tr("receipt.can_resume" if shown.block is None else "receipt.stays_cancelled")


def stays(shown: SubscriptionView, audience: Audience, end: int | None) -> list[str]:
    """Return sentences about the access that the member keeps after this subscription stops.

    They name the roles that stay until `end` (unix seconds; None if the roles are removed now), the roles
    that other sources give after that, and the member's other subscriptions that continue.
    """
    beyond = shown.elsewhere.beyond(end)
    ending = [role for role in shown.role_ids if role not in beyond]
    said = []
    if end is not None and (ending or not beyond):
        held = audience.roles(shown.guild_id, ending) or tr("receipt.your_access")
        said.append(tr("receipt.keep_until", roles=held, day=day(end)))
    if beyond:
        said.append(tr("receipt.keep_after", roles=audience.roles(shown.guild_id, beyond)))
    return said + others(shown, audience)


def others(shown: SubscriptionView, audience: Audience) -> list[str]:
    """Return a sentence for each other subscription of the member that has the same roles and continues."""
    said = []
    for name, sub in shown.elsewhere.charging:
        due = decide_charges(sub)[0].at
        plan, price = escaped(name or sub.key.id, 60), sums_words(sub, audience.locale)
        if due:
            said.append(tr("receipt.other_next_on", plan=plan, price=price, day=day(due)))
        else:
            said.append(tr("receipt.other", plan=plan, price=price))
    return said
