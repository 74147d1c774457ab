"""Notifications: chosen, signed, repeated, listed; genuine by a verifier of the tests' own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.delivery import BACKOFF
from tests.standins.paypal.helpers import DAY, Client, Receiver, path_of
from tests.standins.paypal.verifier import NotGenuineError, verify

HOOKS = "/v1/notifications/webhooks"
EVENTS = "/v1/notifications/webhooks-events"
VERIFY = "/v1/notifications/verify-webhook-signature"


async def test_a_webhook_gets_the_events_it_chose_with_valid_signatures(
    client: Client, fake: PayPalServer, receiver: Receiver, gold: Any
) -> None:
    types = [{"name": f"BILLING.SUBSCRIPTION.{one}"} for one in ("ACTIVATED", "CANCELLED")]
    hook = await client.good("POST", HOOKS, {"url": receiver.url, "event_types": types})
    made = await client.active(gold)
    await client.good("POST", f"{path_of(made)}/cancel", {"reason": "Enough"})
    await fake.settle()
    assert sorted(receiver.kinds()) == [one["name"] for one in types]
    for headers, body in receiver.got:
        await verify(fake, client.session, hook["id"], headers, body)
        with pytest.raises(NotGenuineError, match="signature"):
            await verify(fake, client.session, "0" * 17, headers, body)
        with pytest.raises(NotGenuineError, match="signature"):
            await verify(fake, client.session, hook["id"], headers, json.dumps(json.loads(body)).encode())
    headers, body = receiver.got[0]
    assert json.loads(body)["resource"]["id"] == made["id"]
    assert len({one["PAYPAL-TRANSMISSION-ID"] for one, _ in receiver.got}) == 2


async def test_a_refused_notification_comes_up_to_25_times_again_in_three_days(
    client: Client, fake: PayPalServer, receiver: Receiver, clock: MovableClock
) -> None:
    fake.add_webhook(receiver.url, ["CATALOG.PRODUCT.CREATED"])
    receiver.answer = 503
    fake.add_product("Gold")
    await fake.settle()
    assert len(receiver.got) == 1
    for pause in BACKOFF:
        clock.advance(pause + 1)
        await fake.settle()
    (delivery,) = fake.deliveries
    assert (len(receiver.got), delivery.state) == (26, "failed")
    assert len(BACKOFF) == 25
    assert 2.9 * DAY < sum(BACKOFF) <= 3 * DAY
    assert len({body for _, body in receiver.got}) == 1
    times = {one["PAYPAL-TRANSMISSION-TIME"] for one, _ in receiver.got}
    assert len(times) == 26


async def test_a_refused_notification_arrives_once_it_is_accepted(
    fake: PayPalServer, receiver: Receiver, clock: MovableClock
) -> None:
    fake.add_webhook(receiver.url)
    receiver.answer = 302
    fake.add_product("Gold")
    await fake.settle()
    receiver.answer = 200
    clock.advance(61)
    await fake.settle()
    assert [one.status for one in fake.deliveries[0].attempts] == [302, 200]
    clock.advance(3 * DAY)
    await fake.settle()
    assert len(receiver.got) == 2


async def test_notifications_can_be_doubled_reordered_dropped_and_held(
    fake: PayPalServer, receiver: Receiver
) -> None:
    fake.add_webhook(receiver.url)
    faults = fake.delivery_faults

    def names() -> list[str]:
        return [json.loads(body)["resource"]["name"] for _, body in receiver.got]

    faults.double = True
    fake.add_product("A")
    await fake.settle()
    assert names() == ["A", "A"]
    faults.double, faults.swap = False, True
    fake.add_product("B")
    fake.add_product("C")
    await fake.settle()
    assert names()[2:] == ["C", "B"]
    faults.swap, faults.drop = False, 1
    fake.add_product("D")
    await fake.settle()
    assert fake.deliveries[-1].state == "dropped"
    faults.hold = True
    fake.add_product("E")
    fake.add_product("F")
    await fake.settle()
    assert len(names()) == 4
    faults.hold = False
    fake.release(backwards=True)
    await fake.settle()
    assert names()[4:] == ["F", "E"]


async def test_delayed_notifications_wait_for_the_clock(
    fake: PayPalServer, receiver: Receiver, clock: MovableClock
) -> None:
    fake.add_webhook(receiver.url)
    fake.delivery_faults.late = 3600
    fake.add_product("A")
    while fake.deliveries[0].next_at is None:
        await fake.settle()
    await fake.settle()
    assert receiver.got == []
    clock.advance(3601)
    await fake.settle()
    assert len(receiver.got) == 1


async def test_webhooks_are_created_listed_changed_and_deleted(
    client: Client, fake: PayPalServer, receiver: Receiver
) -> None:
    made = await client.good("POST", HOOKS, {"url": receiver.url, "event_types": [{"name": "*"}]})
    (listed,) = (await client.good("GET", HOOKS))["webhooks"]
    assert listed == made == await client.good("GET", f"{HOOKS}/{made['id']}")
    patch = [{"op": "replace", "path": "/event_types", "value": [{"name": "PAYMENT.SALE.REFUNDED"}]}]
    await client.good("PATCH", f"{HOOKS}/{made['id']}", patch)
    types = await client.good("GET", f"{HOOKS}/{made['id']}/event-types")
    assert [one["name"] for one in types["event_types"]] == ["PAYMENT.SALE.REFUNDED"]
    every = await client.good("GET", "/v1/notifications/webhooks-event-types")
    assert "CUSTOMER.DISPUTE.RESOLVED" in [one["name"] for one in every["event_types"]]
    fake.add_product("Gold")
    await fake.settle()
    assert receiver.got == []
    assert await client.call("DELETE", f"{HOOKS}/{made['id']}") == (204, None)
    assert await client.refused("GET", f"{HOOKS}/{made['id']}") == (404, "INVALID_RESOURCE_ID")


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"url": "http://example.com/hook", "event_types": [{"name": "*"}]}, "Not a valid webhook URL"),
        (
            {"url": "https://example.com/hook", "event_types": [{"name": "NO.SUCH"}]},
            "Not a valid webhook event name: NO.SUCH",
        ),
        ({"event_types": [{"name": "*"}]}, "MISSING_REQUIRED_PARAMETER"),
        ({"url": "https://example.com/hook"}, "MISSING_REQUIRED_PARAMETER"),
    ],
)
async def test_an_invalid_webhook_is_refused(client: Client, given: Any, refusal: str) -> None:
    assert await client.refused("POST", HOOKS, given) == (400, refusal)


async def test_at_most_ten_webhooks_with_distinct_addresses_are_accepted(client: Client) -> None:
    def given(n: int) -> Any:
        return {"url": f"https://example.com/{n}", "event_types": [{"name": "*"}]}

    for n in range(9):
        await client.good("POST", HOOKS, given(n))
    assert await client.refused("POST", HOOKS, given(0)) == (400, "WEBHOOK_URL_ALREADY_EXISTS")
    await client.good("POST", HOOKS, given(9))
    assert await client.refused("POST", HOOKS, given(10)) == (400, "WEBHOOK_NUMBER_LIMIT_EXCEEDED")


async def test_events_are_listed_and_sent_again(
    client: Client, fake: PayPalServer, receiver: Receiver, gold: Any
) -> None:
    made = await client.active(gold)
    fake.add_webhook(receiver.url)
    listed = await client.good("GET", f"{EVENTS}?event_type=BILLING.SUBSCRIPTION.ACTIVATED")
    (event,) = listed["events"]
    assert (listed["count"], event["resource"]["id"]) == (1, made["id"])
    assert await client.good("GET", f"{EVENTS}/{event['id']}") == event
    first = await client.good("GET", f"{EVENTS}?page_size=1")
    assert first["events"] == [fake.events[-1]]
    sale = fake.events[-1]["resource"]["id"]
    assert (await client.good("GET", f"{EVENTS}?transaction_id={sale}"))["count"] == 1
    assert (await client.good("GET", f"{EVENTS}?end_time=2020-01-01T00:00:00Z"))["events"] == []
    assert (await client.call("POST", f"{EVENTS}/{event['id']}/resend", {}))[0] == 202
    await fake.settle()
    assert receiver.kinds() == ["BILLING.SUBSCRIPTION.ACTIVATED"]
    assert await client.refused("GET", f"{EVENTS}/WH-0") == (404, "INVALID_RESOURCE_ID")


async def test_simulated_events_are_signed_for_no_webhook(
    client: Client, fake: PayPalServer, receiver: Receiver
) -> None:
    given = {"url": receiver.url, "event_type": "PAYMENT.SALE.COMPLETED"}
    path = "/v1/notifications/simulate-event"
    assert (await client.call("POST", path, given))[0] == 202
    hook = fake.add_webhook(receiver.url)
    given = {"webhook_id": hook["id"], "event_type": "PAYMENT.SALE.COMPLETED"}
    assert (await client.call("POST", path, given))[0] == 202
    await fake.settle()
    (mock, mock_body), (real, real_body) = receiver.got
    await verify(fake, client.session, "WEBHOOK_ID", mock, mock_body)
    await verify(fake, client.session, hook["id"], real, real_body)
    assert fake.events == []


def asked(webhook_id: str, headers: dict[str, str], body: bytes) -> bytes:
    """The body of a postback: the event spliced in as it came."""
    names = {
        "auth_algo": "AUTH-ALGO",
        "cert_url": "CERT-URL",
        "transmission_id": "TRANSMISSION-ID",
        "transmission_sig": "TRANSMISSION-SIG",
        "transmission_time": "TRANSMISSION-TIME",
    }
    told = {name: headers[f"PAYPAL-{header}"] for name, header in names.items()} | {"webhook_id": webhook_id}
    return json.dumps(told).encode()[:-1] + b',"webhook_event":' + body + b"}"


async def test_paypal_says_whether_a_notification_is_its_own(
    client: Client, fake: PayPalServer, receiver: Receiver
) -> None:
    hook = fake.add_webhook(receiver.url)
    fake.add_product("Gold")
    await fake.settle()
    headers, body = receiver.got[0]

    async def status(webhook_id: str, headers: dict[str, str], body: bytes) -> str:
        answer = await client.good("POST", VERIFY, asked(webhook_id, headers, body))
        return str(answer["verification_status"])

    assert await status(hook["id"], headers, body) == "SUCCESS"
    assert await status(hook["id"], headers, json.dumps(json.loads(body)).encode()) == "FAILURE"
    assert await status("0" * 17, headers, body) == "FAILURE"
    other = {**headers, "PAYPAL-CERT-URL": headers["PAYPAL-CERT-URL"] + "0"}
    assert await status(hook["id"], other, body) == "FAILURE"
    for kind in ("other key", "other certificate", "self-signed", "tampered", "other webhook"):
        await fake.forge(kind, hook, fake.events[-1])
        assert await status(hook["id"], *receiver.got[-1]) == "FAILURE", kind
    await client.good("DELETE", f"{HOOKS}/{hook['id']}")
    assert await status(hook["id"], headers, body) == "FAILURE"


async def test_a_rotated_certificate_signs_later_notifications(
    client: Client, fake: PayPalServer, receiver: Receiver
) -> None:
    hook = fake.add_webhook(receiver.url)
    fake.add_product("A")
    await fake.settle()
    old, new = receiver.got[0][0]["PAYPAL-CERT-URL"], fake.rotate_certificate("second")
    fake.add_product("B")
    await fake.settle()
    assert receiver.got[1][0]["PAYPAL-CERT-URL"] == new != old
    for headers, body in receiver.got:
        await verify(fake, client.session, hook["id"], headers, body)
    assert [url.rpartition("/")[2] for url in (old, new)] == fake.certificate_asks


async def test_the_feed_reports_every_change(client: Client, fake: PayPalServer, receiver: Receiver) -> None:
    feed = fake.subscribe()
    fake.add_webhook(receiver.url)
    fake.add_product("Gold")
    await client.good("GET", HOOKS)
    await fake.settle()
    seen = set()
    while not feed.empty():
        seen.add(feed.get_nowait()[0])
    assert seen == {"event", "delivery", "exchange"}
    fake.unsubscribe(feed)
    fake.resend(fake.events[0]["id"])
    await fake.settle()
    assert (len(receiver.got), feed.empty()) == (2, True)
