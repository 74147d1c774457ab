"""docs/access.md is what the code does."""

from __future__ import annotations

from billing.access import TABLE
from billing.model import DisputeState, Status
from providers.stripe.mapping import DISPUTES, STATUS
from tests.providers.stripe.package import literals
from tools.access_table import PAGE, page


def test_the_page_is_made_from_the_code() -> None:
    assert PAGE.read_text() == page(), "run: python -m tools.access_table"


def test_every_status_of_the_package_has_a_row() -> None:
    known = literals("_subscription.py", "status")
    assert len(known) == 8
    assert set(STATUS) == set(known)
    for raw in known:
        assert f"| `{raw}` | `{STATUS[raw]}` | {TABLE[STATUS[raw]].value} |" in page()


def test_every_status_of_a_dispute_is_on_the_page() -> None:
    assert all(f"`{raw}`" in page() for raw in DISPUTES)
    assert set(DISPUTES.values()) == set(DisputeState)


def test_every_status_of_ours_is_ruled() -> None:
    assert set(TABLE) == set(Status)
