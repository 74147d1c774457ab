"""Money in minor units, and payments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in minor units (Stripe: 'Supported currencies'); `currency` is ISO 4217 in lower case."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment for a subscription. `refunded` is what was already given back, minor units; `partly`: some
    was, and nobody knows how much."""

    id: str
    amount: int
    refunded: int
    currency: str
    paid_at: int
    partly: bool = False

    @property
    def refundable(self) -> Money:
        """What can still be given back."""
        return Money(self.amount - self.refunded, self.currency)
