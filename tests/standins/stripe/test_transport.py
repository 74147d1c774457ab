"""Idempotency and everything that goes wrong between a client and the API."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
import stripe

from standins.clock import MovableClock
from standins.stripe import StripeServer
from tests.standins.stripe.helpers import KEY, close

Client = stripe.StripeClient
KEYED: Any = {"idempotency_key": "key-1"}


async def test_a_repeated_idempotency_key_returns_the_same_result(client: Client, fake: StripeServer) -> None:
    first = await client.v1.customers.create_async({"email": "a@example.com"}, KEYED)
    second = await client.v1.customers.create_async({"email": "a@example.com"}, KEYED)
    assert first.id == second.id
    assert len(fake.world.all("customer")) == 1
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.customers.create_async({"email": "b@example.com"}, KEYED)
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.products.create_async({"name": "x"}, KEYED)


async def test_a_500_is_replayed_and_a_refused_parameter_is_not(client: Client, fake: StripeServer) -> None:
    fake.faults.add("status", "/v1/customers")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await client.v1.customers.create_async({}, KEYED)
    assert fake.world.all("customer") == []
    other: Any = {"idempotency_key": "key-2"}
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.customers.create_async({"email": "nobody"}, other)
    assert (await client.v1.customers.create_async({"email": "a@example.com"}, other)).id


async def test_an_idempotency_key_is_forgotten_after_a_day(client: Client, clock: MovableClock) -> None:
    first = await client.v1.customers.create_async({}, KEYED)
    clock.advance(86_401)
    assert (await client.v1.customers.create_async({}, KEYED)).id != first.id


async def test_an_idempotency_key_in_use_is_answered_409(client: Client, fake: StripeServer) -> None:
    fake.faults.add("stall", "/v1/customers", method="POST")
    first = asyncio.create_task(client.v1.customers.create_async({}, KEYED))
    await fake.faults.reached.wait()
    with pytest.raises(stripe.APIError) as caught:
        await client.v1.customers.create_async({}, KEYED)
    assert caught.value.http_status == 409
    fake.faults.release()
    assert (await first).id


@pytest.mark.parametrize(("kind", "made"), [("cut_before", 0), ("cut_after", 1)])
async def test_an_injected_cut_hides_whether_the_change_took_effect(
    client: Client, fake: StripeServer, kind: Any, made: int
) -> None:
    fake.faults.add(kind, "/v1/customers")
    with pytest.raises(stripe.APIConnectionError):
        await client.v1.customers.create_async({}, KEYED)
    assert len(fake.world.all("customer")) == made
    again = await client.v1.customers.create_async({}, KEYED)
    assert [one["id"] for one in fake.world.all("customer")] == [again.id]


@pytest.mark.parametrize(("kind", "made"), [("hang_before", 0), ("hang_after", 1)])
async def test_an_injected_hang_runs_into_the_clients_timeout(
    fake: StripeServer, kind: Any, made: int
) -> None:
    http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=0.2))
    impatient = stripe.StripeClient(KEY, base_addresses={"api": fake.url}, http_client=http)
    fake.faults.add(kind, "/v1/customers")
    with pytest.raises(stripe.APIConnectionError):
        await impatient.v1.customers.create_async({})
    assert len(fake.world.all("customer")) == made
    await close(http)


async def test_a_test_can_order_errors(client: Client, fake: StripeServer) -> None:
    wanted: list[tuple[int, type[stripe.StripeError]]] = [
        (401, stripe.AuthenticationError),
        (403, stripe.PermissionError),
        (429, stripe.RateLimitError),
        (500, stripe.APIError),
        (503, stripe.APIError),
    ]
    for status, kind in wanted:
        fake.faults.add("status", "/v1/prices", status=status)
        with pytest.raises(kind):
            await client.v1.prices.list_async()
    fake.faults.add("status", "/v1/prices", times=None)
    for _ in range(3):
        with pytest.raises(stripe.APIError):
            await client.v1.prices.list_async()
    fake.faults.clear()
    assert (await client.v1.prices.list_async()).data == []


async def test_an_injected_500_can_hide_an_effect(client: Client, fake: StripeServer) -> None:
    fake.faults.add("status_after", "/v1/customers")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await client.v1.customers.create_async({}, KEYED)
    assert len(fake.world.all("customer")) == 1


async def test_lists_can_be_made_empty_and_bodies_slow(client: Client, fake: StripeServer, gold: Any) -> None:
    fake.faults.add("empty", "/v1/prices")
    assert (await client.v1.prices.list_async()).data == []
    fake.faults.add("slow", "/v1/prices", seconds=0.1)
    assert [one.id for one in (await client.v1.prices.list_async()).data] == [gold["id"]]


async def test_the_server_can_be_stopped_and_started_again(client: Client, fake: StripeServer) -> None:
    await client.v1.prices.list_async()
    await fake.go_down()
    with pytest.raises(stripe.APIConnectionError):
        await client.v1.prices.list_async()
    await fake.come_back()
    assert (await client.v1.prices.list_async()).data == []


async def test_answers_carry_request_id_and_account(client: Client) -> None:
    account = await client.v1.accounts.retrieve_current_async()
    assert account.charges_enabled is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.prices.retrieve_async("price_none")
    assert str(caught.value.request_id).startswith("req_")


async def test_the_api_key_decides_the_mode(clock: MovableClock) -> None:
    async with StripeServer(clock, "sk_live_local") as live:
        http = stripe.AIOHTTPClient()
        client = stripe.StripeClient("sk_live_local", base_addresses={"api": live.url}, http_client=http)
        assert (await client.v1.customers.create_async({})).livemode is True
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.webhook_endpoints.create_async(
                {"url": "http://example.com", "enabled_events": ["*"]}
            )
        await close(http)


@pytest.mark.paced
async def test_too_many_calls_of_one_endpoint_are_limited_whatever_their_ids(
    fake: StripeServer, client: Client
) -> None:
    fake.limits.account, fake.limits.endpoint = None, 2
    ids = [(await client.v1.customers.create_async()).id for _ in range(2)]
    for customer in ids:
        await client.v1.customers.retrieve_async(customer)
    with pytest.raises(stripe.RateLimitError) as caught:
        await client.v1.customers.retrieve_async(ids[0])
    assert caught.value.headers is not None
    assert caught.value.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert caught.value.error is not None
    assert caught.value.error.code == "rate_limit"
    await client.v1.customers.list_async()


@pytest.mark.paced
async def test_a_change_that_was_limited_is_not_made_and_its_key_stays_free(
    fake: StripeServer, client: Client
) -> None:
    fake.limits.account = 0
    with pytest.raises(stripe.RateLimitError) as caught:
        await client.v1.customers.create_async({}, KEYED)
    assert caught.value.headers is not None
    assert caught.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert fake.world.all("customer") == []
    fake.limits.account = 25
    assert (await client.v1.customers.create_async({}, KEYED)).id


async def test_limits_are_what_stripe_documents(clock: MovableClock) -> None:
    sandbox, live = StripeServer(clock), StripeServer(clock, "sk_live_local")
    assert (sandbox.limits.account, sandbox.limits.endpoint) == (25, 25)
    assert (live.limits.account, live.limits.endpoint) == (100, 25)
