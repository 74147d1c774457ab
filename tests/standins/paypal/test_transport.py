"""Repeated requests, faults on the way, the catalog's lists."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from standins.clock import MovableClock
from standins.paypal import PayPalServer
from tests.standins.paypal.helpers import DAY, Client, kinds, path_of

SUBSCRIPTIONS, PLANS, PRODUCTS = "/v1/billing/subscriptions", "/v1/billing/plans", "/v1/catalogs/products"


async def test_the_same_request_id_makes_one_subscription(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    given = {"plan_id": gold["id"], "custom_id": "mine"}
    first = await client.call("POST", SUBSCRIPTIONS, given, PayPal_Request_Id="one")
    again = await client.call("POST", SUBSCRIPTIONS, given, PayPal_Request_Id="one")
    assert (first[0], again[0]) == (201, 200)
    assert first[1] == again[1]
    assert len(fake.world.all("subscription")) == 1
    other = {"plan_id": gold["id"], "custom_id": "yours"}
    conflict = await client.refused("POST", SUBSCRIPTIONS, other, PayPal_Request_Id="one")
    assert conflict == (409, "RESOURCE_CONFLICT")
    clock.advance(3 * DAY + 1)
    assert (await client.call("POST", SUBSCRIPTIONS, other, PayPal_Request_Id="one"))[0] == 201


async def test_a_repeated_refund_request_refunds_once(client: Client, fake: PayPalServer, gold: Any) -> None:
    made = await client.active(gold)
    sale = fake.dashboard.last_sale(made["id"]).id
    path, given = f"/v1/payments/sale/{sale}/refund", {"amount": {"total": "1.00", "currency": "USD"}}
    fake.faults.add("status_after", "/refund", status=500)
    assert (await client.refused("POST", path, given, PayPal_Request_Id="r"))[0] == 500
    refund = await client.good("POST", path, given, PayPal_Request_Id="r")
    assert refund["total_refunded_amount"]["value"] == "1.00"
    assert kinds(fake).count("PAYMENT.SALE.REFUNDED") == 1


async def test_a_refused_request_is_not_replayed_by_its_id(client: Client, gold: Any) -> None:
    bad = {"plan_id": gold["id"], "quantity": "2"}
    assert (await client.refused("POST", SUBSCRIPTIONS, bad, PayPal_Request_Id="k"))[0] == 422
    good = {"plan_id": gold["id"]}
    assert (await client.call("POST", SUBSCRIPTIONS, good, PayPal_Request_Id="k"))[0] == 201


async def test_simultaneous_requests_with_one_request_id_conflict(
    client: Client, fake: PayPalServer, gold: Any
) -> None:
    await client.good("GET", PLANS)
    fake.faults.add("stall", SUBSCRIPTIONS)
    given = {"plan_id": gold["id"]}
    first = asyncio.ensure_future(client.call("POST", SUBSCRIPTIONS, given, PayPal_Request_Id="s"))
    await fake.faults.reached.wait()
    assert (await client.refused("POST", SUBSCRIPTIONS, given, PayPal_Request_Id="s"))[0] == 409
    fake.faults.release()
    assert (await first)[0] == 201


@pytest.mark.parametrize(
    ("status", "name"),
    [(429, "RATE_LIMIT_REACHED"), (500, "INTERNAL_SERVER_ERROR"), (503, "SERVICE_UNAVAILABLE")],
)
async def test_an_injected_status_is_answered(
    client: Client, fake: PayPalServer, gold: Any, status: int, name: str
) -> None:
    made = await client.active(gold)
    fake.faults.add("status", "/cancel", status=status, times=2)
    for _ in range(2):
        assert await client.refused("POST", f"{path_of(made)}/cancel", {"reason": "x"}) == (status, name)
    assert (await client.show(made))["status"] == "ACTIVE"
    assert (await client.call("POST", f"{path_of(made)}/cancel", {"reason": "x"}))[0] == 204


async def test_an_injected_cut_ends_the_connection_before_or_after_the_effect(
    client: Client, fake: PayPalServer, gold: Any
) -> None:
    made = await client.active(gold)
    fake.faults.add("cut_before", "/cancel")
    with pytest.raises(aiohttp.ClientError):
        await client.call("POST", f"{path_of(made)}/cancel", {"reason": "x"})
    assert (await client.show(made))["status"] == "ACTIVE"
    fake.faults.add("cut_after", "/cancel")
    with pytest.raises(aiohttp.ClientError):
        await client.call("POST", f"{path_of(made)}/cancel", {"reason": "x"})
    assert (await client.show(made))["status"] == "CANCELLED"


async def test_a_hanging_request_ends_with_the_server(gold: Any, client: Client, fake: PayPalServer) -> None:
    await client.good("GET", PLANS)
    fake.faults.add("hang_before", PLANS)
    asked = asyncio.ensure_future(client.call("GET", PLANS))
    while fake.faults.waiting:  # noqa: ASYNC110 - the switch tells nobody that it was taken
        await asyncio.sleep(0)
    await fake.stop()
    with pytest.raises(aiohttp.ClientError):
        await asked


async def test_faults_can_be_injected_at_the_token_endpoint(client: Client, fake: PayPalServer) -> None:
    fake.faults.add("status", "/v1/oauth2/token", status=503)
    assert (await client.ask_token())[0] == 503
    fake.faults.add("cut_before", "/v1/oauth2/token")
    with pytest.raises(aiohttp.ClientError):
        await client.ask_token()
    assert (await client.ask_token())[0] == 200


async def test_lists_can_be_made_empty_or_slow(client: Client, fake: PayPalServer, gold: Any) -> None:
    made = await client.active(gold)
    fake.faults.add("empty", "/transactions")
    assert await client.transactions(made) == []
    fake.faults.add("slow", "/transactions", seconds=0.05)
    assert len(await client.transactions(made)) == 1


async def test_the_server_can_be_stopped_and_started_again(
    client: Client, fake: PayPalServer, gold: Any
) -> None:
    await fake.go_down()
    with pytest.raises(aiohttp.ClientError):
        await client.call("GET", PLANS)
    await fake.come_back()
    assert (await client.good("GET", PLANS))["plans"][0]["id"] == gold["id"]


async def test_long_lists_have_pages(client: Client, fake: PayPalServer, gold: Any) -> None:
    for n in range(4):
        fake.add_plan(gold["product_id"], f"{n + 1}.00")
    first = await client.good("GET", f"{PLANS}?page_size=2&total_required=true")
    assert (len(first["plans"]), first["total_items"], first["total_pages"]) == (2, 5, 3)
    assert "billing_cycles" not in first["plans"][0]
    last = await client.good("GET", f"{PLANS}?page_size=2&page=3", Prefer="return=representation")
    assert [len(one["billing_cycles"]) for one in last["plans"]] == [1]
    rels = {one["rel"]: one["href"] for one in first["links"]}
    assert (await client.good("GET", rels["next"]))["plans"] != first["plans"]
    only = await client.good("GET", f"{PLANS}?plan_ids={gold['id']}&product_id={gold['product_id']}")
    assert [one["id"] for one in only["plans"]] == [gold["id"]]
    assert len((await client.good("GET", PRODUCTS))["products"]) == 1


async def test_answers_are_minimal_unless_the_full_representation_is_requested(
    client: Client, gold: Any
) -> None:
    given = {"plan_id": gold["id"]}
    short = await client.good("POST", SUBSCRIPTIONS, given)
    assert set(short) == {"id", "status", "create_time", "links"}
    full = await client.good("POST", SUBSCRIPTIONS, given, Prefer="return=representation")
    assert full["plan_id"] == gold["id"]
    product = await client.good("POST", PRODUCTS, {"name": "Silver", "type": "SERVICE"})
    assert "type" not in product
    patch = [{"op": "replace", "path": "/description", "value": "Shiny"}]
    await client.good("PATCH", f"{PRODUCTS}/{product['id']}", patch)
    assert (await client.good("GET", f"{PRODUCTS}/{product['id']}"))["description"] == "Shiny"


async def test_the_price_of_a_plan_can_be_changed(client: Client, fake: PayPalServer, gold: Any) -> None:
    price = {"fixed_price": {"currency_code": "USD", "value": "7.00"}}
    given = {"pricing_schemes": [{"billing_cycle_sequence": 1, "pricing_scheme": price}]}
    path = f"{PLANS}/{gold['id']}"
    assert await client.call("POST", f"{path}/update-pricing-schemes", given) == (204, None)
    scheme = (await client.good("GET", path))["billing_cycles"][0]["pricing_scheme"]
    assert (scheme["fixed_price"]["value"], scheme["version"]) == ("7.00", 2)
    await client.good("PATCH", path, [{"op": "replace", "path": "/name", "value": "Gold now"}])
    assert (await client.good("GET", path))["name"] == "Gold now"
    wrong = {"pricing_schemes": [{"billing_cycle_sequence": 2, "pricing_scheme": price}]}
    refusal = await client.refused("POST", f"{path}/update-pricing-schemes", wrong)
    assert refusal == (422, "INVALID_BILLING_CYCLE_SEQUENCE")


@pytest.mark.paced
async def test_calls_are_limited_once_a_limit_is_set(client: Client, fake: PayPalServer) -> None:
    await client.good("GET", PLANS)
    fake.limits.endpoint = 1
    assert await client.refused("GET", PLANS) == (429, "RATE_LIMIT_REACHED")
