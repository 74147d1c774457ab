"""Payment pages made lately, so that who asks again gets the same one.

Kept in memory alone: the address of a page is a secret of the one who asked, and has no place in a ledger.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

FOR_EVER = 1 << 62


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """A provider's page to pay on: bearer secret of the one who asked. `expires_at` in unix seconds."""

    id: str
    url: str
    expires_at: int | None


class CheckoutCache:
    """By what a page is for: member, plan, price, and the terms it was made with."""

    def __init__(self) -> None:
        self._pages: dict[Hashable, tuple[str, PaymentPage]] = {}

    def keep(self, purpose: Hashable, checkout_id: str, page: PaymentPage) -> None:
        """In the place of an earlier one."""
        self._pages[purpose] = (checkout_id, page)

    def forget(self, checkout_id: str) -> None:
        """It takes no payment any more."""
        self._pages = {p: known for p, known in self._pages.items() if known[0] != checkout_id}

    def find(self, purpose: Hashable, at: int) -> tuple[str, PaymentPage] | None:
        """Our id and the page, where it is still good at that moment (unix seconds)."""
        fresh = {p: known for p, known in self._pages.items() if (known[1].expires_at or FOR_EVER) > at}
        self._pages = fresh
        return fresh.get(purpose)
