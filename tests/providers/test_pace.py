"""The pace of calls to a provider, on a clock that is turned by hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from billing.errors import LimitScope, ProviderLimited, ProviderUnavailable
from billing.priority import Priority, prioritized
from providers.base import in_time
from providers.pace import LIMITS, LONGEST_REST, Pace
from tests.simulation.edges import START, ManualClock

pytestmark = pytest.mark.paced

AT_ONCE = int(LIMITS["stripe:live"].endpoint.burst)
GET_ONE, GET_LIST = "GET subscriptions/{id}", "GET subscriptions"


class Service:
    """Notes when each call came. A call whose name is in `refusals` is refused once with that error."""

    def __init__(self, account: str = "stripe:live") -> None:
        self.clock = ManualClock(START)
        self.pace = Pace(account, self.clock)
        self.came: list[tuple[float, str]] = []
        self.refusals: dict[str, ProviderLimited] = {}
        self.tasks: list[asyncio.Task[Any]] = []

    def call(self, name: str, endpoint: str = GET_ONE, priority: Priority = Priority.CHANGE) -> None:
        """Begin a call in a task of its own."""

        async def ask() -> None:
            self.came.append((self.clock.now() - START, name))
            await self.clock.sleep(0.2)
            if refusal := self.refusals.pop(name, None):
                raise refusal

        with prioritized(priority):
            self.tasks.append(asyncio.ensure_future(self.pace.run(endpoint, ask)))

    def calls(self, names: Iterable[object], endpoint: str = GET_ONE) -> None:
        for name in names:
            self.call(str(name), endpoint)

    async def pass_time(self, seconds: float) -> None:
        """Turn the clock so far, from one sleeper to the next."""
        ends = self.clock.now() + seconds
        await settle()
        while (wake := self.clock.next_wake(lambda _: True)) is not None and wake <= ends:
            self.clock.turn(wake)
            await settle()
        self.clock.turn(ends)

    async def finish(self) -> list[Any]:
        while not all(task.done() for task in self.tasks):
            await self.pass_time(0.05)
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.came]

    def most_in_a_second(self) -> int:
        moments = [at for at, _ in self.came]
        return max(sum(begin <= at < begin + 1 for at in moments) for begin in moments)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def service() -> Service:
    return Service()


async def test_no_second_sees_more_calls_than_the_endpoint_takes(service: Service) -> None:
    service.calls(range(100))
    await service.finish()
    assert service.most_in_a_second() <= 25
    assert service.came[-1][0] < 1.25 * 100 / 25


async def test_endpoints_have_a_rate_each_below_that_of_the_account(service: Service) -> None:
    for endpoint in range(8):
        service.calls(range(25), f"GET things{endpoint}")
    await service.finish()
    assert 75 < service.most_in_a_second() <= 100
    assert service.came[-1][0] < 1.25 * 200 / 100


async def test_a_sandbox_account_takes_as_many_as_one_endpoint() -> None:
    service = Service("stripe:test")
    for endpoint in range(4):
        service.calls(range(20), f"GET things{endpoint}")
    await service.finish()
    assert service.most_in_a_second() <= 25


async def test_the_more_urgent_call_goes_first_and_equals_in_turn(service: Service) -> None:
    service.calls(range(AT_ONCE))
    await settle()
    for name, priority in [("sweep", 2), ("one", 1), ("other", 1), ("command", 0)] * 2:
        service.call(name, priority=Priority(priority))
    await service.finish()
    assert service.names[AT_ONCE:] == [*["command"] * 2, *["one", "other"] * 2, *["sweep"] * 2]


async def test_a_call_that_waits_for_one_endpoint_holds_up_no_other_endpoint(service: Service) -> None:
    service.calls(range(60))
    await service.pass_time(0.1)
    service.call("list", GET_LIST, Priority.ROUTINE)
    await service.pass_time(0.1)
    assert "list" in service.names


async def test_a_sweep_gets_its_turn_although_commands_never_cease(service: Service) -> None:
    service.calls(range(AT_ONCE))
    await settle()
    service.call("sweep", priority=Priority.ROUTINE)
    for _ in range(300):
        for _ in range(3):
            service.call("command", priority=Priority.PERSON)
        await service.pass_time(0.13)
        if "sweep" in service.names:
            break
    assert 20 <= next(at for at, name in service.came if name == "sweep") < 30
    for task in service.tasks:
        task.cancel()


@pytest.mark.parametrize(("scope", "others"), [(LimitScope.ENDPOINT, {"list": 1}), (LimitScope.ACCOUNT, {})])
async def test_a_429_lets_what_it_is_about_rest_and_is_tried_again(
    service: Service, scope: LimitScope, others: dict[str, int]
) -> None:
    service.refusals["one"] = ProviderLimited(detail="429", wait=3.0, scope=scope)
    service.call("one")
    await service.pass_time(0.3)
    service.call("list", GET_LIST)
    service.calls(["two", "three"])
    await service.pass_time(2.5)
    assert Counter(service.names) == {"one": 1, **others}
    await service.finish()
    assert Counter(service.names) == {"one": 2, "two": 1, "three": 1, "list": 1}
    assert service.pace.state.limited == 1


async def test_a_429_halves_the_rate_which_grows_back(service: Service) -> None:
    service.refusals["0"] = ProviderLimited(detail="429", scope=LimitScope.ENDPOINT)
    service.refusals["1"] = ProviderLimited(detail="429", scope=LimitScope.ENDPOINT)
    service.calls(range(2))
    await service.finish()
    assert service.pace.state.limited == 2
    assert 0.5 < service.pace.state.share < 0.6  # both were under way together
    await service.pass_time(20)
    assert service.pace.state.share == 1.0


async def test_a_429_about_one_object_is_the_callers_alone(service: Service) -> None:
    service.refusals["one"] = ProviderLimited(detail="429", scope=LimitScope.OBJECT)
    service.call("one")
    assert isinstance((await service.finish())[0], ProviderLimited)
    assert service.pace.state.share == 1.0


async def test_a_call_that_is_refused_again_and_again_fails(service: Service) -> None:
    async def refuse() -> None:
        service.came.append((0.0, "refused"))
        raise ProviderLimited(detail="429", scope=LimitScope.ENDPOINT)

    task = asyncio.ensure_future(service.pace.run(GET_ONE, refuse))
    await service.pass_time(30)
    with pytest.raises(ProviderLimited):
        await task
    assert len(service.came) == LIMITS["stripe:live"].tries


async def test_a_command_does_not_wait_out_a_rest_that_is_longer_than_its_time(service: Service) -> None:
    service.refusals["one"] = ProviderLimited(detail="429", wait=60.0)
    service.call("one")
    await service.pass_time(0.3)
    service.call("command", priority=Priority.PERSON)
    one, command = await service.finish()
    assert isinstance(one, ProviderLimited)
    assert isinstance(command, ProviderLimited)
    assert 59 < command.wait <= 60
    assert service.names == ["one"]


async def test_no_retry_after_stops_the_calls_for_longer_than_five_minutes(service: Service) -> None:
    service.refusals["one"] = ProviderLimited(detail="429", wait=86_400.0)
    service.call("one")
    await service.finish()
    await service.pass_time(LONGEST_REST)
    service.call("two")
    await service.pass_time(1.0)
    assert service.names == ["one", "two"]


async def test_a_rest_ends_where_the_clock_is_set_back(service: Service) -> None:
    service.refusals["one"] = ProviderLimited(detail="429", wait=200.0)
    service.call("one")
    await service.finish()
    service.clock.at -= 86_400
    service.call("two")
    await service.pass_time(1.0)
    assert service.names == ["one", "two"]


async def test_a_call_that_gives_up_leaves_its_place(service: Service) -> None:
    service.calls(range(30))
    await service.pass_time(0.05)
    for task in service.tasks[10:20]:
        task.cancel()
    await service.finish()
    assert service.names == [str(n) for n in (*range(10), *range(20, 30))]
    assert service.pace.state.waiting == 0


@pytest.mark.parametrize("priority", list(Priority))
async def test_the_time_limit_of_background_work_stands_still_while_it_waits(priority: Priority) -> None:
    service = Service()
    service.calls(range(60))
    await service.pass_time(0.05)

    async def ask() -> str:
        return "answered"

    async def bounded(call: Callable[[], Awaitable[str]]) -> str:
        async with in_time("it", asyncio.get_running_loop().time() + 0.03):
            return await service.pace.run(GET_ONE, call)

    with prioritized(priority):
        service.tasks.append(task := asyncio.ensure_future(bounded(ask)))
    await settle()
    await asyncio.sleep(0.06)  # real time, by which a time limit counts
    await service.finish()
    if priority is Priority.PERSON:
        with pytest.raises(ProviderUnavailable):
            await task
    else:
        assert await task == "answered"
