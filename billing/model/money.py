"""Money in minor units, and payments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """An `amount` in minor units (Stripe: 'Supported currencies'); `currency` is ISO 4217 in lower case."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment for a subscription.

    `refunded`: the amount already refunded, in minor units; `partly`: an unknown part of it was refunded.
    """

    id: str
    amount: int
    refunded: int
    currency: str
    paid_at: int
    partly: bool = False

    @property
    def refundable(self) -> Money:
        """The amount that can still be refunded."""
        return Money(self.amount - self.refunded, self.currency)
