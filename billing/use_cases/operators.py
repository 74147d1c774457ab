"""Sends notices about things that several servers may share.

These are a payment account, and the machine that runs the bot.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from billing.errors import DiscordError
from billing.model import BackupFailed, GatewayClosed, Notice, NoticeBody, WrongClock
from billing.ports import Ports
from billing.use_cases.reconcile import MOST_SKEW

log = logging.getLogger(__name__)

DAY = 86_400


async def tell_operators(ports: Ports, name: str, body: NoticeBody, sellers: Sequence[int]) -> bool:
    """Send a notice once under this name, to the people who may act on it.

    If only one server is concerned, its admins get the notice; otherwise the application's owner and team get
    it, because no server's admins may see or change what others share. Returns False if the owner is
    currently not known; the caller should then try again later.
    """
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


async def tell_wrong_clock(ports: Ports) -> None:
    """Report a wrong clock once until it is right again, at most once a day."""
    skew = ports.clock_skew()
    since = await _wrong_since(ports, "clock_wrong_since", wrong=abs(skew) > MOST_SKEW)
    if since is not None:
        name, sellers = f"clock:{since // DAY}", await ports.ledger.load_sellers(0, 2)
        await tell_operators(ports, name, WrongClock(int(skew)), sellers)


async def tell_backup_failed(ports: Ports) -> None:
    """Report a failed backup once until one succeeds.

    If only one server sells, the ledger has already told its admins.
    """
    sellers, health = await ports.ledger.load_sellers(0, 2), await ports.ledger.load_health(ports.now())
    since = await _wrong_since(ports, "backup_failed_since", wrong=bool(health.backup_failed))
    if since is not None and len(sellers) > 1:
        await tell_operators(ports, f"backup_failed:{since // DAY}", BackupFailed(), sellers)


async def _wrong_since(ports: Ports, name: str, *, wrong: bool) -> int | None:
    """Return since when something has been wrong, in unix seconds; None while it is right.

    The time is stored in the ledger under this name.
    """
    since = await ports.ledger.load_value(name) or ""
    if wrong != bool(since):
        since = str(ports.now()) if wrong else ""
        await ports.ledger.record_value(name, since)
    return int(since) if since else None


async def tell_gateway_closed(ports: Ports, code: int, since: int) -> None:
    """Report a closed gateway once for as long as it stays closed.

    `code`: Discord's close code; `since`: when the gateway closed, in unix seconds.
    """
    name = f"gateway:{code}:{since // DAY}"
    await tell_operators(ports, name, GatewayClosed(code), await ports.ledger.load_sellers(0, 2))
