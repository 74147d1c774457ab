"""The way through the code does not grow: how many functions a webhook and a press of Cancel pass."""

from __future__ import annotations

import pytest

from tools.trace import CANCEL, WEBHOOK, trace

# docs/architecture.md says what holds the rest. Lower these whenever `make trace` counts fewer.
MOST = {WEBHOOK: 263, CANCEL: 219}


@pytest.mark.slow
async def test_a_webhook_and_a_press_of_cancel_pass_no_more_functions_than_before() -> None:
    runs = [await trace() for _ in range(2)]
    ways = runs[0]
    # A look at prices or a message may run beside the way in one of them.
    counts = {name: min(len(run[name].functions) for run in runs) for name in MOST}
    longer = {name: count for name, count in counts.items() if count > MOST[name]}
    assert longer == {}, "make trace V=1 lists them"
    assert "db/queries/inbox.py" in ways[WEBHOOK].files, "the ledger's threads are traced too"
