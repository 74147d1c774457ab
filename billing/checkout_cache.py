"""A cache of recent payment pages, so that a member who asks again gets the same page.

Kept in memory only: the address of a page is the secret of the person who asked for it, and does not belong
in a ledger.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

FOR_EVER = 1 << 62


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """A provider's payment page; its address is a bearer secret of the person who asked for it.

    `expires_at` in unix seconds.
    """

    id: str
    url: str
    expires_at: int | None


class CheckoutCache:
    """Payment pages by purpose: member, plan, price, and the terms with which the page was created."""

    def __init__(self) -> None:
        self._pages: dict[Hashable, tuple[str, PaymentPage]] = {}

    def keep(self, purpose: Hashable, checkout_id: str, page: PaymentPage) -> None:
        """Store a page, replacing an earlier one for the same purpose."""
        self._pages[purpose] = (checkout_id, page)

    def forget(self, checkout_id: str) -> None:
        """Remove a page that no longer takes payments."""
        self._pages = {p: known for p, known in self._pages.items() if known[0] != checkout_id}

    def find(self, purpose: Hashable, at: int) -> tuple[str, PaymentPage] | None:
        """Return our checkout id and the page for a purpose; None if there is no valid page.

        `at`: the moment at which the page has to be valid, in unix seconds.
        """
        fresh = {p: known for p, known in self._pages.items() if (known[1].expires_at or FOR_EVER) > at}
        self._pages = fresh
        return fresh.get(purpose)
