"""A subscription under a schedule, whose end is lifted."""

from __future__ import annotations

from tests.contract.providers.harness import buy
from tests.contract.providers.stripe import StripeSurroundings
from tests.providers.stripe.test_provider import put_under_schedule


async def test_resume_releases_the_schedule_before_removing_the_end(there: StripeSurroundings) -> None:
    ending = await there.provider.cancel_at_period_end(await buy(there), "intent-1")
    schedule = await put_under_schedule(there, ending)
    after = await there.provider.resume(ending, "intent-2")
    assert after.renews
    assert there.server.world.get("subscription_schedule", schedule)["status"] == "released"
