"""Notices about what several servers may share: a payment account, or the machine that the bot runs on."""

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


async def tell_wrong_clock(ports: Ports) -> None:
    """Once until the clock is right again, and at most once a day."""
    skew = ports.clock_skew()
    since = await _wrong_since(ports, "clock wrong since", wrong=abs(skew) > MOST_SKEW)
    if since is not None:
        name, sellers = f"clock:{since // DAY}", await _load_all_sellers(ports)
        await tell_operators(ports, name, WrongClock(int(skew)), sellers)


async def tell_backup_failed(ports: Ports) -> None:
    """Once until one was made. Where one server alone sells, the ledger has told its admins at once."""
    sellers, health = await _load_all_sellers(ports), await ports.ledger.load_health(ports.now())
    since = await _wrong_since(ports, "backup failed since", wrong=bool(health.backup_failed))
    if since is not None and len(sellers) > 1:
        await tell_operators(ports, f"backup_failed:{since // DAY}", BackupFailed(), sellers)


async def _wrong_since(ports: Ports, name: str, *, wrong: bool) -> int | None:
    """When it went wrong, as the ledger keeps it under this name; None while it is right."""
    since = await ports.ledger.load_value(name) or ""
    if wrong != bool(since):
        since = str(ports.now()) if wrong else ""
        await ports.ledger.record_value(name, since)
    return int(since) if since else None


async def tell_gateway_closed(ports: Ports, code: int, since: int) -> None:
    """Once for as long as the gateway stays closed."""
    name = f"gateway:{code}:{since // DAY}"
    await tell_operators(ports, name, GatewayClosed(code), await _load_all_sellers(ports))


async def _load_all_sellers(ports: Ports) -> list[int]:
    return sorted({plan.guild_id for plan in await ports.ledger.load_plans(None, removed=True)})
