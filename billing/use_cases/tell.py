"""Tell a person what the ledger says they are to hear, once."""

from __future__ import annotations

from billing.backoff import next_try_of
from billing.errors import DiscordError, GuildGone, MessagesClosed
from billing.model import GraceReminder, Notice
from billing.ports import Ports
from billing.use_cases.milestones import is_moot


async def tell_notice(ports: Ports, notice: Notice) -> None:
    """By message; where that is closed, at the person's next command. A failure keeps it for later."""
    now = ports.now()
    if isinstance(notice.body, GraceReminder):
        subscription = await ports.ledger.load_subscription(notice.body.subscription)
        if is_moot(notice.body, subscription, now, ports.grace):
            await ports.ledger.record_told(notice.key, now, delivered=True)
            return
    try:
        await ports.messenger.tell(notice)
    except (MessagesClosed, GuildGone):
        await ports.ledger.record_told(notice.key, now, delivered=False)
    except DiscordError as error:
        if error.retry:
            await ports.ledger.record_notice_failed(notice.key, next_try_of(notice.created_at, now))
        else:
            await ports.ledger.record_told(notice.key, now, delivered=False)
    else:
        await ports.ledger.record_told(notice.key, now, delivered=True)
