"""Closes payment pages whose plan was revoked, changed, taken off sale, or paid for on another page."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from functools import partial

from billing.errors import ProviderError
from billing.model import Checkout, Started
from billing.paging import every
from billing.ports import Ports, SyncResult
from billing.rules.access import plans_of

# No provider keeps a page open for longer.
PAGE_LIVES = 3 * 86_400
AT_ONCE = 16  # concurrent calls to a provider


async def expire_checkouts(
    ports: Ports, guild_id: int, member_id: int | None, plan_ids: Collection[int] | None
) -> Counter[str]:
    """Close a member's (None: everybody's) open pages in this server for these plans (None: all plans).

    Returns, by the provider's title, how many stay open because the provider cannot close them or does not
    answer. If one of these is paid, a notice is sent.
    """
    since, open_still = ports.now() - PAGE_LIVES, Counter[str]()
    turns = asyncio.Semaphore(AT_ONCE)
    for provider in ports.providers.values():
        load = partial(
            ports.ledger.load_open_checkouts, provider.name, provider.account, guild_id, member_id, since
        )
        wanted = [
            page
            async for page in every(load, "", _id_of)
            if (page.expires_at is None or page.expires_at > ports.now())
            and (plan_ids is None or page.plan_id in plan_ids)
        ]
        closed = await asyncio.gather(*(_close(ports, page, turns) for page in wanted))
        open_still[provider.title] += closed.count(False)
    return +open_still


async def expire_other_checkouts(ports: Ports, synced: SyncResult) -> None:
    """Close a payer's other pages for the same roles once a subscription has started.

    Otherwise they could be charged for both, or get free days twice.
    """
    paid = synced.snapshot
    started = any(isinstance(notice.body, Started) for notice in synced.notices)
    if not started or paid is None or paid.binding is None:
        return
    guild_id, member_id = paid.binding.guild_id, paid.binding.member_id
    plans = await ports.ledger.load_plans(guild_id, removed=True)
    roles = {role for plan in plans_of(paid, plans) for role in plan.role_ids}
    same = [plan.id for plan in plans if roles & {*plan.role_ids}]
    await expire_checkouts(ports, guild_id, member_id, same)


def _id_of(page: Checkout) -> str:
    return page.id


async def _close(ports: Ports, page: Checkout, turns: asyncio.Semaphore) -> bool:
    ports.pages.forget(page.id)
    assert page.session_id is not None, "one without a page is not open"
    provider = ports.providers[page.provider]
    if not provider.closes_pages:
        return False
    try:
        async with turns:
            await provider.close_page(page.session_id)
    except ProviderError:
        return False
    return True
