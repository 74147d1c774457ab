"""The outbox of any history leads to the subscriptions that the ledger has."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.model import DisputeState, Item, Status
from billing.model.outbox import SubscriptionEvent
from billing.rules.subscription_changes import facts_of, present_state
from billing.use_cases.revoke import revoke
from tests.rules.builders import DAY, GUILD, MONTH, NOW, make_key, make_plan, make_price, make_subscription
from tests.rules.harness import START, open_harness

PRICES = [make_price(), make_price("price_2", "prod_2")]
NAMES = st.sampled_from(["sub_1", "sub_2"])
STEPS = st.fixed_dictionaries(
    {
        "status": st.sampled_from([status for status in Status if status is not Status.PENDING]),
        "items": st.sampled_from([(Item(price),) for price in PRICES]),
        "month": st.integers(0, 2),
        "cancelled": st.booleans(),
        "paid_through": st.sampled_from([None, START + MONTH]),
        "dispute": st.sampled_from([DisputeState.NONE, DisputeState.OPEN, DisputeState.LOST]),
    }
)
HISTORIES = st.lists(st.tuples(NAMES, STEPS) | st.just(("revoke", {})), min_size=1, max_size=6)


@settings(max_examples=12, deadline=None)
@given(history=HISTORIES)
def test_replaying_the_outbox_gives_the_ledgers_subscriptions(history: list[tuple[str, Any]]) -> None:
    asyncio.run(_play(history))


async def _play(history: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_harness(Path(folder) / "ledger.db") as world:
            for number, price in enumerate(PRICES, 1):
                await world.add_plan(make_plan(number, prices=(price,)))
            for name in ("sub_1", "sub_2"):
                await world.offer(name, Status.PENDING)
            for name, step in history:
                if name == "revoke":
                    await revoke(world.ports, NOW)
                else:
                    known = world.provider.subscriptions[name]
                    begins = START + step["month"] * MONTH
                    await world.change(
                        replace(
                            make_subscription(name, step["status"], at=begins, items=step["items"]),
                            customer_id=known.customer_id,
                            checkout_id=known.checkout_id,
                            ends_at=begins + MONTH if step["cancelled"] else None,
                            paid_through=step["paid_through"],
                            dispute=step["dispute"],
                        )
                    )
                await world.pass_time(DAY)
            plans = await world.ledger.load_plans(GUILD, removed=True)
            events = [event.body for event in await world.ledger.load_outbox(0, 9999, GUILD)]
            replayed = present_state(body for body in events if isinstance(body, SubscriptionEvent))
            for name in ("sub_1", "sub_2"):
                recorded = await world.ledger.load_subscription(make_key(name))
                shown = replayed.get(str(make_key(name)))
                if shown is None:
                    assert recorded is None or recorded.status in (Status.PENDING, Status.ENDED)
                else:
                    assert recorded is not None
                    assert shown == facts_of(recorded, plans)
