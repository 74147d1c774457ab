"""Fetching by page where many subscriptions wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.model import Event, Status, Subject, Subscription
from billing.priority import Priority, priority_of
from billing.use_cases import sync_listed as module
from billing.use_cases.sync import locate_events
from billing.use_cases.sync_listed import Backlog, find_backlogs, sync_listed
from tests.rules.harness import RulesHarness

NAMES = ("sub_1", "sub_2", "sub_3")


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 3)


async def changed(world: RulesHarness, status: Status = Status.ENDED) -> Backlog:
    """Three members' subscriptions have another status at the provider and wait to be fetched."""
    await world.add_plan()
    for number, name in enumerate(NAMES):
        found = await world.subscribe(name, member_id=900 + number)
        theirs = replace(found, status=status, binding=None)
        world.provider.subscriptions[name] = theirs
    keys = [one.key for one in world.provider.subscriptions.values()]
    await world.ledger.record_stale(keys, "sweep", world.now, Priority.ROUTINE)
    world.provider.calls.clear()
    (backlog,) = await find_backlogs(world.ports, world.now)
    return backlog


async def waiting(world: RulesHarness) -> list[str]:
    return [one.key.id for one in await world.ledger.load_stale(world.now, 9)]


async def statuses(world: RulesHarness) -> list[Status]:
    return [(await world.recorded(name)).status for name in NAMES]


async def test_many_that_wait_are_recorded_from_the_list(world: RulesHarness) -> None:
    backlog = await changed(world)
    await sync_listed(world.ports, backlog)
    assert await statuses(world) == [Status.ENDED] * 3
    assert await waiting(world) == []
    assert [call for call, _ in world.provider.calls] == ["list_subscriptions"]
    await world.settle()
    assert world.holders() == 0


async def test_few_that_wait_are_fetched_one_by_one(world: RulesHarness) -> None:
    backlog = await changed(world)
    await world.ledger.record_stale([next(iter(backlog.stale))], "bought", world.now, Priority.PERSON)
    assert await find_backlogs(world.ports, world.now) == []


async def test_what_somebody_may_have_fetched_since_is_left(world: RulesHarness) -> None:
    backlog = await changed(world)
    key = (await world.recorded("sub_2")).key
    async with world.ports.locks.lock(key):
        await sync_listed(world.ports, backlog)
    assert await statuses(world) == [Status.ENDED, Status.ACTIVE, Status.ENDED]
    assert await waiting(world) == ["sub_2"]


async def test_an_event_that_comes_while_the_list_is_read_has_it_fetched_again(world: RulesHarness) -> None:
    backlog = await changed(world)
    await world.ledger.record_stale([(await world.recorded("sub_3")).key], "evt", world.now)
    await sync_listed(world.ports, backlog)
    assert await waiting(world) == ["sub_3"]


async def test_an_overdue_one_is_fetched_by_itself_for_its_invoice(world: RulesHarness) -> None:
    await sync_listed(world.ports, await changed(world, Status.PAST_DUE))
    assert await statuses(world) == [Status.ACTIVE] * 3
    assert sorted(await waiting(world)) == list(NAMES)


async def test_a_list_that_brings_too_little_is_read_no_further(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog = await changed(world)
    monkeypatch.setattr(module, "JUDGED_AFTER", 2)
    mine = world.provider.subscriptions["sub_1"]
    others = {f"sub_other_{n}": _other(mine, n) for n in range(200)}
    world.provider.subscriptions = others | world.provider.subscriptions
    outcome, worth = await sync_listed(world.ports, backlog)
    assert (outcome.words, worth) == ("0 of 3 by page, 6 listed", False)


def _other(one: Subscription, number: int) -> Subscription:
    return replace(one, key=replace(one.key, id=f"sub_other_{number}"))


@pytest.mark.parametrize(
    ("kind", "priority"),
    [
        ("checkout.session.completed", Priority.PERSON),
        ("BILLING.SUBSCRIPTION.ACTIVATED", Priority.PERSON),
        ("customer.subscription.updated", Priority.CHANGE),
        ("BILLING.SUBSCRIPTION.CANCELLED", Priority.CHANGE),
        ("invoice.paid", Priority.ROUTINE),
        ("PAYMENT.SALE.COMPLETED", Priority.ROUTINE),
    ],
)
async def test_an_event_is_as_urgent_as_its_kind_tells(
    world: RulesHarness, kind: str, priority: Priority
) -> None:
    assert priority_of(kind) is priority
    subject = Subject("subscription", "sub_9")
    await world.ledger.record_events([Event("stripe", "test", "evt", kind, subject, world.now)], world.now)
    await locate_events(world.ports, await world.ledger.load_pending_events(world.now, 9))
    (stale,) = await world.ledger.load_stale(world.now, 9)
    assert stale.priority is priority
