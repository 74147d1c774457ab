"""The stand-in refuses requests that PayPal refuses, in PayPal's words."""

from __future__ import annotations

from typing import Any

import pytest

from standins.clock import MovableClock
from standins.paypal import PayPalRefusal, PayPalServer
from standins.paypal.errors import NO_PART
from tests.standins.paypal.helpers import CONTEXT, Client, link, path_of

SUBSCRIPTIONS, PLANS, PRODUCTS = "/v1/billing/subscriptions", "/v1/billing/plans", "/v1/catalogs/products"
MONTHLY = {"frequency": {"interval_unit": "MONTH"}, "tenure_type": "REGULAR", "sequence": 1}
PRICE = {"pricing_scheme": {"fixed_price": {"currency_code": "USD", "value": "5"}}}
FREE = {"frequency": {"interval_unit": "WEEK"}, "tenure_type": "TRIAL"}


async def test_token_requests_that_paypal_refuses_are_refused(
    client: Client, fake: PayPalServer, clock: MovableClock
) -> None:
    assert (await client.ask_token("client:wrong"))[0] == 401
    status, body = await client.ask_token("other:secret")
    assert (status, body["error"]) == (401, "invalid_client")
    status, body = await client.ask_token(grant_type="password")
    assert (status, body["error"]) == (400, "unsupported_grant_type")
    status, body = await client.ask_token(scope="all")
    assert (status, body["error"]) == (400, "invalid_request")
    _, first = await client.ask_token()
    clock.advance(3600)
    _, again = await client.ask_token()
    assert again["access_token"] == first["access_token"]
    assert first["expires_in"] - again["expires_in"] in (3600, 3601)
    clock.advance(again["expires_in"] + 1)
    _, later = await client.ask_token()
    assert later["access_token"] != first["access_token"]


async def test_a_request_without_a_valid_token_is_refused(
    client: Client, fake: PayPalServer, clock: MovableClock
) -> None:
    for given in ("", "Bearer", "Bearer A21AAwrong", "Basic Y2xpZW50OnNlY3JldA=="):
        refusal = await client.refused("GET", PLANS, Authorization=given)
        assert refusal == (401, "AUTHENTICATION_FAILURE")
    _, token = await client.ask_token()
    bearer = f"Bearer {token['access_token']}"
    assert (await client.call("GET", PLANS, Authorization=bearer))[0] == 200
    fake.revoke_token()
    assert (await client.call("GET", PLANS, Authorization=bearer))[0] == 401
    _, token = await client.ask_token()
    client.ends_at = clock.now() + 2 * token["expires_in"]  # it asks for no other
    clock.advance(token["expires_in"])
    assert (await client.call("GET", PLANS, Authorization=f"Bearer {token['access_token']}"))[0] == 401


@pytest.mark.parametrize(
    ("change", "status", "issue"),
    [
        ({"plan_id": "P-NONE"}, 404, "INVALID_RESOURCE_ID"),
        ({"plan_id": None}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"custom_id": "x" * 128}, 400, "INVALID_STRING_MAX_LENGTH"),
        ({"custom_id": ""}, 400, "INVALID_STRING_MIN_LENGTH"),
        ({"custom_id": "\u00e4"}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"start_time": "tomorrow"}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"start_time": "2020-01-01T00:00:00Z"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"quantity": "2"}, 422, "SUBSCRIPTION_CANNOT_HAVE_QUANTITY"),
        ({"application_context": {"return_url": "https://a.example"}}, 400, "MISSING_REQUIRED_PARAMETER"),
        (
            {"application_context": {**CONTEXT, "user_action": "PAY"}},
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        ({"plan": {"billing_cycles": [{"sequence": 4}]}}, 422, "INVALID_BILLING_CYCLE_SEQUENCE"),
        ({"plan": {"taxes": {"percentage": "10"}}}, 400, NO_PART),
        ({"nonsense": 1}, 400, NO_PART),
    ],
)
async def test_subscriptions_that_paypal_refuses_are_refused(
    client: Client, gold: Any, change: Any, status: int, issue: str
) -> None:
    given = {"plan_id": gold["id"], **change}
    assert await client.refused("POST", SUBSCRIPTIONS, given) == (status, issue)


async def test_an_inactive_plan_cannot_be_subscribed_to(
    client: Client, fake: PayPalServer, gold: Any
) -> None:
    path = f"{PLANS}/{gold['id']}"
    assert await client.call("POST", f"{path}/deactivate") == (204, None)
    refusal = await client.refused("POST", SUBSCRIPTIONS, {"plan_id": gold["id"]})
    assert refusal == (422, "PLAN_STATUS_INVALID")
    assert await client.refused("POST", f"{path}/deactivate") == (422, "PLAN_STATUS_INVALID")
    assert await client.call("POST", f"{path}/activate") == (204, None)
    await client.good("POST", SUBSCRIPTIONS, {"plan_id": gold["id"]})


async def test_an_unapproved_subscription_cannot_be_stopped(client: Client, gold: Any) -> None:
    made = await client.pending(gold)
    for action in ("cancel", "suspend", "activate"):
        refusal = await client.refused("POST", f"{path_of(made)}/{action}", {"reason": "No"})
        assert refusal == (422, "SUBSCRIPTION_STATUS_INVALID")
    patch = [{"op": "replace", "path": "/custom_id", "value": "x"}]
    assert await client.refused("PATCH", path_of(made), patch) == (422, "SUBSCRIPTION_STATUS_INVALID")
    assert await client.refused("POST", f"{path_of(made)}/revise", {}) == (422, "SUBSCRIPTION_STATUS_INVALID")


async def test_actions_that_paypal_refuses_are_refused(client: Client, fake: PayPalServer, gold: Any) -> None:
    made = await client.active(gold)
    path = path_of(made)
    assert await client.refused("POST", f"{path}/cancel") == (400, "MISSING_REQUEST_BODY")
    assert await client.refused("POST", f"{path}/cancel", {}) == (400, "MISSING_REQUIRED_PARAMETER")
    long = {"reason": "x" * 129}
    assert await client.refused("POST", f"{path}/suspend", long) == (400, "INVALID_STRING_MAX_LENGTH")
    due = {"currency_code": "USD", "value": "5.00"}
    given = {"note": "Now", "capture_type": "OUTSTANDING_BALANCE", "amount": due}
    assert await client.refused("POST", f"{path}/capture", given) == (422, "ZERO_OUTSTANDING_BALANCE")
    assert await client.refused("POST", f"{path}/activate", {}) == (422, "SUBSCRIPTION_STATUS_INVALID")
    assert (await client.show(made))["status"] == "ACTIVE"


async def test_unknown_ids_are_refused(client: Client) -> None:
    missing = (404, "INVALID_RESOURCE_ID")
    for path in (f"{SUBSCRIPTIONS}/I-NONE", f"{PLANS}/P-NONE", f"{PRODUCTS}/PROD-NONE"):
        assert await client.refused("GET", path) == missing
    for action in ("cancel", "suspend", "activate"):
        given = {"reason": "No"}
        assert await client.refused("POST", f"{SUBSCRIPTIONS}/I-NONE/{action}", given) == missing
    assert (await client.call("GET", "/v1/no/such/place"))[0] == 404


async def test_a_list_of_transactions_needs_a_time_span(client: Client, gold: Any) -> None:
    path = f"{path_of(await client.active(gold))}/transactions"
    assert await client.refused("GET", path) == (400, "MISSING_REQUIRED_PARAMETER")
    bad = f"{path}?start_time=2027-01-01&end_time=2027-02-01T00:00:00Z"
    assert await client.refused("GET", bad) == (400, "INVALID_PARAMETER_SYNTAX")
    back = f"{path}?start_time=2027-03-01T00:00:00Z&end_time=2027-02-01T00:00:00Z"
    assert await client.refused("GET", back) == (400, "INVALID_PARAMETER_VALUE")


async def test_malformed_bodies_are_refused(client: Client, gold: Any) -> None:
    assert await client.refused("POST", PLANS, b"{") == (400, "INVALID_PARAMETER_SYNTAX")
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert (await client.refused("POST", PLANS, b"{}", **form))[0] == 415
    assert await client.refused("POST", PLANS, [1]) == (400, "INVALID_PARAMETER_SYNTAX")
    assert await client.refused("GET", f"{PLANS}?page=0") == (400, "INVALID_PARAMETER_VALUE")
    assert await client.refused("GET", f"{PLANS}?page_size=ten") == (400, "INVALID_PARAMETER_SYNTAX")


@pytest.mark.parametrize(
    ("cycles", "issue"),
    [
        ([], "INVALID_PARAMETER_VALUE"),
        ([{**MONTHLY, **PRICE, "sequence": 2}], "INVALID_BILLING_CYCLE_SEQUENCE"),
        ([{**FREE, "sequence": 1}], "MISSING_REGULAR_BILLING_CYCLE"),
        ([MONTHLY], "MISSING_REQUIRED_PARAMETER"),
        ([{**MONTHLY, **PRICE}, {**FREE, "sequence": 2}], "INVALID_BILLING_CYCLE_SEQUENCE"),
        (
            [{**FREE, "sequence": 1, "total_cycles": 0}, {**MONTHLY, **PRICE, "sequence": 2}],
            "INVALID_TRIAL_BILLING_TOTAL_CYCLES",
        ),
        (
            [{**FREE, "sequence": 1}, {**FREE, "sequence": 2}, {**MONTHLY, **PRICE, "sequence": 3}],
            "MULTIPLE_FREE_TRIAL_BILLING_CYCLES_NOT_SUPPORTED",
        ),
        (
            [{**MONTHLY, **PRICE}, {**MONTHLY, **PRICE, "sequence": 2}],
            "MULTIPLE_REGULAR_BILLING_CYCLES_NOT_SUPPORTED",
        ),
        ([{**MONTHLY, **PRICE, "total_cycles": 1000}], "INVALID_INTEGER_MAX_VALUE"),
        ([{**MONTHLY, **PRICE, "total_cycles": -1}], "INVALID_INTEGER_MIN_VALUE"),
        (
            [{**MONTHLY, "pricing_scheme": {"fixed_price": {"currency_code": "JPY", "value": "5.5"}}}],
            "INVALID_PARAMETER_VALUE",
        ),
        (
            [{**MONTHLY, "pricing_scheme": {"fixed_price": {"currency_code": "XXX", "value": "5"}}}],
            "INVALID_PARAMETER_VALUE",
        ),
    ],
)
async def test_plans_that_paypal_refuses_are_refused(
    client: Client, gold: Any, cycles: Any, issue: str
) -> None:
    given = {
        "product_id": gold["product_id"],
        "name": "Bad",
        "billing_cycles": cycles,
        "payment_preferences": {},
    }
    assert (await client.refused("POST", PLANS, given))[1] == issue


async def test_a_plan_in_an_unsupported_currency_is_refused(client: Client, gold: Any) -> None:
    given = {
        "product_id": gold["product_id"],
        "name": "Mixed",
        "billing_cycles": [{**MONTHLY, **PRICE}],
        "payment_preferences": {"setup_fee": {"currency_code": "EUR", "value": "1"}},
    }
    assert await client.refused("POST", PLANS, given) == (422, "CURRENCY_MISMATCH")
    given = {**given, "product_id": "PROD-NONE"}
    assert await client.refused("POST", PLANS, given) == (404, "INVALID_RESOURCE_ID")


async def test_products_that_paypal_refuses_are_refused(client: Client) -> None:
    given = {"name": "Gold", "type": "SERVICE", "id": "MY-OWN-ID"}
    await client.good("POST", PRODUCTS, given)
    assert await client.refused("POST", PRODUCTS, given) == (422, "DUPLICATE_RESOURCE_IDENTIFIER")
    own = {**given, "id": "PROD-MINE"}
    assert await client.refused("POST", PRODUCTS, own) == (400, "INVALID_PARAMETER_SYNTAX")
    odd = {"name": "Gold", "type": "MAGIC"}
    assert await client.refused("POST", PRODUCTS, odd) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("patch", "status", "issue"),
    [
        ({"op": "replace", "path": "/status", "value": "ACTIVE"}, 400, "INVALID_PATCH_PATH"),
        ({"op": "remove", "path": "/custom_id"}, 400, "UNSUPPORTED_PATCH_OPERATION"),
        ({"op": "replace", "path": "/custom_id"}, 400, "MISSING_REQUIRED_PARAMETER"),
        (
            {"op": "replace", "path": "/start_time", "value": "2030-01-01T00:00:00Z"},
            422,
            "INVALID_START_TIME",
        ),
        (
            {
                "op": "replace",
                "path": "/billing_info/outstanding_balance",
                "value": {"currency_code": "USD", "value": "1"},
            },
            422,
            "AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE",
        ),
        (
            {"op": "replace", "path": "/shipping_amount", "value": {"currency_code": "EUR", "value": "1"}},
            422,
            "CURRENCY_MISMATCH",
        ),
    ],
)
async def test_patches_that_paypal_refuses_are_refused(
    client: Client, gold: Any, patch: Any, status: int, issue: str
) -> None:
    made = await client.active(gold)
    assert await client.refused("PATCH", path_of(made), [patch]) == (status, issue)


async def test_revisions_that_paypal_refuses_are_refused(
    client: Client, fake: PayPalServer, gold: Any
) -> None:
    made = await client.active(gold)
    other = fake.add_plan(fake.add_product("Platinum"), "9.00")
    refusal = await client.refused("POST", f"{path_of(made)}/revise", {"plan_id": other["id"]})
    assert refusal == (422, "PLAN_PRODUCT_NOT_COMPATIBLE")


async def test_a_subscription_cannot_be_approved_twice(client: Client, fake: PayPalServer, gold: Any) -> None:
    made = await client.pending(gold)
    fake.approve(link(made, "approve"))
    with pytest.raises(PayPalRefusal, match="closed already"):
        fake.approve(link(made, "approve"))
    assert len(await client.transactions(made)) == 1
