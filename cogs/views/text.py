"""Formats texts for Discord: dates, roles, names, and the status of a subscription.

Names and reasons that people typed go through `escaped` in places in which Discord reads Markdown, and
through `plain` in others (buttons, menus, suggestions).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from babel.lists import format_list

from billing.model import Checkout, DisputeState, Money, Status, Subscription
from billing.model.translatable_text import Text
from billing.provider_names import display_name
from billing.rules.access import SubscriptionAccess
from billing.rules.upcoming_charges import decide_charges
from i18n import spoken_language, tr
from i18n.catalogue import spoken_locale
from i18n.money import format_money
from i18n.render import render

NAME_LIMIT = 100
TEXT_LIMIT = 300
ROLES_SHOWN = 8


_MARKDOWN = re.compile(r"([\\*_~`|\[\]<@]|^[#>+-])")
# Unicode categories: Cc control, Cf invisible (including bidirectional and zero-width), Co private, Cs
# surrogates, Zl and Zp line breaks.
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def plain(text: str, limit: int = NAME_LIMIT) -> str:
    """Return typed text as one line of at most `limit` characters, without invisible ones."""
    spaced = (" " if c.isspace() else c for c in text)
    line = " ".join("".join(c for c in spaced if unicodedata.category(c) not in _UNSEEN).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def escaped(text: str, limit: int = NAME_LIMIT) -> str:
    """Return typed text as one line that Discord shows literally: no mention, formatting or masked link."""
    return _MARKDOWN.sub(r"\\\1", plain(text, limit))


class DiscordFormats:
    """The format of each kind of placeholder in a Discord message.

    `names`: the names of roles by id, for places in which their mentions do not work.
    """

    def __init__(self, names: dict[int, str] | None = None) -> None:
        self._names = names

    def name(self, typed: str) -> str:
        return escaped(typed, TEXT_LIMIT)

    def verbatim(self, text: str) -> str:
        return f"`{plain(text, TEXT_LIMIT).replace('`', '')}`"

    def money(self, amount: Money) -> str:
        return format_money(amount, spoken_locale())

    def day(self, at: int) -> str:
        return day(at)

    def moment(self, at: int) -> str:
        return moment(at)

    def member(self, member_id: int) -> str:
        return f"<@{member_id}>"

    def role(self, role_id: int) -> str:
        return _role(role_id, self._names)


DISCORD = DiscordFormats()


def discord_words(text: Text | str, names: dict[int, str] | None = None) -> str:
    """Return a text for a Discord message in the current language. `names`: as in `roles`."""
    return render(text, DISCORD if names is None else DiscordFormats(names))


def reason_words(text: Text | str, limit: int = TEXT_LIMIT) -> str:
    """Return the reason why something could not be done, as text for a Discord message.

    A plain string was stored by an earlier version or written by a provider. It is escaped, so that it cannot
    format anything.
    """
    return escaped(text, limit) if isinstance(text, str) else discord_words(text)


def listed(parts: Sequence[str]) -> str:
    """Return a list such as 'Gold, Silver, and Bronze', in the reader's language."""
    return format_list(parts, locale=spoken_language())


def either(parts: Sequence[str]) -> str:
    """Return a list such as 'Stripe or PayPal', in the reader's language."""
    return format_list(parts, style="or", locale=spoken_language())


def day(at: int) -> str:
    """Return a date, given in unix seconds, that Discord shows in each reader's language and time zone."""
    return f"<t:{at}:D>"


def moment(at: int) -> str:
    """Return a date and time, given in unix seconds, that Discord shows in each reader's time zone."""
    return f"<t:{at}:f>"


def roles(role_ids: Sequence[int], names: dict[int, str] | None = None) -> str:
    """Return role mentions or, with `names`, the names, for places in which mentions do not work."""
    shown = ", ".join(_role(r, names) for r in role_ids[:ROLES_SHOWN])
    more = len(role_ids) - ROLES_SHOWN
    return tr("count.and_more_roles", roles=shown, n=more) if more > 0 else shown


def _role(role_id: int, names: dict[int, str] | None) -> str:
    if names is None:
        return f"<@&{role_id}>"
    return f"**{escaped(names[role_id], 40)}**" if role_id in names else tr("card.deleted_role")


def fit_lines(room: int, lines: Iterable[tuple[int, str]]) -> str:
    """Join ranked lines into at most `room` characters, dropping the highest ranks first and rank 0 never."""
    kept = [(rank, line) for rank, line in lines if line]
    while sum(len(line) + 1 for _, line in kept) > room and any(rank for rank, _ in kept):
        kept.remove(max(kept, key=lambda ranked: ranked[0]))
    return "\n".join(line for _, line in kept)


def status_text(subscription: Subscription, right: SubscriptionAccess | None) -> str:
    """Return the status of a subscription in plain words. `right`: its current access."""
    provider = display_name(subscription.key.provider)
    if subscription.dispute in (DisputeState.OPEN, DisputeState.LOST):
        return _dispute(subscription, provider)
    match subscription.status:
        case Status.ACTIVE:
            return _running(subscription)
        case Status.TRIALING:
            return _trial(subscription)
        case Status.PAST_DUE:
            return _past_due(right, waits=subscription.needs_action)
        case Status.PENDING:
            waits = subscription.needs_action
            return tr("status.first_payment_to_confirm" if waits else "status.first_payment_on_its_way")
        case Status.PAUSED:
            return _sentences(tr("status.paused"), _kept_until(right))
        case Status.ENDED:
            return _ended(subscription, right)
        case status:
            return tr(_OTHERS[status], provider=provider)


_OTHERS = {Status.UNPAID: "status.unpaid", Status.UNKNOWN: "status.unknown"}


def _ended(subscription: Subscription, right: SubscriptionAccess | None) -> str:
    ended = subscription.ended_at
    said = tr("status.ended_on", day=day(ended)) if ended else tr("status.ended")
    return _sentences(said, _kept_until(right))


def _sentences(*several: str) -> str:
    return " ".join(one for one in several if one)


def _dispute(subscription: Subscription, provider: str) -> str:
    lost = subscription.dispute is DisputeState.LOST
    if subscription.key.provider == "stripe":  # Stripe merely passes on what the payer's bank decides
        return tr("status.dispute_lost_at_bank" if lost else "status.dispute_open_at_bank")
    return tr("status.dispute_lost" if lost else "status.dispute_open", provider=provider)


def _running(subscription: Subscription) -> str:
    ends_at = subscription.ends_at
    if ends_at is not None and subscription.ends_with_period:
        return tr("status.ends_without_renewal", day=day(ends_at))
    ends = tr("status.ends_on", day=day(ends_at)) if ends_at else ""
    if subscription.terms.paused:
        return _sentences(_paused(subscription), ends)
    due = next((charge.at for charge in decide_charges(subscription)), subscription.period_end)
    said = tr("status.active") if due is None else tr("status.renews_on", day=day(due))
    return _sentences(said, ends)


def _paused(subscription: Subscription) -> str:
    """Return the text for a paused subscription, which continues although the provider charges nothing."""
    until = subscription.terms.resumes_at
    if until is None:
        return tr("status.paused")
    due = next((charge.at for charge in decide_charges(subscription)), None)
    after = tr("status.next_payment_on", day=day(due)) if due else ""
    return _sentences(tr("status.paused_until", day=day(until)), after)


def _trial(subscription: Subscription) -> str:
    end = subscription.trial_end or subscription.period_end
    if subscription.ends_at is not None and subscription.ends_with_period:
        return tr("status.trial_ends", day=day(subscription.ends_at))
    free = tr("status.free_until", day=day(end)) if end else tr("status.free")
    if subscription.terms.paused:
        return _sentences(free, _paused(subscription))
    return _sentences(free, tr("status.first_payment_then"))


def _past_due(right: SubscriptionAccess | None, *, waits: bool) -> str:
    """Return the text for an overdue payment.

    `waits`: the payment did not fail, but the customer has to confirm it with their bank.
    """
    said = tr("status.payment_to_confirm" if waits else "status.payment_failed")
    if right is None:
        return _sentences(said, tr("status.grace_over"))
    if right.until is None:
        return _sentences(said, tr("status.roles_stay"))
    return _sentences(said, tr("status.roles_stay_until", day=day(right.until)))


def _kept_until(right: SubscriptionAccess | None) -> str:
    return tr("status.period_until", day=day(right.until)) if right and right.until else ""


def unsure_note(pages: Sequence[Checkout]) -> str:
    """Return a warning against paying twice while a provider does not say whether pages were paid.

    `pages`: the payment pages in question; the text is empty if there are none.
    """
    if not pages:
        return ""
    titles = list(dict.fromkeys(display_name(page.provider) for page in pages))
    return tr("sale.payment_unsure", providers=listed(titles), n=len(titles))
