"""Requests to a provider, kept until the provider has confirmed them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.model.money import Money
from billing.model.subscriptions import SubscriptionKey
from billing.model.translatable_text import Text

RULE = 0  # stands in place of a Discord id if a rule, not a person, made the request


class IntentKind(StrEnum):
    """The kinds of requests to a provider."""

    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    CANCEL_NOW = "cancel_now"
    RESUME = "resume"
    REFUND_LAST_PAYMENT = "refund_last_payment"


class IntentState(StrEnum):
    """The state of a request.

    `FAILED`: the provider refused for good and a person must act. `DROPPED`: a later request replaced it.
    """

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Intent:
    """A request to a provider, saved before the provider is called; its id is the idempotency key.

    `by`: Discord id of the person who asked, or RULE; `reason`: why they asked. `attempts`: number of calls
    so far. `outcome`: a text for people; while PENDING, the error of the last attempt. Earlier versions saved
    it as a sentence. `refunded`: the amount that was refunded. `payment_id`: the payment to refund, fixed at
    the first attempt.
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
