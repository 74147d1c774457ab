"""Stripe's faults as ours, bounded in time, and nothing secret in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

import providers.base
import providers.stripe.mapping
from billing.errors import (
    ProviderError,
    ProviderMisread,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnavailable,
)
from billing.model import Status, Subject
from providers.stripe.provider import StripeProvider
from standins.clock import MovableClock
from tests.contract.providers.harness import buy, order, portal_options
from tests.contract.providers.stripe import StripeSurroundings
from tests.providers.stripe.responder import Responder
from tests.providers.stripe.samples import listed, price, subscription

PRICE = "GET /v1/prices/price_gold"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": "resource_missing", "param": "id"}, ProviderNotFound),
        (404, {"code": "resource_missing"}, ProviderNotFound),
        (400, {"code": "parameter_invalid_empty", "param": "price"}, ProviderRefused),
        (400, {"type": "idempotency_error"}, ProviderRefused),
        (401, {}, ProviderRefused),
        (402, {"type": "card_error", "code": "card_declined"}, ProviderRefused),
        (403, {}, ProviderRefused),
        (409, {"code": "idempotency_key_in_use"}, ProviderUnavailable),
        (429, {"code": "rate_limit"}, ProviderUnavailable),
        (429, {"code": "lock_timeout"}, ProviderUnavailable),
        (500, {"type": "api_error"}, ProviderUnavailable),
        (503, {"type": "api_error"}, ProviderUnavailable),
    ],
)
async def test_a_refusal_is_named_and_its_message_is_not_repeated(
    responder: Responder,
    stripe_at: StripeProvider,
    status: int,
    error: dict[str, str],
    kind: type[ProviderError],
) -> None:
    what = "GET /v1/subscriptions/sub_1"
    body = {"error": {"type": "invalid_request_error", "message": "A secret body.", **error}}
    responder.say(what, body, status, stripe_should_retry="false", request_id="req_77")
    with pytest.raises(kind) as met:
        await stripe_at.fetch_subscription("sub_1")
    assert isinstance(met.value, ProviderNotFound) == (kind is ProviderNotFound)
    assert str(status) in str(met.value)
    assert "req_77" in str(met.value)
    assert error.get("code", "") in str(met.value)
    assert "secret" not in f"{met.value!r} {met.value.__cause__!r} {met.value.user_message}"
    assert met.value.__suppress_context__
    assert met.value.retry == (kind is ProviderUnavailable or status in (401, 403))


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"\xff", b'{"id": "price_gold"', b"{}"])
async def test_an_answer_that_is_not_a_json_object_is_misread(
    responder: Responder, stripe_at: StripeProvider, body: bytes, status: int
) -> None:
    responder.say("GET /v1/subscriptions/sub_1", body, status)
    with pytest.raises((ProviderMisread, ProviderRefused)):
        await stripe_at.fetch_subscription("sub_1")


async def test_a_proxys_error_page_is_reported_as_unavailable(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    responder.say(PRICE, b"<html>Bad gateway</html>", 502)
    with pytest.raises(ProviderUnavailable) as met:
        await stripe_at.fetch_price("price_gold")
    assert "html" not in str(met.value)


@pytest.mark.parametrize("error", ["Service Unavailable", ["no"], None, 7, {"message": 7, "code": ["x"]}])
async def test_an_error_of_another_shape_than_stripes_is_misread(
    responder: Responder, stripe_at: StripeProvider, error: object
) -> None:
    for status in (400, 404, 502):
        responder.say("GET /v1/subscriptions/sub_1", {"error": error}, status, stripe_should_retry="false")
        with pytest.raises(ProviderError) as met:
            await stripe_at.fetch_subscription("sub_1")
        assert "Service" not in str(met.value)


@pytest.mark.parametrize("odd", [None, "sub_9", 7, {"id": 7}, {"id": ["sub_9"], "status": "active"}])
async def test_an_unreadable_subscription_does_not_stop_the_list(
    responder: Responder, stripe_at: StripeProvider, odd: object
) -> None:
    responder.say("GET /v1/subscriptions", listed(odd, subscription()))
    responder.say("GET /v1/disputes", listed(odd, {"id": "dp_1", "status": "won"}))
    assert [one.key.id async for one in stripe_at.list_subscriptions()] == ["sub_1"]
    assert [one async for one, _ in stripe_at.list_disputes()] == ["dp_1"]


async def test_an_answer_cut_short_is_unavailable() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider = StripeProvider("sk_test_1", ("whsec_one",), f"http://127.0.0.1:{port}", MovableClock())
    with pytest.raises(ProviderUnavailable, match="ClientPayloadError"):
        await provider.fetch_price("price_gold")
    await provider.close()
    server.close()
    await server.wait_closed()


async def test_fast_failures_are_retried(responder: Responder, stripe_at: StripeProvider) -> None:
    responder.refuse(PRICE, 500)
    responder.say(PRICE, price())
    assert (await stripe_at.fetch_price("price_gold")).id == "price_gold"
    assert len(responder.asked) == 2


async def test_a_change_is_retried_under_its_idempotency_key(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    responder.say("GET /v1/subscriptions/sub_1", subscription())
    responder.refuse("POST /v1/subscriptions/sub_1", 500)
    responder.say("POST /v1/subscriptions/sub_1", subscription(cancel_at_period_end=True))
    found = await stripe_at.fetch_subscription("sub_1")
    assert not (await stripe_at.cancel_at_period_end(found, "intent-1")).renews
    posts = [asked for asked in responder.asked if asked.method == "POST"]
    assert [post.headers["idempotency-key"] for post in posts] == ["intent-1", "intent-1"]
    assert posts[0].params == {"cancel_at_period_end": "true", "expand[0]": "latest_invoice"}


async def test_a_deletion_is_tried_once(responder: Responder, stripe_at: StripeProvider) -> None:
    responder.say("GET /v1/subscriptions/sub_1", subscription())
    responder.refuse("DELETE /v1/subscriptions/sub_1", 500)
    found = await stripe_at.fetch_subscription("sub_1")
    with pytest.raises(ProviderUnavailable):
        await stripe_at.cancel_now(found, "intent-1")
    deletes = [asked for asked in responder.asked if asked.method == "DELETE"]
    assert len(deletes) == 1
    assert "idempotency-key" not in deletes[0].headers


def calls() -> list[Callable[[StripeSurroundings], Awaitable[object]]]:
    gold = providers.stripe.mapping.map_price(price(), "test")
    found = providers.stripe.mapping.map_subscription(subscription(), "test")
    return [
        lambda at: at.provider.fetch_subscription("sub_1"),
        lambda at: at.provider.locate(Subject("payment_intent", "pi_1")),
        lambda at: at.provider.fetch_checkout("sub_1"),
        lambda at: at.provider.fetch_dispute("dp_1"),
        lambda at: anext(at.provider.list_subscriptions()),
        lambda at: anext(at.provider.list_disputes()),
        lambda at: at.provider.fetch_price("price_gold"),
        lambda at: at.provider.start_checkout(order(gold)),
        lambda at: at.provider.manage_link(found, portal_options(gold)),
        lambda at: at.provider.cancel_at_period_end(found, "intent-1"),
        lambda at: at.provider.cancel_now(found, "intent-1"),
        lambda at: at.provider.resume(found, "intent-1"),
        lambda at: at.provider.fetch_last_payment(found),
        lambda at: at.provider.fix("stripe:enable:we_1", [], ""),
    ]


async def test_every_stripe_method_ends_within_its_time_limit(
    there: StripeSurroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers.base, "CALL_SECONDS", 0.2)
    there.server.faults.add("hang_before", times=None)
    outcomes = await asyncio.gather(*(call(there) for call in calls()), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ProviderUnavailable] * len(outcomes)
    assert [str(outcome) for outcome in outcomes if "no answer within 0.2 s" not in str(outcome)] == []
    findings = await there.provider.check([], "http://127.0.0.1:9/hook")
    assert not any(finding.ok for finding in findings)


def test_the_time_limit_of_a_stripe_call_is_the_one_of_the_port() -> None:
    assert providers.base.CALL_SECONDS < 15


async def test_no_stripe_secret_reaches_the_log(
    there: StripeSurroundings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bought = await buy(there)
    link = await there.provider.manage_link(bought, portal_options(bought.price))
    await buy(there, "opaque-2", customer="cus_nobody")
    for body, headers in there.arrived:
        await there.provider.authenticate(body, headers, there.clock.now())
        assert headers["stripe-signature"] not in caplog.text
    assert "checkout without the known customer" in caplog.text
    for secret in (link, "sk_test_contract", there.endpoint["secret"], "/c/pay/", "ada@example.com"):
        assert secret not in caplog.text


@pytest.mark.parametrize("odd", ["", ".", "..", "../customers", "sub_1/../../x", "a b", "sub?x=1", "ü"])
async def test_an_id_cannot_leave_its_place_in_the_path(
    responder: Responder, stripe_at: StripeProvider, odd: str
) -> None:
    with pytest.raises(ProviderNotFound):
        await stripe_at.fetch_subscription(odd)
    assert all(asked.path.startswith("/v1/subscriptions/") for asked in responder.asked)


async def test_every_page_of_a_stripe_list_is_read(responder: Responder, stripe_at: StripeProvider) -> None:
    what = "GET /v1/subscriptions"
    responder.say(what, listed(subscription(id="sub_1"), subscription(id="sub_2"), more=True))
    responder.say(what, listed(subscription(id="sub_3", items=listed()), subscription(id="sub_4")))
    found = [one.key.id async for one in stripe_at.list_subscriptions()]
    assert found == ["sub_1", "sub_2", "sub_4"], "the one that cannot be read is left out"
    assert [asked.params.get("starting_after") for asked in responder.asked] == [None, "sub_2"]
    assert responder.asked[0].params["status"] == "all"
    assert responder.asked[0].params["limit"] == "100"


async def test_disputes_are_listed_with_one_call_a_page(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    what = "GET /v1/disputes"
    statuses = ["needs_response", "pondered", "won", "lost", "warning_closed"]
    disputes = [{"object": "dispute", "id": f"dp_{n}", "status": s} for n, s in enumerate(statuses)]
    responder.say(what, listed(*disputes[:2], more=True))
    responder.say(what, listed(*disputes[2:]))
    found = [(name, str(state)) async for name, state in stripe_at.list_disputes()]
    assert found == [("dp_0", "open"), ("dp_2", "won"), ("dp_3", "lost"), ("dp_4", "none")]
    assert [asked.params.get("starting_after") for asked in responder.asked] == [None, "dp_1"]


async def test_a_failing_page_of_a_list_raises_its_error(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    what = "GET /v1/subscriptions"
    responder.say(what, listed(subscription(), more=True))
    responder.refuse(what, 429)
    listing = stripe_at.list_subscriptions()
    assert (await anext(listing)).key.id == "sub_1"
    with pytest.raises(ProviderUnavailable):
        await anext(listing)


async def test_a_deleted_invoice_is_treated_as_absent(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    responder.say("GET /v1/subscriptions/sub_1", subscription(status="past_due", latest_invoice="in_1"))
    responder.refuse("GET /v1/invoices/in_1", 404, code="resource_missing", param="invoice")
    found = await stripe_at.fetch_subscription("sub_1")
    assert (found.status, found.unpaid_since) == (Status.PAST_DUE, None)


async def test_a_deleted_customer_leads_to_what_the_ledger_knows(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    responder.refuse("GET /v1/subscriptions", 404, code="resource_missing", param="customer")
    assert await stripe_at.locate(Subject("customer", "cus_1")) == []
