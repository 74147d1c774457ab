"""Nobody pays in vain on a page that was opened before an admin revoked what it sells."""

from __future__ import annotations

import asyncio

from billing.errors import ProviderError
from billing.model import Checkout
from billing.ports import Ports

# No provider lets a page stand open for longer.
PAGE_LIVES = 3 * 86_400


async def close_pages(ports: Ports, guild_id: int, member_id: int, plan_id: int | None) -> None:
    """Close a member's open pages for a plan, or all of that server. What a provider cannot close, or does
    not answer to, stays open: should it be paid, the renewal is stopped and people are told."""
    since = ports.now() - PAGE_LIVES
    for provider in ports.providers.values():
        here = (provider.name, provider.account)
        pages = await ports.ledger.load_open_checkouts(*here, guild_id, member_id, since)
        wanted = [page for page in pages if plan_id in (None, page.plan_id)]
        await asyncio.gather(*(_close(ports, page) for page in wanted))


async def _close(ports: Ports, page: Checkout) -> None:
    ports.pages.forget(page.id)
    assert page.session_id is not None, "one without a page is not open"
    try:
        await ports.providers[page.provider].close_page(page.session_id)
    except ProviderError:
        return
