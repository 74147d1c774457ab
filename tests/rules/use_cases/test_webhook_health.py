"""A refusal accuses nobody; the provider's own word does."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from billing.errors import ProviderRefused, ProviderUnavailable
from billing.model import Event, Finding, Status, Subject, Unheard
from billing.use_cases.sync import record_snapshot
from billing.use_cases.webhook_health import _recall, finding_of, look_at_arrivals
from billing.webhook_arrivals import Arrival, Arrivals
from i18n.plain import plain_words
from tests.rules.builders import make_subscription
from tests.rules.harness import RulesHarness


def happens(world: RulesHarness, name: str = "evt_true", *, ago: int = 0) -> Event:
    """At the provider; nothing of it arrives."""
    event = Event("stripe", "test", name, "invoice.paid", Subject("subscription", "sub_1"), world.now - ago)
    world.provider.events.insert(0, event)
    return event


def arrival_of(world: RulesHarness) -> Arrival:
    return world.ports.arrivals.of("stripe")


def refuse(world: RulesHarness, times: int = 1) -> None:
    for _ in range(times):
        world.ports.arrivals.refuse("stripe", world.now)


async def look(world: RulesHarness) -> float:
    return await look_at_arrivals(world.ports, world.provider)


async def look_for(world: RulesHarness, seconds: int) -> None:
    """As the worker does: whenever a look is due."""
    until = world.now + seconds
    while (rest := await look(world)) <= until - world.now:
        world.clock.advance(max(math.ceil(rest), 1))
    world.turn_to(until)


def found(world: RulesHarness) -> Finding:
    finding = finding_of(world.provider, arrival_of(world))
    assert finding is not None
    return finding


def is_lost(world: RulesHarness) -> bool:
    return arrival_of(world).lost_since is not None


async def restart(world: RulesHarness, proof: str = "one", down: int = 0) -> None:
    """Another process, over the same ledger."""
    world.clock.advance(down)
    world.provider.webhook_print = proof
    world.ports = replace(world.ports, arrivals=Arrivals(world.clock.now()))
    await _recall(world.ports, world.provider)


async def test_the_provider_is_not_asked_if_no_notification_was_refused(world: RulesHarness) -> None:
    happens(world)
    assert await look(world) == math.inf
    assert world.provider.calls == []
    assert finding_of(world.provider, arrival_of(world)) is None


async def test_refused_notifications_are_checked_once_a_minute(world: RulesHarness) -> None:
    for _ in range(100):
        refuse(world, 100)
        await look(world)
        world.clock.advance(1)
    assert world.provider.count("list_events") == 2
    await look_for(world, 600)
    assert world.provider.count("list_events") <= 4
    finding = found(world)
    assert (finding.ok, is_lost(world)) == (True, False)
    assert plain_words(finding.message).startswith(
        "The bot has rejected 10000 notifications since it started."
    )


async def test_a_refused_genuine_event_is_a_fault_after_a_minute(world: RulesHarness) -> None:
    world.clock.advance(100)
    happens(world)
    refuse(world)
    await look_for(world, 59)
    assert not is_lost(world)
    await look_for(world, 2)
    assert is_lost(world)
    assert found(world).message == "Refused."


async def test_the_admins_of_each_server_that_sells_are_told_once(world: RulesHarness) -> None:
    await world.add_plan()
    for number in range(3):
        happens(world, f"evt_{number}")
        refuse(world)
        await look_for(world, 121)
        assert is_lost(world)
        world.ports.arrivals.accept("stripe", world.now)
        world.clock.advance(1)
    await world.settle()
    assert world.said(Unheard) == [Unheard("stripe", refused=True)]


async def test_an_event_from_a_provider_with_a_fast_clock_is_waited_for(world: RulesHarness) -> None:
    world.clock.advance(100)
    happens(world, ago=-30)
    refuse(world)
    await look_for(world, 80)
    assert not is_lost(world)
    await look_for(world, 200)
    assert is_lost(world)


async def test_an_event_from_the_far_future_is_no_evidence(world: RulesHarness) -> None:
    happens(world, ago=-90 * 86_400)
    refuse(world)
    await look_for(world, 3_600)
    assert not is_lost(world)


async def test_an_event_in_the_inbox_is_no_evidence_of_a_wrong_secret(world: RulesHarness) -> None:
    event = happens(world)
    await world.ledger.record_events([event], world.now)
    refuse(world)
    await look_for(world, 3_600)
    assert not is_lost(world)


async def test_an_event_of_another_account_does_not_count_as_arrived(world: RulesHarness) -> None:
    event = happens(world)
    await world.ledger.record_events([replace(event, account="live")], world.now)
    refuse(world)
    await look_for(world, 120)
    assert is_lost(world)


async def test_an_event_from_before_the_start_is_no_evidence(world: RulesHarness) -> None:
    happens(world, ago=1)
    refuse(world)
    await look_for(world, 3_600)
    assert not is_lost(world)


async def test_an_event_that_could_not_be_stored_is_no_evidence(world: RulesHarness) -> None:
    happens(world)
    world.clock.advance(1)
    world.ports.arrivals.fail_to_store("stripe", world.now)
    refuse(world)
    await look_for(world, 3_600)
    assert not is_lost(world)


async def test_a_genuine_notification_ends_the_fault(world: RulesHarness) -> None:
    happens(world)
    refuse(world)
    await look_for(world, 120)
    assert is_lost(world)
    world.clock.advance(10)
    world.ports.arrivals.accept("stripe", world.now)
    assert not is_lost(world)
    refuse(world, 5)
    await look_for(world, 3_600)
    assert not is_lost(world)
    happens(world, "evt_next")
    refuse(world)
    await look_for(world, 120)
    assert is_lost(world)


async def test_a_provider_that_does_not_answer_is_asked_again(world: RulesHarness) -> None:
    happens(world)
    refuse(world)
    world.provider.fail("list_events", ProviderUnavailable())
    await look_for(world, 300)
    assert not is_lost(world)
    world.provider.heal()
    await look_for(world, 61)
    assert is_lost(world)


async def test_a_key_that_may_not_list_events_is_named(world: RulesHarness) -> None:
    refuse(world)
    world.provider.fail("list_events", ProviderRefused("The key lacks a permission."))
    await look_for(world, 300)
    finding = found(world)
    assert (finding.ok, is_lost(world)) == (False, False)
    assert "whether it was genuine" in plain_words(finding.message)
    assert "The key lacks a permission." in plain_words(finding.cure)


async def test_a_subscription_without_a_notification_is_a_fault_after_a_minute(world: RulesHarness) -> None:
    await world.add_plan()
    world.clock.advance(100)
    await find(world, "sub_new")
    await look_for(world, 59)
    assert not is_lost(world)
    await look_for(world, 2)
    assert is_lost(world)
    assert found(world).message == "None arrives."


async def find(world: RulesHarness, name: str, *, ago: int = 0) -> None:
    """The sweep comes upon it."""
    sub = make_subscription(name, Status.ACTIVE, at=world.now - ago)
    await record_snapshot(world.ports, world.provider, sub, "sweep", "compared", "sweep")


async def test_an_older_or_notified_subscription_is_no_fault(world: RulesHarness) -> None:
    await world.add_plan()
    await find(world, "sub_old", ago=10)
    await look_for(world, 120)
    world.ports.arrivals.accept("stripe", world.now)
    await find(world, "sub_told", ago=5)
    await look_for(world, 120)
    await find(world, "sub_new")
    world.clock.advance(1)
    world.ports.arrivals.accept("stripe", world.now)
    await look_for(world, 120)
    assert not is_lost(world)


@pytest.mark.parametrize(("secret", "lost"), [("one", True), ("another", False)])
async def test_a_webhook_fault_survives_a_restart_unless_the_secret_changed(
    world: RulesHarness, secret: str, *, lost: bool
) -> None:
    happens(world)
    refuse(world)
    await look_for(world, 120)
    await restart(world, secret, down=3_600)
    assert is_lost(world) is lost
    world.ports.arrivals.accept("stripe", world.now)
    await look(world)
    await restart(world, secret)
    assert not is_lost(world)


async def test_a_suspected_webhook_fault_survives_a_restart(world: RulesHarness) -> None:
    world.clock.advance(100)
    happens(world)
    refuse(world)
    await look(world)
    await restart(world, down=30)
    await look_for(world, 61)
    assert is_lost(world)


async def test_an_event_missed_during_downtime_is_no_evidence(world: RulesHarness) -> None:
    refuse(world)
    await look(world)
    world.clock.advance(10)
    happens(world)
    await restart(world, down=7_200)
    refuse(world)
    await look_for(world, 3_600)
    assert not is_lost(world)


async def test_checking_a_busy_account_for_events_ends(world: RulesHarness) -> None:
    for number in range(3_000):
        event = happens(world, f"evt_{number}")
        await world.ledger.record_events([event], world.now)
    refuse(world)
    await look(world)
    assert world.provider.count("list_events") == 1
    assert not is_lost(world)
