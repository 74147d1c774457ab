"""Adds the calendar's notices for subscriptions that were recorded before the calendar existed."""

from __future__ import annotations

from billing.ports import Ports
from billing.use_cases.subscription_news import calendar_of

AT_ONCE = 200  # subscriptions between two chances for other work
DONE = "calendar_seeded"


async def seed_calendar(ports: Ports) -> None:
    """Plan the notices before the next charge of each living subscription, once in the life of a ledger.

    Later changes of a subscription plan their own notices. A notice that is already known is not planned
    again, so a crash before the end does no harm.
    """
    if await ports.ledger.load_value(DONE):
        return
    for provider in ports.providers.values():
        after = 0
        while found := await ports.ledger.load_living(provider.name, provider.account, after, AT_ONCE):
            for _, key in found:
                subscription, state = await ports.ledger.load_with_member(key)
                if subscription is not None and state is not None:
                    for notice in calendar_of(subscription, state.plans, ports.now()):
                        await ports.ledger.record_notice(notice)
            after = found[-1][0]
    await ports.ledger.record_value(DONE, str(ports.now()))
