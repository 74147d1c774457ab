"""The texts of notices about the ledger, and about faults that stop the whole bot."""

from __future__ import annotations

from billing.model import (
    GatewayClosed,
    LedgerNew,
    LedgerRestored,
    Notice,
    NotRepeated,
    SweepFailing,
    WrongClock,
)
from billing.ports import Ports
from billing.provider_names import display_name
from billing.use_cases.doctor import find_wrong_clock
from cogs.core.gateway_recovery import why_closed
from cogs.views.intent_outcomes import task_text
from cogs.views.layout import titled
from cogs.views.text import day, discord_words, moment
from i18n import tr


def backup_failed() -> str:
    """Return the notice to the admins that the daily backup failed."""
    return titled(tr("notice.backup_failed_title"), tr("notice.backup_failed"))


def restored(body: LedgerRestored) -> str:
    """Return the notice to the admins that later decisions are missing, because a backup was restored."""
    missing = tr("notice.restored_missing")
    if body.written:
        missing = tr("notice.restored_missing_since", day=day(body.written))
    todo = tr("notice.restored_todo")
    return titled(tr("notice.restored_title"), tr("notice.restored_payments"), f"{missing} {todo}")


def new(body: LedgerNew) -> str:
    """Return the notice to the admins that the bot's records of running subscriptions are missing."""
    missing = tr("notice.new_many", n=body.many)
    return titled(tr("notice.new_title"), missing, tr("notice.new_todo"))


def sweep_failing(body: SweepFailing) -> str:
    """Return the notice to the admins that comparing the ledger with the provider keeps failing.

    Until that works again, missed notifications have no effect.
    """
    provider = display_name(body.provider)
    return titled(
        tr("notice.sweep_title", provider=provider),
        tr("notice.sweep_since", moment=moment(body.since)),
        tr("notice.sweep_todo", provider=provider),
    )


def wrong_clock(body: WrongClock) -> str:
    """Return the notice to the person who runs the bot: how far its clock is off, and how to set it."""
    (found,) = find_wrong_clock(body.skew)
    return titled(tr("notice.clock_title"), discord_words(found.message), discord_words(found.cure))


def gateway_closed(body: GatewayClosed) -> str:
    """Return the notice to the person who runs the bot that no command works until they act."""
    return titled(tr("notice.gateway_title"), why_closed(body.code), tr("notice.gateway"))


async def not_repeated(ports: Ports, notice: Notice, body: NotRepeated) -> str:
    """Return the notice that a request was not repeated after the ledger was restored.

    It is sent to the person who made the request.
    """
    intent = await ports.ledger.load_intent(body.intent)
    task = task_text(intent.kind) if intent else tr("notice.task_unknown")
    which = f"`{body.subscription.id}`"
    told = tr("notice.not_repeated", member=f"<@{body.member}>", id=which, task=task)
    if notice.member_id is not None:
        told = tr("notice.not_repeated_own", id=which, task=task)
    todo = tr("notice.not_repeated_todo", provider=display_name(body.subscription.provider))
    return titled(tr("notice.not_repeated_title"), f"{told} {todo}")
