"""The words that people see. Pure: no network, no ledger; cards.py puts them into messages.

What people typed themselves (names of plans and servers, reasons) goes through `escaped` where Discord reads
Markdown, and through `plain` where it does not (buttons, menus, suggestions).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from billing.model import Checkout, DisputeState, IntentKind, Status, Subscription
from billing.provider_names import display_name
from billing.rules.access import SubscriptionAccess
from billing.rules.charges import decide_charges

NAME_LIMIT = 100
TEXT_LIMIT = 300
ROLES_SHOWN = 8


_MARKDOWN = re.compile(r"([\\*_~`|\[\]<@]|^[#>+-])")
# Cc control, Cf invisible (bidirectional and zero-width ones are among them), Co private, Cs half characters,
# Zl and Zp line breaks.
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def plain(text: str, limit: int = NAME_LIMIT) -> str:
    """One line of what somebody typed, without characters that cannot be seen, at most `limit` long."""
    spaced = (" " if c.isspace() else c for c in text)
    line = " ".join("".join(c for c in spaced if unicodedata.category(c) not in _UNSEEN).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def escaped(text: str, limit: int = NAME_LIMIT) -> str:
    """The same, so that Discord shows it as it is: no mention, no formatting, no masked link."""
    return _MARKDOWN.sub(r"\\\1", plain(text, limit))


def day(at: int) -> str:
    """A date that each reader sees in their own language and time zone."""
    return f"<t:{at}:D>"


def moment(at: int) -> str:
    """A date with its time."""
    return f"<t:{at}:f>"


def roles(role_ids: Sequence[int], names: dict[int, str] | None = None) -> str:
    """Role mentions; or, with `names`, for where a mention does not resolve, their names."""
    shown = [_role(r, names) for r in role_ids[:ROLES_SHOWN]]
    more = len(role_ids) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _role(role_id: int, names: dict[int, str] | None) -> str:
    if names is None:
        return f"<@&{role_id}>"
    return f"**{escaped(names[role_id], 40)}**" if role_id in names else "a deleted role"


def fit_lines(room: int, lines: Iterable[tuple[int, str]]) -> str:
    """Lines with their rank; where they are more than `room` characters, those of the highest rank go first.
    Rank 0 stays in any case."""
    kept = [(rank, line) for rank, line in lines if line]
    while sum(len(line) + 1 for _, line in kept) > room and any(rank for rank, _ in kept):
        kept.remove(max(kept, key=lambda ranked: ranked[0]))
    return "\n".join(line for _, line in kept)


def status_text(subscription: Subscription, right: SubscriptionAccess | None) -> str:
    """How a subscription stands, in plain words. `right`: what it gives now."""
    if subscription.dispute in _DISPUTES:
        paypal = subscription.key.provider != "stripe"
        who = display_name(subscription.key.provider) if paypal else "the payer's bank"
        return _DISPUTES[subscription.dispute].format(who)
    match subscription.status:
        case Status.ACTIVE:
            said = _running(subscription)
        case Status.TRIALING:
            said = _trial(subscription)
        case Status.PAST_DUE:
            said = _past_due(right, waits=subscription.needs_action)
        case Status.PENDING if subscription.needs_action:
            said = "Waiting for you: your bank wants you to confirm the first payment."
        case Status.PAUSED:
            said = f"Paused: nothing is charged.{_paid_until(right)}"
        case Status.ENDED:
            ended = f" {day(subscription.ended_at)}" if subscription.ended_at else ""
            said = f"Ended{ended}.{_paid_until(right)}"
        case status:
            said = _STILL[status]
    return said


NOT_AGAIN = "You won't be charged for it again."
_DISPUTES = {
    DisputeState.OPEN: "Disputed: {} looks into a payment. Access is on hold until that is decided.",
    DisputeState.LOST: "A payment was taken back through {}, so it gives no access.",
}
_STILL = {
    Status.UNPAID: "Unpaid: the provider has stopped trying. Pay the invoice with Manage; the roles return.",
    Status.PENDING: (
        "Waiting for the first payment. It is on its way: by bank debit that takes some days. Your roles "
        "come with it, and you don't need to pay again."
    ),
    Status.UNKNOWN: "Not known just now; what you have stays.",
}


def _running(subscription: Subscription) -> str:
    if subscription.ends_at is not None and subscription.ends_with_period:
        return f"Ends on {day(subscription.ends_at)} and does not renew. {NOT_AGAIN}"
    ends = f" Ends on {day(subscription.ends_at)}." if subscription.ends_at else ""
    if subscription.terms.paused:
        return f"{_paused(subscription)}{ends}"
    due = next((charge.at for charge in decide_charges(subscription)), subscription.period_end)
    return f"Active.{ends}" if due is None else f"Renews on {day(due)}.{ends}"


def _paused(subscription: Subscription) -> str:
    """Collection is paused: the subscription runs on, and nothing is taken for it."""
    until = subscription.terms.resumes_at
    if until is None:
        return "Paused: nothing is being charged."
    due = next((charge.at for charge in decide_charges(subscription)), None)
    after = f" The next payment is due on {day(due)}." if due else ""
    return f"Paused: nothing is being charged until {day(until)}.{after}"


def _trial(subscription: Subscription) -> str:
    end = subscription.trial_end or subscription.period_end
    until = f" until {day(end)}" if end else ""
    if subscription.ends_at is not None and subscription.ends_with_period:
        return f"Free until it ends on {day(subscription.ends_at)}. It does not renew; nothing is charged."
    if subscription.terms.paused:
        return f"Free{until}. {_paused(subscription)}"
    return f"Free{until}; the first payment is taken then."


def _past_due(right: SubscriptionAccess | None, *, waits: bool) -> str:
    """`waits`: it did not fail, the customer has to confirm it."""
    said, mend = "The last payment failed", "Check the way you pay with Manage"
    if waits:
        said, mend = "The last payment waits for you", "Your bank wants you to confirm it"
    if right is None:
        return f"{said} and the grace is over. {mend}; the roles return once it is paid."
    if right.until is None:
        return f"{said}. {mend}; the roles stay meanwhile."
    return f"{said}. {mend}: the roles stay until {day(right.until)}."


def _paid_until(right: SubscriptionAccess | None) -> str:
    return (
        f" It is paid until {day(right.until)}, and the roles stay until then."
        if right and right.until
        else ""
    )


# What was asked of the provider, in the words of its outcome: done, still waiting.
INTENTS: dict[IntentKind, tuple[str, str]] = {
    IntentKind.CANCEL_AT_PERIOD_END: ("Renewal stopped", "stopping the renewal"),
    IntentKind.CANCEL_NOW: ("Billing ended at once", "ending the billing"),
    IntentKind.RESUME: ("Renewal resumed", "resuming the renewal"),
    IntentKind.REFUND_LAST_PAYMENT: ("Last payment refunded", "refunding the last payment"),
}


def unsure_note(pages: Sequence[Checkout]) -> str:
    """Nobody pays twice because a provider did not answer in time. Empty for no pages."""
    if not pages:
        return ""
    titles = " and ".join(dict.fromkeys(display_name(page.provider) for page in pages))
    return (
        f"**{titles} did not say whether a payment page that you opened earlier was paid.** If you paid "
        "there, don't pay again: your roles come as soon as it answers."
    )
