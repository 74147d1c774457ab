"""A member who pays."""

from __future__ import annotations

import pytest

from tests.rules.harness import RulesHarness


@pytest.fixture
async def paying(world: RulesHarness) -> RulesHarness:
    """One member has paid for the one plan, and was told so."""
    await world.add_plan()
    await world.subscribe()
    world.provider.pay("sub_1", "pay_1")
    world.messenger.told.clear()
    return world
