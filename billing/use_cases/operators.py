"""Notices about what several servers may share: a payment account, or the machine that the bot runs on."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from billing.errors import DiscordError
from billing.model import Notice, NoticeBody
from billing.ports import Ports

log = logging.getLogger(__name__)


async def tell_operators(ports: Ports, name: str, body: NoticeBody, sellers: Sequence[int]) -> bool:
    """Tell it once under this name. Where one server alone is concerned, its admins read it; where several
    are, the application's owner and team do, as no server's admins may read or change what others share.
    False where these are not known just now, so that it is to be told later."""
    readers: list[int | None] = [None]
    if len(sellers) > 1:
        try:
            readers = [*sorted(await ports.roles.fetch_owners())]
        except DiscordError as error:
            log.warning("The application's owner is told of %s later: %s", body.kind, error)
            return False
    for guild_id in sellers[:1]:
        for reader in readers:
            key = f"{name}:{guild_id}" if reader is None else f"{name}:{guild_id}:{reader}"
            await ports.ledger.record_notice(Notice(key, guild_id, reader, body, ports.now()))
    return True
