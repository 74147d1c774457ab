"""Tell a person what the ledger says they are to hear, once."""

from __future__ import annotations

from billing.backoff import next_try_of
from billing.errors import DiscordError, GuildGone, MessagesClosed
from billing.model import Notice
from billing.ports import Ports


async def tell_notice(ports: Ports, notice: Notice) -> None:
    """By message; where that is closed, at the person's next command. A failure keeps it for later."""
    now = ports.now()
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
