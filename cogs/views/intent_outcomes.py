"""Describes to an admin how a request to a provider turned out."""

from __future__ import annotations

from billing.model import Intent, IntentKind, IntentState
from billing.provider_names import display_name
from billing.use_cases.execute_intent import STOPPED_ALREADY, why_held
from cogs.views.text import reason_words
from i18n import tr
from i18n.money import format_money

_TASKS = {
    IntentKind.CANCEL_AT_PERIOD_END: "notice.task_cancel_at_period_end",
    IntentKind.CANCEL_NOW: "notice.task_cancel_now",
    IntentKind.RESUME: "notice.task_resume",
    IntentKind.REFUND_LAST_PAYMENT: "notice.task_refund",
}
_DONE = {
    IntentKind.CANCEL_AT_PERIOD_END: "notice.done_cancel_at_period_end",
    IntentKind.CANCEL_NOW: "notice.done_cancel_now",
    IntentKind.RESUME: "notice.done_resume",
    IntentKind.REFUND_LAST_PAYMENT: "notice.done_refund",
}


def task_text(kind: IntentKind) -> str:
    """Return the name of a request, such as 'Stop the renewal'."""
    return tr(_TASKS[kind])


def intent_words(intent: Intent, locale: str = "en-US", *, connected: bool = True) -> str:
    """Return the outcome of a request.

    `connected`: whether the bot is connected to the provider's account.
    """
    if intent.state is IntentState.DONE:
        if intent.kind is IntentKind.REFUND_LAST_PAYMENT and intent.refunded:
            return tr("notice.done_refund_of", amount=format_money(intent.refunded, locale))
        return tr(_DONE[intent.kind])
    return _undone(intent, connected=connected)


def _undone(intent: Intent, *, connected: bool) -> str:
    task, provider = f"**{task_text(intent.kind)}**", display_name(intent.key.provider)
    which = f"`{intent.key.id}`"
    if intent.state is IntentState.FAILED:
        reason = reason_words(intent.outcome)
        return tr("notice.intent_failed", task=task, provider=provider, reason=reason, id=which)
    if intent.state is IntentState.DROPPED:
        if intent.outcome == STOPPED_ALREADY:
            return tr("notice.intent_stopped_already")
        return tr("notice.intent_dropped", task=task)
    if not connected:
        account = intent.key.account
        return tr("notice.intent_unconnected", task=task, provider=provider, account=account, id=which)
    if why_held(intent):
        return tr("notice.intent_held", task=task, provider=provider, id=which)
    return tr("notice.intent_pending", task=task, provider=provider)
