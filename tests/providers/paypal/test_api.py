"""Calls: the token, what is tried again and what is not, and PayPal's errors as ours."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from billing.errors import (
    ProviderLimited,
    ProviderMisread,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnavailable,
)
from providers.base import wait_of
from providers.pace import Pace
from providers.paypal import api as module
from providers.paypal.api import (
    KEY_AT_FAULT,
    Api,
    NotKnown,
    Refused,
    path,
    read,
    translate,
)
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from tests.providers.paypal.conftest import CLIENT, SECRET

PLANS = "/v1/billing/plans/P-1"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))


@pytest.fixture
async def api(fake: PayPalServer, clock: MovableClock) -> AsyncIterator[Api]:
    found = Api(CLIENT, SECRET, fake.url, clock, Pace("paypal:sandbox", clock))
    yield found
    await found.close()


def asked(fake: PayPalServer, part: str) -> int:
    return sum(part in exchange.path for exchange in fake.exchanges)


def plan_path(fake: PayPalServer) -> str:
    return f"/v1/billing/plans/{fake.add_plan(fake.add_product('Gold'), '5.00')['id']}"


class TestToken:
    """Kept, renewed in time, and once where PayPal takes it no longer."""

    async def test_concurrent_calls_share_one_access_token(self, fake: PayPalServer, api: Api) -> None:
        where = plan_path(fake)
        await asyncio.gather(*(api.get(where) for _ in range(5)))
        assert asked(fake, "/v1/oauth2/token") == 1

    async def test_an_access_token_is_renewed_before_it_expires(
        self, fake: PayPalServer, api: Api, clock: MovableClock
    ) -> None:
        where = plan_path(fake)
        await api.get(where)
        clock.advance(fake.world.settings.token_seconds - 60)
        await api.get(where)
        assert asked(fake, "/v1/oauth2/token") == 2
        assert {exchange.status for exchange in fake.exchanges} == {200}

    async def test_a_revoked_access_token_is_replaced_once_per_call(
        self, fake: PayPalServer, api: Api
    ) -> None:
        where = plan_path(fake)
        await api.get(where)
        fake.revoke_token()
        assert (await api.get(where))["status"] == "ACTIVE"
        fake.faults.add("status", "/v1/billing", status=401, times=None)
        with pytest.raises(Refused) as refused:
            await api.get(where)
        assert refused.value.retry
        assert asked(fake, "/v1/oauth2/token") == 3

    async def test_wrong_credentials_are_named_in_the_error(
        self, fake: PayPalServer, clock: MovableClock
    ) -> None:
        wrong = Api(CLIENT, "another", fake.url, clock, Pace("paypal:sandbox", clock))
        with pytest.raises(Refused, match="PAYPAL_CLIENT_SECRET"):
            await wrong.get(PLANS)
        await wrong.close()

    async def test_a_failing_token_endpoint_is_retried(self, fake: PayPalServer, api: Api) -> None:
        where = plan_path(fake)
        fake.faults.add("status", "/v1/oauth2", status=503, times=2)
        assert (await api.get(where))["status"] == "ACTIVE"
        fake.revoke_token()
        fake.faults.add("status", "/v1/oauth2", status=503, times=3)
        with pytest.raises(ProviderUnavailable):
            await api.get(where)


class TestAgain:
    """Fast failures are retried if that is safe."""

    @pytest.mark.parametrize("status", [500, 502, 503])
    async def test_a_read_is_retried_after_a_server_error(
        self, fake: PayPalServer, api: Api, status: int
    ) -> None:
        where = plan_path(fake)
        fake.faults.add("status", where, status=status, times=2)
        assert (await api.get(where))["status"] == "ACTIVE"

    async def test_a_failing_read_is_retried_twice_at_most(self, fake: PayPalServer, api: Api) -> None:
        where = plan_path(fake)
        fake.faults.add("status", where, status=500, times=3)
        with pytest.raises(ProviderUnavailable):
            await api.get(where)
        assert asked(fake, where) == 3

    async def test_a_rate_limited_read_is_not_retried_at_once(self, fake: PayPalServer, api: Api) -> None:
        where = plan_path(fake)
        fake.faults.add("status", where, status=429, times=1)
        with pytest.raises(ProviderUnavailable):
            await api.get(where)
        assert asked(fake, where) == 1

    async def test_no_call_is_made_before_the_retry_after_of_a_rate_limit(
        self, fake: PayPalServer, api: Api, clock: MovableClock
    ) -> None:
        where, other = plan_path(fake), plan_path(fake)
        fake.faults.add("status", where, status=429, times=1, retry_after=20)
        for _ in range(3):
            with pytest.raises(ProviderUnavailable):
                await api.get(where)
        with pytest.raises(ProviderLimited) as limited:
            await api.get(other)
        assert 0 < limited.value.wait <= 20
        assert (asked(fake, where), asked(fake, other)) == (1, 0)
        clock.advance(21)
        assert (await api.get(other))["status"] == "ACTIVE"

    async def test_a_change_without_an_idempotency_key_is_not_retried(
        self, fake: PayPalServer, api: Api
    ) -> None:
        where = f"{plan_path(fake)}/deactivate"
        fake.faults.add("cut_after", where, times=1)
        with pytest.raises(ProviderUnavailable):
            await api.post(where)
        assert asked(fake, where) == 1

    async def test_a_change_with_an_idempotency_key_is_retried_and_happens_once(
        self, fake: PayPalServer, api: Api
    ) -> None:
        plan_id = fake.add_plan(fake.add_product("Gold"), "5.00")["id"]
        fake.faults.add("cut_after", "/v1/billing/subscriptions", times=2)
        made = await api.post("/v1/billing/subscriptions", {"plan_id": plan_id}, key="ours-1")
        assert [s.id for s in fake.world.all("subscription")] == [made["id"]]


@pytest.fixture
async def odd(clock: MovableClock) -> AsyncIterator[tuple[Api, list[str]]]:
    """A server that answers as the path says, and the addresses it was asked for."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        match request.path:
            case "/v1/oauth2/token":
                return web.json_response({"access_token": "t", "expires_in": 900})
            case "/redirect":
                raise web.HTTPFound("/elsewhere")
            case "/list":
                return web.json_response([1])
            case "/text":
                return web.Response(body=b"\xff\xfe")
            case "/nothing":
                return web.Response(status=204)
            case "/huge":
                return web.Response(body=b" " * 200)
            case _:
                return web.json_response({}, status=500)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found = Api(CLIENT, SECRET, url, clock, Pace("paypal:sandbox", clock))
    yield found, seen
    await found.close()
    await runner.cleanup()


@pytest.mark.parametrize("where", ["/list", "/text", "/redirect"])
async def test_an_answer_that_is_no_json_object_is_misread(odd: tuple[Api, list[str]], where: str) -> None:
    api, seen = odd
    with pytest.raises(ProviderMisread):
        await api.get(where)
    assert "/elsewhere" not in seen


def test_a_name_cut_within_a_surrogate_pair_is_still_read() -> None:
    """A name that was cut at some length."""
    assert read(b'{"name": "Ada \\ud83d"}', "GET /x") == {"name": "Ada \ud83d"}
    for bad in (
        b'{"name": NaN, "x": "\\ud83d"}',
        b'["\\ud83d"]',
        b'{"x": "\\ud83d"',
        b'{"x": "\xff\\ud83d"}',
    ):
        with pytest.raises(ProviderMisread):
            read(bad, "GET /x")


async def test_a_204_without_a_body_is_read_as_an_empty_object(odd: tuple[Api, list[str]]) -> None:
    assert await odd[0].get("/nothing") == {}


async def test_an_oversized_answer_is_refused(
    odd: tuple[Api, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGEST_ANSWER", 100)
    with pytest.raises(ProviderUnavailable):
        await odd[0].get("/huge")


async def test_an_unreachable_paypal_is_reported_as_unavailable(clock: MovableClock) -> None:
    api = Api(CLIENT, SECRET, "http://127.0.0.1:9", clock, Pace("paypal:sandbox", clock))
    with pytest.raises(ProviderUnavailable):
        await api.get(PLANS)
    await api.close()


@pytest.mark.parametrize("part", ["", "..", ".", "a/b", "a?b", "a#b", "ä", "a b", "x" * 128, "a%2e", "I-1\n"])
def test_a_malformed_id_is_not_found_without_a_call(part: str) -> None:
    with pytest.raises(ProviderNotFound):
        path("v1", "billing", "plans", part)


ERRORS: list[tuple[int, dict[str, Any], type[Exception]]] = [
    (400, {"name": "INVALID_REQUEST", "details": [{"issue": "MISSING"}]}, Refused),
    (401, {"error": "invalid_client"}, Refused),
    (403, {"name": "NOT_AUTHORIZED"}, Refused),
    (404, {"name": "RESOURCE_NOT_FOUND"}, NotKnown),
    (409, {"name": "RESOURCE_CONFLICT"}, ProviderUnavailable),
    (422, {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "PLAN_STATUS_INVALID"}]}, Refused),
    (422, {"details": [{"issue": "PREVIOUS_REQUEST_IN_PROGRESS"}]}, ProviderUnavailable),
    (429, {"name": "RATE_LIMIT_REACHED"}, ProviderUnavailable),
    (500, {}, ProviderUnavailable),
    (503, {}, ProviderUnavailable),
    (302, {}, ProviderMisread),
]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_tell_the_member_to_ask_the_admins(status: int) -> None:
    found = translate(status, b"{}", "GET /x")
    assert found.user_message == KEY_AT_FAULT
    assert found.retry


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS)
def test_each_paypal_error_becomes_an_error_of_the_port(
    status: int, body: dict[str, Any], kind: type[Exception]
) -> None:
    found = translate(status, json.dumps(body).encode(), "GET /x")
    assert type(found) is kind or isinstance(found, kind)
    assert str(status) in str(found)
    assert isinstance(found, NotKnown) == (status == 404)
    assert found.retry == (status in (401, 403) or not isinstance(found, ProviderRefused))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("7", 7),
        ("86400", 86400),
        ("9" * 400, math.inf),
        ("-5", 0),
        ("soon", 0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(said: str, seconds: float) -> None:
    assert wait_of(said, 60.0) == seconds


@pytest.mark.parametrize(
    "body", [b'{"debug_id": 5}', b"", b"<html>", b"[]", b'{"details": "x", "name": 5}', b'{"details": [1]}']
)
def test_an_error_with_an_unreadable_body_is_judged_by_its_status(body: bytes) -> None:
    assert isinstance(translate(404, body, "GET /x"), NotKnown)


def test_an_error_does_not_quote_what_was_sent() -> None:
    details = [{"issue": "hush b", "value": "hush"}, {"issue": "h" * 80}, {"issue": "OK_1"}]
    body = {"name": "X", "message": "hush", "details": details}
    assert str(translate(400, json.dumps(body).encode(), "GET /x")).endswith("GET /x: 400 OK_1 X")


async def test_no_secret_reaches_the_log(
    fake: PayPalServer, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await api.get(plan_path(fake))
        with pytest.raises(ProviderNotFound) as missing:
            await api.get(PLANS)
    token = fake._desk.token
    assert token
    for secret in (token, SECRET):
        assert secret not in caplog.text
        assert secret not in str(missing.value)
