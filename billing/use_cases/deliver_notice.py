"""Delivers a notice from the ledger to a person, once."""

from __future__ import annotations

from billing.errors import DiscordError, GuildGone, MessagesClosed
from billing.model import GraceReminder, LongRenewal, Notice, TrialEnding
from billing.ports import Ports
from billing.rules.backoff import next_try_by_age, tries_by_age
from billing.use_cases.subscription_news import is_moot
from billing.work_outcome import WorkOutcome, put_off


async def deliver_notice(ports: Ports, notice: Notice) -> WorkOutcome:
    """Send a notice as a message; if the person accepts no messages, their next command shows it.

    Postpone it after a temporary failure.
    """
    now = ports.now()
    if isinstance(notice.body, GraceReminder | TrialEnding | LongRenewal):
        subscription = await ports.ledger.load_subscription(notice.body.subscription)
        if is_moot(notice.body, subscription, now, ports.grace):
            await ports.ledger.record_told(notice.key, now, delivered=True)
            return WorkOutcome("moot, as the subscription has changed")
    try:
        await ports.messenger.tell(notice)
    except (MessagesClosed, GuildGone):
        await ports.ledger.record_told(notice.key, now, delivered=False)
        return WorkOutcome("closed, shown at the next command")
    except DiscordError as error:
        if error.retry:
            await ports.ledger.record_notice_failed(notice.key, next_try_by_age(notice.created_at, now))
            return put_off(error, tries_by_age(notice.created_at, now))
        await ports.ledger.record_told(notice.key, now, delivered=False)
        return WorkOutcome(f"refused, {error}")
    await ports.ledger.record_told(notice.key, now, delivered=True)
    return WorkOutcome("told")
