"""An end that an owner set by hand and that lies periods ahead: until then it renews and can be cancelled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import Conflict
from billing.model import IntentState
from billing.use_cases.cancel import cancel, preview_cancel
from cogs.views.text import status_text
from tests.rules.builders import MEMBER, MONTH, make_key
from tests.rules.harness import RulesHarness


async def test_a_subscription_with_a_far_end_can_be_cancelled_for_its_period_end(
    paying: RulesHarness,
) -> None:
    known = await paying.recorded()
    assert known.period_end is not None
    await paying.change(replace(known, ends_at=known.period_end + 12 * MONTH))
    await paying.settle()
    assert (await paying.recorded()).renews
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.DONE
    assert paying.provider.subscriptions["sub_1"].ends_at == receipt.stays_until == known.period_end
    assert not receipt.subscription.renews
    with pytest.raises(Conflict, match="already_cancelled"):
        await preview_cancel(paying.ports, MEMBER, make_key())


async def test_a_subscription_with_a_far_end_still_shows_its_renewals(paying: RulesHarness) -> None:
    known = await paying.recorded()
    assert known.period_end is not None
    far = replace(known, ends_at=known.period_end + MONTH)
    assert status_text(far, None) == f"Renews on <t:{known.period_end}:D>. Ends on <t:{far.ends_at}:D>."
    assert "You won't be charged for it again" in status_text(replace(known, ends_at=known.period_end), None)
