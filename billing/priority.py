"""Priorities of provider work: the order of queued fetches and of API calls.

For calls it is a context variable rather than an argument: the caller who knows it stands several functions
above the call to the provider, and asyncio hands the variable on to every task that is started from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum


class Priority(IntEnum):
    """The urgency of a piece of work; the smallest number goes first."""

    PERSON = 0  # somebody waits: a buyer, a command, a page
    CHANGE = 1  # a subscription's access may have changed
    ROUTINE = 2  # renewals, sweeps and other comparisons


# A buyer waits for roles, and a renewal changes nobody's roles. Any other kind of event may change access.
_BUYERS = frozenset({
    "checkout.session.completed", "checkout.session.async_payment_succeeded", "customer.subscription.created",
    "BILLING.SUBSCRIPTION.CREATED", "BILLING.SUBSCRIPTION.ACTIVATED",
})  # fmt: skip
_RENEWALS = frozenset({"invoice.paid", "PAYMENT.SALE.COMPLETED"})
# Seconds for which a subscription to be fetched lets more urgent ones past that are queued after it.
YIELDS = {Priority.PERSON: 0, Priority.CHANGE: 200, Priority.ROUTINE: 600}


def priority_of(kind: str) -> Priority:
    """Return the priority of an event, given the provider's name for its kind."""
    if kind in _BUYERS:
        return Priority.PERSON
    return Priority.ROUTINE if kind in _RENEWALS else Priority.CHANGE


# Commands and pages start outside of the worker, which names the priority of everything that it does.
PRIORITY: ContextVar[Priority] = ContextVar("priority", default=Priority.PERSON)


@contextmanager
def prioritized(priority: Priority) -> Iterator[None]:
    """Give this priority to the current task and to the tasks that it starts within the context."""
    token = PRIORITY.set(priority)
    try:
        yield
    finally:
        PRIORITY.reset(token)
