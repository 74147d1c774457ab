"""Asks the provider about a payment page as soon as somebody comes back from it.

Nothing that the browser sends is trusted: its id either names a page that the ledger knows, or nothing at
all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from billing.checkout_looks import LookAnswer
from billing.errors import DuesError
from billing.model import Checkout, Status, SubscriptionKey
from billing.ports import Ports
from billing.priority import Priority, prioritized
from billing.use_cases.sync import record_snapshot

log = logging.getLogger(__name__)

# Seconds between checks: a provider may take a moment to create the subscription after its page is done.
AGAIN = (10, 20, 60)
AT_ONCE = 100  # pages being followed at the same time
TOGETHER = 100  # ids looked up in one read
OPEN_FOR = 86_400  # seconds; no provider keeps a page open for longer
MOST = 10  # pages of one member
PATIENCE = 4.0  # real seconds that a command waits


async def look(ports: Ports, checkout: Checkout) -> LookAnswer:
    """Fetch and record the result of a payment page, at most once in ten seconds."""
    return await ports.looks.take(checkout.id, ports.clock.now(), lambda: _look(ports, checkout))


async def _look(ports: Ports, checkout: Checkout) -> LookAnswer:
    provider = ports.providers.get(checkout.provider)
    if provider is None or provider.account != checkout.account or checkout.session_id is None:
        return LookAnswer.UNSURE
    try:
        subscription_id = await provider.fetch_page(checkout.session_id)
        if subscription_id is None:
            return LookAnswer.OPEN
        async with ports.locks.lock(SubscriptionKey(provider.name, provider.account, subscription_id)):
            snapshot = await provider.fetch_subscription(subscription_id)
            if not snapshot.customer_id:
                return LookAnswer.OPEN  # nobody has agreed to it yet
            await record_snapshot(ports, provider, snapshot, "provider", "fetched", "return")
    except DuesError as error:
        log.warning("payment page of plan %s: %s", checkout.plan_id, error)
        return LookAnswer.UNSURE
    return LookAnswer.OPEN if snapshot.status is Status.PENDING else LookAnswer.DONE


async def look_at_open(ports: Ports, member_id: int) -> list[Checkout]:
    """Check a member's pages that have no final result yet.

    Returns the pages about which the provider gave no answer.
    """
    opened = await ports.ledger.load_unfinished(member_id, ports.now() - OPEN_FOR, MOST)
    if not opened:
        return []
    looks = {asyncio.ensure_future(look(ports, checkout)): checkout for checkout in opened}
    done, late = await asyncio.wait(looks, timeout=PATIENCE)
    return [looks[one] for one in (*done, *late) if one in late or one.result() is LookAnswer.UNSURE]


async def watch_returns(ports: Ports) -> None:
    """Check every payment page that somebody comes back from, until cancelled."""
    following: dict[str, asyncio.Task[None]] = {}
    try:
        while True:
            ids = await ports.arrivals.returned(TOGETHER)
            for checkout in await _load(ports, ids):
                if earlier := following.pop(checkout.id, None):
                    earlier.cancel()  # a check that it is waiting for continues
                if len(following) >= AT_ONCE:
                    following = {name: task for name, task in following.items() if not task.done()}
                if len(following) < AT_ONCE:
                    with prioritized(Priority.PERSON):
                        following[checkout.id] = asyncio.create_task(_follow(ports, checkout))
    finally:
        for task in following.values():
            task.cancel()
        await asyncio.gather(*following.values(), return_exceptions=True)


async def _load(ports: Ports, ids: Sequence[str]) -> list[Checkout]:
    try:
        return await ports.ledger.load_returned(ids)
    except DuesError as error:
        log.warning("returns: %s", error)
        return []


async def _follow(ports: Ports, checkout: Checkout) -> None:
    try:
        for pause in AGAIN:
            if await look(ports, checkout) is LookAnswer.DONE:
                return
            await ports.clock.sleep(pause)
        await look(ports, checkout)
    except Exception:
        log.exception("payment page of plan %s: fault", checkout.plan_id)
