"""The calendar of notices before a charge: each falls into the window that its ground asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.model import Binding, Item, LongRenewal, Status, TrialEnding
from billing.ports import SyncResult
from billing.rules.notice_calendar import LONG_RENEWAL, TRIAL_ENDS, due_notice
from billing.use_cases.seed_calendar import seed_calendar
from tests.rules.builders import GUILD, MEMBER, make_key, make_plan, make_price, make_subscription
from tests.rules.harness import START, RulesHarness

DAY = 86_400
BEGINS = st.integers(1_767_225_600, 1_988_150_400)  # 2026 to 2032
ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
LENGTHS = [
    ("day", 180),
    ("day", 181),
    ("week", 26),
    ("month", 6),
    ("month", 7),
    ("month", 12),
    ("year", 1),
    ("year", 2),
]


def days_before(at: int, charge_at: int, zone: timezone) -> int:
    """The days between two moments as a person in that zone counts them on a calendar."""
    days = [datetime.fromtimestamp(moment, zone).date() for moment in (at, charge_at)]
    return (days[1] - days[0]).days


def yearly(interval: str = "year", count: int = 1, **facts: Any) -> Any:
    return make_subscription(items=(Item(make_price(interval=interval, interval_count=count)),), **facts)


@given(BEGINS, st.integers(1, 60), ZONES)
def test_the_end_of_a_trial_is_announced_seven_days_before_in_every_time_zone(
    begins: int, days: int, zone: timezone
) -> None:
    end = begins + days * DAY
    trial = make_subscription(status=Status.TRIALING, at=begins, trial_end=end, period_end=end)
    due = due_notice(trial, begins)
    assert (due is None) == (days <= 7)  # announced at its start
    if due is not None:
        assert due.row is TRIAL_ENDS
        assert days_before(due.at, due.charge_at, zone) == 7


@given(BEGINS, st.sampled_from(LENGTHS), st.integers(181, 800), ZONES)
def test_a_long_period_is_announced_within_its_window_and_a_short_one_never(
    begins: int, length: tuple[str, int], days: int, zone: timezone
) -> None:
    running = yearly(*length, at=begins, period_end=begins + days * DAY)
    due = due_notice(running, begins)
    assert (due is None) == (length in (("day", 180), ("month", 6)))
    if due is not None:
        before = days_before(due.at, due.charge_at, zone)
        assert LONG_RENEWAL.latest <= before <= LONG_RENEWAL.earliest


def test_no_charge_is_announced_that_will_not_come() -> None:
    end = 400 * DAY
    assert due_notice(yearly(period_end=end, ends_at=end), 0) is None
    assert due_notice(yearly(period_end=end), end) is None
    assert due_notice(yearly(status=Status.ENDED, period_end=end), 0) is None
    assert due_notice(yearly(status=Status.PAUSED, period_end=end), 0) is None


async def on_trial(world: RulesHarness, days: int) -> None:
    await world.add_plan()
    end = world.now + days * DAY
    await world.subscribe(status=Status.TRIALING, trial_end=end, period_end=end)


async def test_a_member_hears_of_the_end_of_a_trial_once(world: RulesHarness) -> None:
    await on_trial(world, 14)
    assert world.told("trial_ending") == []
    await world.pass_time(7 * DAY - 1)
    assert world.told("trial_ending") == []
    await world.pass_time(1)
    (notice,) = world.told("trial_ending")
    assert notice.member_id == MEMBER
    assert notice.body == TrialEnding("Plan 1", make_key(), START + 14 * DAY)
    await world.pass_time(6 * DAY)
    assert len(world.told("trial_ending")) == 1


async def test_after_an_outage_the_notice_is_sent_at_once(world: RulesHarness) -> None:
    await on_trial(world, 14)
    world.turn_to(START + 10 * DAY)
    await world.settle()
    assert len(world.told("trial_ending")) == 1


async def test_a_trial_that_was_cancelled_is_not_announced(world: RulesHarness) -> None:
    await on_trial(world, 14)
    trial = await world.recorded()
    await world.change(replace(trial, ends_at=trial.trial_end))
    await world.pass_time(13 * DAY)
    assert world.told("trial_ending") == []


async def test_a_year_is_announced_before_each_renewal(world: RulesHarness) -> None:
    price = make_price(interval="year")
    await world.add_plan(make_plan(prices=(price,)))
    end = world.now + 365 * DAY
    await world.subscribe(items=(Item(price),), period_end=end)
    await world.pass_time(337 * DAY)
    assert [notice.body for notice in world.told("long_renewal")] == [LongRenewal("Plan 1", make_key(), end)]


async def test_a_subscription_from_before_the_calendar_is_announced_too(world: RulesHarness) -> None:
    await world.add_plan()
    end = world.now + 14 * DAY
    trial = make_subscription(status=Status.TRIALING, at=world.now, trial_end=end, period_end=end)
    world.provider.subscriptions["sub_1"] = trial
    recorded = replace(trial, binding=Binding(GUILD, MEMBER))
    await world.ledger.record_synced(SyncResult(recorded, "provider", "fetched", "test", world.now))
    for _ in range(2):
        await seed_calendar(world.ports)
    await world.pass_time(8 * DAY)
    assert [notice.body for notice in world.told("trial_ending")] == [TrialEnding("Plan 1", make_key(), end)]
