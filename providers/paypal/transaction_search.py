"""Finds paid subscriptions with PayPal's Transaction Search, which needs a permission of its own.

PayPal has no other list of subscriptions. One call covers 31 days and 10,000 payments, up to three years
back; a payment may take three hours to appear (developer.paypal.com/docs/api/transaction-search/v1, 2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from providers.base import Answer, in_time, is_id, maybe
from providers.paypal.api import Api, Refused
from providers.paypal.billing_plans import DAY
from providers.paypal.dates import stamp

LONGEST, OLDEST = 31 * DAY, 3 * 365 * DAY
APPEARS_WITHIN = 3 * 3600
_TOO_MANY = "RESULTSET_TOO_LARGE"
_SHORTEST = 3600
_PAGE = 500


async def list_paid(api: Api, since: int, now: int) -> AsyncIterator[str]:
    """Yield the ids of the subscriptions that were paid between two times (unix seconds), each once.

    Raises ProviderRefused if the application may not search.
    """
    seen: set[str] = set()
    start, span = max(since - APPEARS_WITHIN, now - OLDEST), LONGEST
    while start < now:
        end = min(start + span, now)
        try:
            async for found in _between(api, start, end):
                if found not in seen:
                    seen.add(found)
                    yield found
        except Refused as refused:
            if _TOO_MANY not in refused.issues or span <= _SHORTEST:
                raise
            span //= 2
        else:
            start = end


async def _between(api: Api, start: int, end: int) -> AsyncIterator[str]:
    page, pages = 1, 1
    while page <= pages:
        async with in_time("GET transactions"):
            answer = await ask(api, start, end, page, _PAGE)
        for one in maybe(answer, "transaction_details", list) or []:
            found = maybe(one, "transaction_info.paypal_reference_id", str)
            if maybe(one, "transaction_info.paypal_reference_id_type", str) == "SUB" and is_id(found):
                yield found
        page, pages = page + 1, maybe(answer, "total_pages", int) or 1


async def ask(api: Api, start: int, end: int, page: int = 1, size: int = 1) -> Answer:
    """Fetch one page of the account's payments between two times (unix seconds)."""
    return await api.get(
        "/v1/reporting/transactions",
        start_date=stamp(start),
        end_date=stamp(end),
        fields="transaction_info",
        page_size=str(size),
        page=str(page),
    )
