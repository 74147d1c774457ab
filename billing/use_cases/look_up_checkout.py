"""What became of a payment page? The provider is asked as soon as somebody comes back from one.

Nothing that the browser brings is believed: its id names a page that the ledger knows, or nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from billing.checkout_looks import LookAnswer
from billing.errors import DuesError
from billing.model import Checkout, Status, SubscriptionKey
from billing.ports import Ports
from billing.use_cases.sync import record_snapshot

log = logging.getLogger(__name__)

# A provider may take a moment to make a subscription of what was agreed on its page.
AGAIN = (10, 20, 60)
AT_ONCE = 100  # pages that are looked at, or looked at again later
TOGETHER = 100  # ids that are looked up in one read
OPEN_FOR = 86_400  # no longer does a page of any provider stand open
MOST = 10  # pages of one member
PATIENCE = 4.0  # real seconds that a command waits for


async def look(ports: Ports, checkout: Checkout) -> LookAnswer:
    """Fetch what this page led to and record it, at most once in ten seconds."""
    return await ports.looks.take(checkout.id, ports.clock.now(), lambda: _look(ports, checkout))


async def _look(ports: Ports, checkout: Checkout) -> LookAnswer:
    provider = ports.providers.get(checkout.provider)
    if provider is None or provider.account != checkout.account or checkout.session_id is None:
        return LookAnswer.UNSURE
    try:
        subscription_id = await provider.fetch_page(checkout.session_id)
        if subscription_id is None:
            return LookAnswer.OPEN
        async with ports.turns.lock(SubscriptionKey(provider.name, provider.account, subscription_id)):
            snapshot = await provider.fetch_subscription(subscription_id)
            if not snapshot.customer_id:
                return LookAnswer.OPEN  # nobody has agreed to it
            await record_snapshot(ports, provider, snapshot, "provider", "fetched", "return")
    except DuesError as error:
        log.warning("payment page of plan %s: %s", checkout.plan_id, error)
        return LookAnswer.UNSURE
    return LookAnswer.OPEN if snapshot.status is Status.PENDING else LookAnswer.DONE


async def look_at_open(ports: Ports, member_id: int) -> list[Checkout]:
    """Look at the pages of a member that led to nothing final yet; those whose provider did not say."""
    opened = await ports.ledger.load_unfinished(member_id, ports.now() - OPEN_FOR, MOST)
    if not opened:
        return []
    looks = {asyncio.ensure_future(look(ports, checkout)): checkout for checkout in opened}
    done, late = await asyncio.wait(looks, timeout=PATIENCE)
    return [looks[one] for one in (*done, *late) if one in late or one.result() is LookAnswer.UNSURE]


async def watch_returns(ports: Ports) -> None:
    """Until it is cancelled: whoever comes back from a payment page has it looked at."""
    following: dict[str, asyncio.Task[None]] = {}
    try:
        while True:
            ids = await ports.arrivals.returned(TOGETHER)
            for checkout in await _load(ports, ids):
                if earlier := following.pop(checkout.id, None):
                    earlier.cancel()  # its look, if it takes one just now, goes on
                if len(following) >= AT_ONCE:
                    following = {name: task for name, task in following.items() if not task.done()}
                if len(following) < AT_ONCE:
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
