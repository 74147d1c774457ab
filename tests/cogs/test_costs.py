"""What each kind of event and each sweep costs in calls, held to the table in docs/operations.md."""

from __future__ import annotations

import re
from pathlib import Path

from billing.use_cases.sweep import sweep
from tests.cogs.town import DAY, MONTH, Town

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| ([^|]+) \| (\d+) \| (\d+) \|", re.MULTILINE)
# Events of one change come on their own; those that arrive while it is being fetched share the next look.
MOST = {
    what.strip(): (int(provider), int(discord)) for what, provider, discord in ROW.findall(PAGE.read_text())
}


# The clock is turned for hours, so it sweeps meanwhile.
SWEPT = ("/v1/subscriptions", "/v1/disputes")


class Meter:
    """Calls since it was made."""

    def __init__(self, town: Town) -> None:
        self._town = town
        town.stripe.exchanges.clear()
        self._before = town.discord.calls.copy()

    @property
    def discord(self) -> dict[str, int]:
        """Calls about members; what is told in messages stands aside."""
        new = self._town.discord.calls - self._before
        return {what: calls for what, calls in new.items() if "/members/" in what}

    def check(self, what: str) -> None:
        """No more than the page says, and something where it says anything."""
        provider, discord = MOST[what]
        asked = [e.path for e in self._town.stripe.exchanges if e.path not in SWEPT]
        assert bool(provider) <= len(asked) <= provider, asked
        assert bool(discord) <= sum(self.discord.values()) <= discord, self.discord


async def test_every_kind_of_event(town: Town) -> None:
    await town.sell()
    meter = Meter(town)
    await town.buy()
    meter.check("first payment, the page opened by /subscribe")
    (bought,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)

    meter = Meter(town)
    await town.turn(MONTH)
    meter.check("renewal")

    meter = Meter(town)
    town.stripe.dashboard.cancel_at_period_end(bought.key.id)
    await town.settled()
    meter.check("cancelled at the provider, to the end of the period")

    meter = Meter(town)
    await town.turn(MONTH + DAY)
    assert town.roles() == []
    meter.check("the paid period ends")


async def test_a_sweep_over_what_did_not_change_asks_for_lists_alone(town: Town) -> None:
    await town.sell()
    for who in (town.ada, town.bob, town.cleo):
        await town.buy(who)
    town.stripe.exchanges.clear()
    before = town.discord.calls.copy()
    for _ in range(3):
        town.clock.advance(60)
        assert await sweep(town.ports) == []
        await town.settled()
    asked = [(e.method, e.path) for e in town.stripe.exchanges]
    assert sorted(asked) == sorted([("GET", path) for path in SWEPT] * 3)
    assert town.discord.calls - before == {"gateway members": 3}


async def test_a_role_taken_by_hand_costs_its_own_calls_only(town: Town) -> None:
    await town.sell()
    for who in (town.ada, town.bob, town.cleo):
        await town.buy(who)
    town.world.take_role(town.guild, town.bob, town.gold)
    meter = Meter(town)
    town.clock.advance(60)
    await sweep(town.ports)
    await town.settled()
    assert town.roles() == ["Gold"]
    meter.check("a role that somebody took by hand, found by the sweep")
