"""What somebody asked of a provider, kept until the provider has confirmed it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.model.money import Money
from billing.model.subscriptions import SubscriptionKey
from billing.model.texts import Text

RULE = 0  # in the place of a Discord id: nobody asked, it follows from a rule


class IntentKind(StrEnum):
    """What somebody asked of the provider, kept until the provider has confirmed it."""

    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    CANCEL_NOW = "cancel_now"
    RESUME = "resume"
    REFUND_LAST_PAYMENT = "refund_last_payment"


class IntentState(StrEnum):
    """`FAILED`: the provider refused for good, a person must act. `DROPPED`: a later request replaced it."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Intent:
    """A request to a provider, saved before the provider is asked; its id is the idempotency key.

    `by` is the Discord id of the person who asked, or RULE, and `reason` why they did. `attempts` counts
    calls. `outcome` is for people to read: while PENDING, the error of the last attempt; an earlier version
    of the program saved it as a sentence. `refunded` says how much a refund gave back. `payment_id` fixes,
    from the first attempt on, which payment a refund is about.
    """

    id: str
    kind: IntentKind
    key: SubscriptionKey
    by: int
    reason: str
    created_at: int
    state: IntentState = IntentState.PENDING
    attempts: int = 0
    next_attempt_at: int = 0
    payment_id: str | None = None
    refunded: Money | None = None
    outcome: Text | str = ""
    receipt: bool = False
