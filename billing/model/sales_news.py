"""News about sales for a server's notice channel, which its admins choose by kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.model.money import Money


class NewsKind(StrEnum):
    """A kind of news that admins can turn on separately."""

    SALES = "sales"
    CANCELLATIONS = "cancellations"
    FAILED_PAYMENTS = "failed_payments"


@dataclass(frozen=True, slots=True)
class SaleNews:
    """One change of a subscription.

    `type`: as in outbox.py; `plans`: their names; `amount`: the charge for each `interval_count` intervals,
    None if it is not known or there is none.
    """

    type: str
    member: int
    plans: str
    amount: Money | None = None
    interval: str = "month"
    interval_count: int = 1
