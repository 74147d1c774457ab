"""docs/access.md is what the code does."""

from __future__ import annotations

import json

import pytest

from billing.model import DisputeState, Status
from billing.rules.access import TABLE
from providers.paypal.mapping import DISPUTES as PAYPAL_DISPUTES
from providers.paypal.mapping import STATUS as PAYPAL_STATUS
from providers.stripe.mapping import DISPUTES, STATUS
from standins.discord.conformance import specs_folder
from tests.providers.stripe.package import literals
from tools.access_table import ACCESS, PAGE, page


def test_the_access_page_equals_the_one_made_from_the_code() -> None:
    assert PAGE.read_text() == page(), "run: python -m tools.access_table"


def test_every_status_of_the_stripe_package_is_on_the_access_page() -> None:
    known = literals("_subscription.py", "status")
    assert len(known) == 8
    assert set(STATUS) == set(known)
    for raw in known:
        assert f"| `{raw}` | `{STATUS[raw]}` | {ACCESS[TABLE[STATUS[raw]]]} |" in page()


def test_every_status_of_paypals_document_is_on_the_access_page() -> None:
    folder = specs_folder()
    if folder is None:
        pytest.skip("PayPal's documents are not at hand")
    schemas = json.loads((folder / "paypal_subscriptions.json").read_text())["components"]["schemas"]
    assert set(PAYPAL_STATUS) == set(schemas["subscription_status"]["properties"]["status"]["enum"])
    for raw, ours in PAYPAL_STATUS.items():
        assert f"| `{raw}` | `{ours}` | {ACCESS[TABLE[ours]]} |" in page()


def test_every_status_of_a_dispute_is_on_the_access_page() -> None:
    for statuses in (DISPUTES, PAYPAL_DISPUTES):
        assert all(f"`{raw}`" in page() for raw in statuses)
        assert set(statuses.values()) == set(DisputeState)


def test_every_status_of_the_model_has_an_access_rule() -> None:
    assert set(TABLE) == set(Status)
