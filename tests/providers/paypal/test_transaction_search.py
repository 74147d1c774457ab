"""Transaction Search: every window and page is read, and a window that holds too much is halved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from providers.paypal.api import Refused
from providers.paypal.billing_plans import DAY
from providers.paypal.dates import moment
from providers.paypal.transaction_search import APPEARS_WITHIN, LONGEST, OLDEST, list_paid

NOW = 1_900_000_000


class Paid:
    """PayPal with payments at moments, each of a subscription; `most` a question."""

    def __init__(self, paid: Mapping[str, int], most: int = 10_000, size: int = 500) -> None:
        self.paid, self.most, self.size = paid, most, size
        self.asked: list[tuple[int, int]] = []

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        assert path == "/v1/reporting/transactions"
        first, last = moment(query["start_date"]), moment(query["end_date"])
        assert 0 <= last - first <= LONGEST
        self.asked.append((first, last))
        found = sorted(name for name, at in self.paid.items() if first <= at <= last)
        if len(found) > self.most:
            raise Refused(detail="", status=400, issues=frozenset({"RESULTSET_TOO_LARGE"}))
        page = int(query["page"]) - 1
        shown = [
            {"transaction_info": {"paypal_reference_id": name, "paypal_reference_id_type": "SUB"}}
            for name in found[page * self.size : (page + 1) * self.size]
        ]
        other = {"transaction_info": {"paypal_reference_id": "B-1", "paypal_reference_id_type": "PAP"}}
        return {"transaction_details": [*shown, other, {}], "total_pages": -(-len(found) // self.size)}


async def found_in(paypal: Paid, since: int = 0) -> list[str]:
    return [one async for one in list_paid(paypal, since, NOW)]  # type: ignore[arg-type]  # it answers alike


async def test_a_first_transaction_search_covers_three_years_without_a_gap() -> None:
    paypal = Paid({f"I-{days}": NOW - days * DAY for days in range(0, 3 * 365, 7)})
    assert sorted(await found_in(paypal)) == sorted(paypal.paid)
    assert paypal.asked[0][0] == NOW - OLDEST
    assert paypal.asked[-1][1] == NOW
    assert [end for _, end in paypal.asked[:-1]] == [start for start, _ in paypal.asked[1:]]


async def test_a_later_transaction_search_covers_only_what_may_have_appeared_since() -> None:
    paypal = Paid({"I-1": NOW - 2 * DAY, "I-2": NOW - 3600})
    assert await found_in(paypal, NOW - 600) == ["I-2"]
    assert paypal.asked == [(NOW - 600 - APPEARS_WITHIN, NOW)]


async def test_every_page_of_a_transaction_search_is_read_and_each_payment_named_once() -> None:
    paypal = Paid({f"I-{n}": NOW - DAY for n in range(7)}, size=3)
    assert await found_in(paypal, NOW - 2 * DAY) == [f"I-{n}" for n in range(7)]


async def test_a_transaction_search_with_too_many_results_is_split() -> None:
    paypal = Paid({f"I-{n}": NOW - n * DAY for n in range(31)}, most=5)
    assert sorted(await found_in(paypal, NOW - 40 * DAY)) == sorted(paypal.paid)


async def test_a_transaction_search_refused_for_another_reason_raises() -> None:
    paypal = Paid({"I-1": NOW - 60, "I-2": NOW - 60}, most=1)
    with pytest.raises(Refused):
        await found_in(paypal, NOW - DAY)
