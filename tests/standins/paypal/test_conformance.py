"""The checker itself: it sees what does not fit PayPal's documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from standins.paypal import Exchange, PayPalServer
from standins.paypal.api import ROUTES
from standins.paypal.conformance import Conformance
from standins.paypal.times import stamp
from tests.standins.paypal.helpers import Client, path_of


@pytest.fixture
def checker() -> Conformance:
    found = Conformance.load()
    if found is None:
        pytest.skip("PayPal's OpenAPI documents are not on this machine")
    return found


@pytest.fixture
async def shown(client: Client, fake: PayPalServer, gold: Any) -> Exchange:
    """A good exchange: a subscription was fetched."""
    made = await client.active(gold)
    await client.good("GET", path_of(made))
    return fake.exchanges[-1]


def without(body: Any, name: str) -> Any:
    return {key: value for key, value in body.items() if key != name}


async def test_an_exchange_that_fits_paypals_document_passes(checker: Conformance, shown: Exchange) -> None:
    checker(shown)
    assert (checker.problems, checker.checked) == ([], 1)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("status", "RUNNING", "RUNNING"),
        ("nickname", "x", "has nickname"),
        ("start_time", "soon", "start_time"),
        ("billing_info", {"failed_payments_count": 0}, "outstanding_balance"),
        ("subscriber", {"payer_id": "short"}, "short"),
        ("links", [{"href": "x", "rel": "self", "how": "GET"}], "has how"),
    ],
)
async def test_an_answer_that_does_not_fit_paypals_document_is_reported(
    checker: Conformance, shown: Exchange, name: str, value: Any, told: str
) -> None:
    checker(replace(shown, body={**shown.body, name: value}))
    assert any(told in one for one in checker.problems), checker.problems


async def test_a_wrong_status_and_an_unexpected_body_are_reported(
    checker: Conformance, shown: Exchange
) -> None:
    checker(replace(shown, status=202))
    assert "does not answer so" in checker.problems[0]
    cancel = next(one for one in ROUTES if one.path.endswith("/cancel"))
    checker(Exchange("POST", "/x", cancel, {}, {"reason": "x"}, 204, {}))
    assert "came with a body" in checker.problems[1]


async def test_an_accepted_invalid_request_is_reported(checker: Conformance) -> None:
    cancel = next(one for one in ROUTES if one.path.endswith("/cancel"))
    for given in ({"why": "x", "reason": "y"}, {}, {"reason": "x" * 129}):
        checker(Exchange("POST", "/x", cancel, {}, given, 204, None))
    assert len(checker.problems) == 3
    plans = next(one for one in ROUTES if one.path == "/v1/billing/plans" and one.method == "GET")
    for query in ({"size": "1"}, {"page_size": "21"}):
        checker(Exchange("GET", "/x", plans, query, None, 200, {"plans": []}))
    assert len(checker.problems) == 5


async def test_an_undocumented_refusal_is_reported(
    checker: Conformance, client: Client, fake: PayPalServer
) -> None:
    await client.refused("GET", "/v1/billing/plans/P-NONE")
    good = fake.exchanges[-1]
    checker(good)
    assert checker.problems == []
    for change in (
        {"name": "NOT_HERE"},
        {"message": "No."},
        {"details": [{"issue": "ODD", "description": "Odd."}]},
    ):
        checker(replace(good, body={**good.body, **change}))
    assert len(checker.problems) == 3


async def test_an_event_that_does_not_fit_paypals_document_is_reported(
    checker: Conformance, client: Client, fake: PayPalServer, gold: Any
) -> None:
    await client.active(gold)
    event = next(one for one in fake.events if one["event_type"].endswith("SUBSCRIPTION.ACTIVATED"))
    checker.event(event)
    assert checker.problems == []
    checker.event({**event, "event_version": "one"})
    checker.event({**event, "resource": {**event["resource"], "state": "Active"}})
    checker.event({**event, "resource": {**event["resource"], "plan_id": 1}})
    assert len(checker.problems) == 3


def test_every_route_of_the_documents_at_hand_is_known_or_left_out(checker: Conformance) -> None:
    """The decision lists the routes without an implementation: webhook lookups and balances."""
    ours = {(one.method, one.path) for one in ROUTES if one.spec}
    theirs = {
        (method.upper(), path)
        for document in checker.documents.values()
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert {path for _, path in theirs - ours} == {
        "/v1/notifications/webhooks-lookup",
        "/v1/notifications/webhooks-lookup/{webhook_lookup_id}",
        "/v1/reporting/balances",
    }
    assert ours <= theirs


async def test_a_search_for_payments_fits_the_document(
    checker: Conformance, client: Client, fake: PayPalServer, gold: Any
) -> None:
    fake.watch(checker)
    made = await client.active(gold)
    now = fake.world.now()
    days = [stamp(now - day * 86_400) for day in (40, 31, 0)]
    found = await client.good("GET", f"/v1/reporting/transactions?start_date={days[1]}&end_date={days[2]}")
    (one,) = found["transaction_details"]
    assert one["transaction_info"]["paypal_reference_id"] == made["id"]
    early = f"/v1/reporting/transactions?start_date={days[0]}&end_date={days[1]}"
    assert (await client.good("GET", early))["transaction_details"] == []
    status, _ = await client.call(
        "GET", f"/v1/reporting/transactions?start_date={days[0]}&end_date={days[2]}"
    )
    assert status == 400, "more than 31 days"
    fake.world.settings.search_allowed = False
    status, refused = await client.call("GET", early)
    assert (status, refused["name"]) == (403, "NOT_AUTHORIZED")
    assert checker.problems == []
