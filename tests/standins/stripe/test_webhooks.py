"""Deliveries: signed, repeated, and wrong in every way a test may want."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from standins.clock import MovableClock
from standins.stripe import StripeServer
from tests.standins.stripe.helpers import Receiver, subscribe

Client = stripe.StripeClient


async def hook(client: Client, receiver: Receiver, *events: Any, **more: Any) -> Any:
    given: Any = {"url": receiver.url, "enabled_events": list(events) or ["*"], **more}
    return await client.v1.webhook_endpoints.create_async(given)


def bodies(receiver: Receiver) -> list[Any]:
    return [json.loads(body) for _, body in receiver.got]


def read(receiver: Receiver, n: int, secret: str) -> stripe.Event:
    headers, body = receiver.got[n]
    event: stripe.Event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)
    return event


async def test_an_endpoint_gets_the_events_it_chose_with_valid_signatures(
    client: Client, fake: StripeServer, receiver: Receiver, gold: Any
) -> None:
    endpoint = await hook(client, receiver, "customer.subscription.created", "checkout.session.completed")
    subscription = await subscribe(client, fake, gold)
    await fake.settle()
    events = [read(receiver, n, endpoint.secret) for n in range(2)]
    assert sorted(one.type for one in events) == [
        "checkout.session.completed",
        "customer.subscription.created",
    ]
    created = next(one for one in events if one.type == "customer.subscription.created")
    assert created.data.object["id"] == subscription.id
    with pytest.raises(stripe.SignatureVerificationError):
        read(receiver, 0, "whsec_other")
    assert {one.state for one in fake.deliveries} == {"delivered"}
    listed = await client.v1.webhook_endpoints.list_async()
    assert not hasattr(listed.data[0], "secret")


async def test_refused_deliveries_come_again_when_the_clock_is_turned(
    client: Client, fake: StripeServer, receiver: Receiver, clock: MovableClock
) -> None:
    endpoint = await hook(client, receiver, "product.created")
    receiver.answer = 503
    fake.add_product("Gold")
    await fake.settle()
    assert [one.status for one in fake.deliveries[0].attempts] == [503]
    assert fake.events[-1]["pending_webhooks"] == 1
    receiver.answer = 200
    clock.advance(301)
    await fake.settle()
    assert [one.status for one in fake.deliveries[0].attempts] == [503, 200]
    assert read(receiver, 0, endpoint.secret).id == read(receiver, 1, endpoint.secret).id
    assert receiver.got[0][0]["Stripe-Signature"] != receiver.got[1][0]["Stripe-Signature"]
    assert fake.events[-1]["pending_webhooks"] == 0


async def test_a_refused_delivery_is_given_up_after_days(
    client: Client, fake: StripeServer, receiver: Receiver, clock: MovableClock
) -> None:
    await hook(client, receiver, "product.created")
    receiver.answer = 302
    fake.add_product("Gold")
    for _ in range(12):
        await fake.settle()
        clock.advance(43_201)
    await fake.settle()
    assert fake.deliveries[0].state == "failed"
    assert len(receiver.got) == 10
    undelivered = await client.v1.events.list_async({"delivery_success": False})
    assert [one.type for one in undelivered.data] == ["product.created"]


async def test_both_secrets_sign_while_one_is_rotated(
    client: Client, fake: StripeServer, receiver: Receiver
) -> None:
    endpoint = await hook(client, receiver)
    fresh = fake.dashboard.rotate_secret(endpoint.id)
    fake.add_product("Gold")
    await fake.settle()
    assert receiver.got[0][0]["Stripe-Signature"].count("v1=") == 2
    for secret in (fresh, endpoint.secret):
        assert read(receiver, 0, secret).type == "product.created"
    fake.dashboard.rotate_secret(endpoint.id, keep_old=False)
    fake.add_product("Silver")
    await fake.settle()
    with pytest.raises(stripe.SignatureVerificationError):
        read(receiver, 1, endpoint.secret)


async def test_deliveries_can_be_doubled_reordered_dropped_and_held(
    client: Client, fake: StripeServer, receiver: Receiver
) -> None:
    await hook(client, receiver, "product.created")
    faults = fake.delivery_faults
    faults.double = True
    fake.add_product("A")
    await fake.settle()
    assert len({one["id"] for one in bodies(receiver)}) == 1
    assert len(receiver.got) == 2
    faults.double, faults.swap = False, True
    for name in "BC":
        fake.add_product(name)
    await fake.settle()
    assert [one["data"]["object"]["name"] for one in bodies(receiver)[2:]] == ["C", "B"]
    faults.swap, faults.drop = False, 1
    fake.add_product("D")
    fake.add_product("E")
    await fake.settle()
    assert [one["data"]["object"]["name"] for one in bodies(receiver)[4:]] == ["E"]
    faults.hold = True
    for name in "FG":
        fake.add_product(name)
    await fake.settle()
    assert len(receiver.got) == 5
    fake.release(backwards=True)
    await fake.settle()
    assert [one["data"]["object"]["name"] for one in bodies(receiver)[5:]] == ["G", "F"]


async def test_delayed_deliveries_wait_for_the_clock(
    client: Client, fake: StripeServer, receiver: Receiver, clock: MovableClock
) -> None:
    await hook(client, receiver)
    fake.delivery_faults.late = 3600
    fake.add_product("Gold")
    await fake.settle()
    assert receiver.got == []
    clock.advance(3601)
    await fake.settle()
    assert len(receiver.got) == 1


async def test_forged_deliveries_do_not_verify(
    client: Client, fake: StripeServer, receiver: Receiver
) -> None:
    endpoint = await hook(client, receiver, "price.created")
    fake.add_product("Gold")
    assert await fake.forge(receiver.url, fake.events[0]) == 200
    with pytest.raises(stripe.SignatureVerificationError):
        read(receiver, 0, endpoint.secret)
    await fake.forge(receiver.url, fake.events[0], endpoint.secret, age=600)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        read(receiver, 1, endpoint.secret)


async def test_an_endpoint_of_an_older_api_version_gets_older_shapes(
    client: Client, fake: StripeServer, receiver: Receiver, gold: Any
) -> None:
    await hook(client, receiver, "customer.subscription.created", "invoice.paid", api_version="2024-06-20")
    subscription = await subscribe(client, fake, gold)
    await fake.settle()
    by_type = {one["type"]: one for one in bodies(receiver)}
    snapshot = by_type["customer.subscription.created"]
    assert snapshot["api_version"] == "2024-06-20"
    ends = subscription["items"].data[0].current_period_end
    assert snapshot["data"]["object"]["current_period_end"] == ends
    assert "current_period_end" not in snapshot["data"]["object"]["items"]["data"][0]
    invoice = by_type["invoice.paid"]["data"]["object"]
    assert (invoice["subscription"], invoice["paid"]) == (subscription.id, True)
    assert "parent" not in invoice


async def test_thin_events_name_the_object_only(
    client: Client, fake: StripeServer, receiver: Receiver, gold: Any
) -> None:
    endpoint = await hook(client, receiver, "customer.subscription.created")
    fake.delivery_faults.thin = True
    subscription = await subscribe(client, fake, gold)
    await fake.settle()
    headers, body = receiver.got[0]
    notice: Any = client.parse_event_notification(body, headers["Stripe-Signature"], endpoint.secret)
    assert notice.type == "v1.customer.subscription.created"
    assert notice.related_object.id == subscription.id
    # Not notice.fetch_related_object_async(): in 16.1.0 it sends its own `usage` along as a parameter.
    assert (await client.v1.subscriptions.retrieve_async(notice.related_object.id)).id == subscription.id
    assert (await client.v2.core.events.retrieve_async(notice.id)).type == notice.type


async def test_events_can_be_listed_for_thirty_days(
    client: Client, fake: StripeServer, gold: Any, clock: MovableClock
) -> None:
    first = fake.events[0]
    listed = await client.v1.events.list_async({"types": ["product.created", "price.*"], "limit": 5})
    assert [one.type for one in listed.data] == ["price.created", "product.created"]
    since = await client.v1.events.list_async({"created": {"gte": int(clock.now()) + 1}})
    assert since.data == []
    assert (await client.v1.events.retrieve_async(first["id"])).type == "product.created"
    clock.advance(31 * 86_400)
    assert (await client.v1.events.list_async()).data == []
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.events.retrieve_async(first["id"])


async def test_endpoints_are_checked_changed_and_removed(
    client: Client, fake: StripeServer, receiver: Receiver
) -> None:
    mistakes: list[dict[str, Any]] = [
        {"url": "example.com"},
        {"enabled_events": ["no.such"]},
        {"enabled_events": []},
    ]
    for wrong in mistakes:
        given: Any = {"url": receiver.url, "enabled_events": ["*"], **wrong}
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.webhook_endpoints.create_async(given)
    endpoint = await hook(client, receiver)
    off = await client.v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    assert off.status == "disabled"
    fake.add_product("Gold")
    await fake.settle()
    assert receiver.got == []
    gone = await client.v1.webhook_endpoints.delete_async(endpoint.id)
    assert gone.deleted is True


async def test_update_events_name_the_changes_and_the_request(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    subscription = await subscribe(client, fake, gold)
    await client.v1.subscriptions.update_async(
        subscription.id, {"metadata": {"a": "b"}}, {"idempotency_key": "mine"}
    )
    event = fake.events[-1]
    assert event["type"] == "customer.subscription.updated"
    assert event["data"]["previous_attributes"] == {"metadata": {"a": None}}
    assert event["request"]["idempotency_key"] == "mine"


async def test_the_feed_reports_every_change(client: Client, fake: StripeServer, receiver: Receiver) -> None:
    feed = fake.subscribe()
    await hook(client, receiver)
    fake.add_product("Gold")
    await fake.settle()
    kinds = []
    while not feed.empty():
        kinds.append(feed.get_nowait()[0])
    assert {"exchange", "event", "delivery"} <= set(kinds)
    fake.unsubscribe(feed)
    fake.resend(fake.events[0]["id"])
    await fake.settle()
    assert len(receiver.got) == 2
    assert feed.empty()
