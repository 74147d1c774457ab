"""What a member is handed for a cancellation or its undoing."""

from __future__ import annotations

from typing import TypeAlias

from billing.model import Intent, IntentKind, IntentState, Status
from billing.rules.charges import decide_charges
from billing.use_cases.execute_intent import why_held
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.subscription import Audience, SubscriptionView, back_button
from cogs.views.text import NOT_AGAIN, day, escaped, moment

OwnPage: TypeAlias = "tuple[str, layout.Row | None]"

WAITING = (
    "is not answering just now. Your wish is kept and carried out as soon as it answers; you will hear from "
    "the bot. You need not do anything."
)
HELD = "Your wish is kept and carried out as soon as that is mended; you will hear from the bot."
UNDER_WAY = (
    "is being asked at this moment: you have pressed that before. The answer comes there, and /subscriptions "
    "shows how it stands."
)
OFF = (
    "is not connected to this bot just now, so nothing has changed there. Your wish is kept until it is, but "
    "do not wait for that: tell the server's admins, who can do it there."
)


def receipt_card(
    intent: Intent, shown: SubscriptionView, place: Audience, own: OwnPage = ("", None)
) -> layout.Card:
    """What was wished, what came of it, and the way back while there is one. `own`: the provider's own page,
    where the bot could not do it."""
    said, link = own
    colour = {IntentState.DONE: layout.GOOD, IntentState.PENDING: layout.WARN}.get(intent.state, layout.BAD)
    rows = [link, layout.row(back_button(shown))]
    return layout.note(receipt_text(intent, shown, place, said), *rows, colour=colour)


def receipt_text(intent: Intent, shown: SubscriptionView, place: Audience, own: str = "") -> str:
    """The receipt's words. `own`: what to say of the provider's own page."""
    where = f"{escaped(shown.name)} in **{escaped(place.server(shown.guild_id))}**"
    if intent.state is IntentState.DONE:
        said = [f"### {_done(intent)}", where, _agreed(intent, shown, place)]
    elif intent.state is IntentState.PENDING:
        said = [f"### Not {_wished(intent)} yet", where, _waits(intent, shown)]
    else:
        said = [f"### Not {_wished(intent)}", where, f"{shown.title}: {escaped(intent.outcome, 300)}"]
    if own:
        said.append(f"**You can do it at {shown.title} yourself.** {own}")
    said.append(f"Receipt `{intent.id}`, {moment(intent.created_at)}")
    return "\n".join(said)


def _waits(intent: Intent, shown: SubscriptionView) -> str:
    if not shown.connected:
        return f"{shown.title} {OFF}"
    if why := why_held(intent):
        return f"{escaped(why, 300)} {HELD}"
    return f"{shown.title} {WAITING if intent.attempts else UNDER_WAY}"


def _done(intent: Intent) -> str:
    return "Resumed" if intent.kind is IntentKind.RESUME else "Cancelled"


def _wished(intent: Intent) -> str:
    return "resumed" if intent.kind is IntentKind.RESUME else "cancelled"


def _agreed(intent: Intent, shown: SubscriptionView, place: Audience) -> str:
    sub = shown.subscription
    if intent.kind is IntentKind.RESUME:
        due = next((charge.at for charge in shown.sums.charges), sub.period_end)
        again = f"It renews on {day(due)} again" if due else "It renews again"
        return f"{again}: {sums_words(sub, place.locale, shown.sums.charges)}."
    if shown.right is None:
        return " ".join(["It has ended.", NOT_AGAIN, *stays(shown, place, None)])
    if shown.right.until is None:
        held = place.roles(shown.guild_id, shown.role_ids) or "your access"
        return " ".join(
            [NOT_AGAIN, f"You keep {held} until the end of the paid period.", *others(shown, place)]
        )
    kept = [NOT_AGAIN, *stays(shown, place, shown.right.until)]
    if sub.status is Status.ENDED:
        return " ".join([*kept, "If you subscribe again, that starts when the paid time ends."])
    if shown.block is not None:
        return " ".join([*kept, "It stays cancelled even if the admins take their revocation back."])
    return " ".join([*kept, "Until it ends you can resume it."])


def stays(shown: SubscriptionView, place: Audience, end: int | None) -> list[str]:
    """Which roles stay until `end` (None: they go now), and which stay after that by what else there is."""
    beyond = shown.elsewhere.beyond(end)
    ending = [role for role in shown.role_ids if role not in beyond]
    said = []
    if end is not None and (ending or not beyond):
        said.append(f"You keep {place.roles(shown.guild_id, ending) or 'your access'} until {day(end)}.")
    if beyond:
        held = place.roles(shown.guild_id, beyond)
        said.append(f"You keep {held} after that too, as something else that you have gives it to you.")
    return said + others(shown, place)


def others(shown: SubscriptionView, place: Audience) -> list[str]:
    """The member's other subscriptions for the same roles, which go on."""
    said = []
    for name, sub in shown.elsewhere.charging:
        due = decide_charges(sub)[0].at
        when = f", next on {day(due)}" if due else ""
        called = escaped(name or sub.key.id, 60)
        said.append(f"Your other subscription **{called}** goes on: {sums_words(sub, place.locale)}{when}.")
    return said
