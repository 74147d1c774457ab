"""Notices about what several servers may share: a payment account, or the machine that the bot runs on."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from billing.errors import DiscordError
from billing.model import GatewayClosed, Notice, NoticeBody, WrongClock
from billing.ports import Ports
from billing.use_cases.converge import MOST_SKEW

log = logging.getLogger(__name__)

DAY = 86_400
_WRONG_SINCE = "clock wrong since"  # in the ledger, by name


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
    skew, since = ports.clock_skew(), await ports.ledger.load_value(_WRONG_SINCE) or ""
    wrong = abs(skew) > MOST_SKEW
    if wrong != bool(since):
        since = str(ports.now()) if wrong else ""
        await ports.ledger.record_value(_WRONG_SINCE, since)
    if wrong:
        body = WrongClock(int(skew))
        await tell_operators(ports, f"clock:{int(since) // DAY}", body, await _load_all_sellers(ports))


async def tell_gateway_closed(ports: Ports, code: int, since: int) -> None:
    """Once for as long as the gateway stays closed."""
    name = f"gateway:{code}:{since // DAY}"
    await tell_operators(ports, name, GatewayClosed(code), await _load_all_sellers(ports))


async def _load_all_sellers(ports: Ports) -> list[int]:
    return sorted({plan.guild_id for plan in await ports.ledger.load_plans(None, removed=True)})
