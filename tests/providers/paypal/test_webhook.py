"""PayPal's notifications are verified: every forgery that the stand-in can make is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from billing.errors import Malformed, NotAuthentic, ProviderError, ProviderUnavailable
from billing.model import Event, Subject
from i18n.plain import plain_words
from providers.paypal.certs import LOOK_AGAIN_SECONDS
from providers.paypal.provider import PayPalProvider
from providers.paypal.webhook import TOLERANCE
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.certs import NAME, issue
from standins.paypal.forgery import forge
from standins.paypal.signing import Message
from tests.contract.providers.harness import Sink
from tests.providers.paypal.conftest import hook_of, provider_at


@pytest.fixture
async def asking(fake: PayPalServer, clock: MovableClock) -> AsyncIterator[PayPalProvider]:
    """The same with PAYPAL_VERIFY=postback."""
    found = provider_at(fake, clock, postback=True)
    yield found
    await found.close()


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def signed(fake: PayPalServer, body: bytes, moment: float | None = None) -> Message:
    return fake.forger.genuine(body, hook_of(fake)["id"], moment)


async def read(provider: PayPalProvider, message: Message, now: float) -> list[Event]:
    return await provider.authenticate(message.body, lower(message.headers), now)


def some_event(fake: PayPalServer) -> Any:
    fake.add_plan(fake.add_product("Gold"), "5.00")
    return fake.events[-1]


def body_of(kind: str, resource: Any) -> bytes:
    event = {
        "id": "WH-1",
        "event_type": kind,
        "create_time": "2027-01-01T00:00:00.123Z",
        "resource": resource,
    }
    return json.dumps(event).encode()


async def test_a_genuine_paypal_notification_is_read(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    (event,) = await read(
        provider, signed(fake, body_of("BILLING.SUBSCRIPTION.EXPIRED", {"id": "I-1"})), clock.now()
    )
    assert (event.provider, event.account, event.id) == ("paypal", "sandbox", "WH-1")
    assert event.subject == Subject("subscription", "I-1")
    assert event.occurred_at == 1_798_761_600


async def test_a_certificate_renewed_at_its_address_is_rarely_fetched_again(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    body, first = body_of("BILLING.SUBSCRIPTION.EXPIRED", {"id": "I-1"}), fake.cert_url
    assert await read(provider, signed(fake, body), clock.now())
    second = fake.rotate_certificate("another")
    pems = fake.world.shelf.pems
    pems[first.rsplit("/", 1)[1]] = pems[second.rsplit("/", 1)[1]]
    fake.forger.cert_url = first
    with pytest.raises(NotAuthentic):
        await read(provider, signed(fake, body), clock.now())
    assert len(fake.certificate_asks) == 1
    clock.advance(LOOK_AGAIN_SECONDS)
    forged = signed(fake, body)
    forged.body += b" "
    for _ in range(3):
        with pytest.raises(NotAuthentic):
            await read(provider, forged, clock.now())
    assert len(fake.certificate_asks) == 2
    assert await read(provider, signed(fake, body), clock.now())
    assert len(fake.certificate_asks) == 2


async def test_a_postback_sends_the_body_unchanged(
    fake: PayPalServer, asking: PayPalProvider, clock: MovableClock
) -> None:
    """With blanks, escapes and an order of its own, which no program would write again so."""
    odd = b'{ "resource" : {"id":"I-\\u0031"},"create_time":"2027-01-01T00:00:00Z"\n,"id":"W\\/1", '
    odd += b'"event_type": "BILLING.SUBSCRIPTION.UPDATED" }'
    (event,) = await read(asking, signed(fake, odd), clock.now())
    assert event.id == "W/1"
    assert event.subject == Subject("subscription", "I-1")
    assert fake.certificate_asks == []


async def test_a_body_cannot_inject_fields_into_a_postback(
    fake: PayPalServer, asking: PayPalProvider, clock: MovableClock
) -> None:
    body = body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"}) + b',"webhook_id":"OTHER"'
    with pytest.raises(Malformed):
        await read(asking, signed(fake, body), clock.now())
    assert not any("verify" in exchange.path for exchange in fake.exchanges)


@pytest.mark.parametrize(
    ("status", "error"), [(400, NotAuthentic), (422, NotAuthentic), (403, ProviderError)]
)
async def test_a_notification_that_paypal_refuses_in_a_postback_is_not_authentic(
    fake: PayPalServer, asking: PayPalProvider, clock: MovableClock, status: int, error: type[Exception]
) -> None:
    message = signed(fake, body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"}))
    fake.faults.add("status", "/verify-webhook-signature", status=status)
    with pytest.raises(error):
        await read(asking, message, clock.now())


async def test_an_event_without_a_time_is_dated_by_its_transmission(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    body = b'{"id":"WH-1","event_type":"BILLING.SUBSCRIPTION.UPDATED","resource":{"id":"I-1"}}'
    (event,) = await read(provider, signed(fake, body, clock.now() - 60), clock.now())
    assert abs(event.occurred_at - clock.now() + 60) < 5


async def test_a_signature_with_a_4096_bit_key_is_accepted(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    now = fake.authority.now
    leaf = issue(NAME, private, issuer=fake.authority.between, now=now)
    body, hook = body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"}), hook_of(fake)["id"]
    message = fake.forger.signed_by([leaf, fake.authority.between], body, hook)
    assert await read(provider, message, clock.now())


@pytest.mark.parametrize("postback", [True, False])
async def test_a_notification_cannot_be_verified_while_paypal_is_down(
    fake: PayPalServer, clock: MovableClock, *, postback: bool
) -> None:
    found = provider_at(fake, clock, postback=postback)
    message = signed(fake, body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"}))
    await fake.go_down()
    with pytest.raises(ProviderUnavailable):
        await read(found, message, clock.now())
    await fake.come_back()
    clock.advance(10)
    assert await read(found, message, clock.now())
    await found.close()


@pytest.mark.parametrize("off", [-TOLERANCE - 2, TOLERANCE + 2])
async def test_a_notification_too_old_or_too_far_in_the_future_is_refused(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock, off: int
) -> None:
    body = body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"})
    inside = off // abs(off) * (TOLERANCE - 5)
    assert await read(provider, signed(fake, body, clock.now() + inside), clock.now())
    with pytest.raises(NotAuthentic) as refused:
        await read(provider, signed(fake, body, clock.now() + off), clock.now())
    assert "clock" in plain_words(refused.value.user_message)


async def test_a_certificate_is_fetched_once_for_many_notifications(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    body = body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"})
    await asyncio.gather(*(read(provider, signed(fake, body), clock.now()) for _ in range(3)))
    before = len(fake.certificate_asks)
    await read(provider, signed(fake, body), clock.now())
    assert len(fake.certificate_asks) == before
    fake.rotate_certificate("second")
    assert await read(provider, signed(fake, body), clock.now())
    assert len(fake.certificate_asks) == before + 1


async def test_a_refused_certificate_is_not_fetched_for_every_notification(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    body, headers = forge(fake.forger, "self-signed", some_event(fake), hook_of(fake)["id"])
    for _ in range(5):
        with pytest.raises(NotAuthentic):
            await provider.authenticate(body, lower(headers), clock.now())
    assert len(fake.certificate_asks) == 1


async def test_a_certificate_that_expires_is_accepted_no_longer(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    forger = fake.forger
    leaf = forger.authority.leaf(days=(-1, 30), own_key="short")
    body, hook = body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"}), hook_of(fake)["id"]
    message = forger.signed_by([leaf, forger.authority.between], body, hook)
    assert await read(provider, message, clock.now())
    clock.advance(31 * 86_400)
    late = Message(body, hook, clock.now(), message.cert_url).sign(leaf)
    with pytest.raises(NotAuthentic):
        await read(provider, late, clock.now())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"id":"WH-1"}',
        b'{"id":"","event_type":"X","create_time":"2027-01-01T00:00:00Z"}',
        b'{"id":"WH-1","event_type":"X","create_time":"soon"}',
        b'{"id":"WH-1","event_type":"X","create_time":"2027-01-01T00:00:00Z","resource":[]}',
        b'{"id":"WH-1","event_type":"\xff","create_time":"2027-01-01T00:00:00Z"}',
        b"[" * 100_000,
        b'{"id":"WH-1","event_type":5,"create_time":"2027-01-01T00:00:00Z","x":"\\ud83d"}',
        b'{"id":"WH-1","event_type":"X\\ud83d","create_time":"2027-01-01T00:00:00Z"}',
    ],
)
async def test_a_signed_body_that_is_no_event_is_malformed(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock, body: bytes
) -> None:
    with pytest.raises(Malformed):
        await read(provider, signed(fake, body), clock.now())


SUBJECTS = [
    ("BILLING.SUBSCRIPTION.CREATED", {"id": "I-1"}, None),
    ("BILLING.SUBSCRIPTION.ACTIVATED", {"id": "I-1"}, Subject("subscription", "I-1")),
    ("BILLING.SUBSCRIPTION.RE-ACTIVATED", {"id": "I-1"}, Subject("subscription", "I-1")),
    ("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"}, Subject("subscription", "I-1")),
    ("BILLING.SUBSCRIPTION.EXPIRED", {"id": "I-1"}, Subject("subscription", "I-1")),
    ("BILLING.SUBSCRIPTION.CANCELLED", {"id": "I-1"}, Subject("subscription", "I-1")),
    ("BILLING.SUBSCRIPTION.SUSPENDED", {"id": "I-1"}, Subject("subscription", "I-1")),
    ("BILLING.SUBSCRIPTION.PAYMENT.FAILED", {"id": "I-1"}, Subject("subscription", "I-1")),
    ("PAYMENT.SALE.COMPLETED", {"id": "S1", "billing_agreement_id": "I-1"}, Subject("subscription", "I-1")),
    ("PAYMENT.SALE.COMPLETED", {"id": "S1"}, None),
    ("PAYMENT.SALE.REFUNDED", {"id": "R1", "sale_id": "S1"}, Subject("sale", "S1")),
    ("PAYMENT.SALE.REVERSED", {"id": "S1", "billing_agreement_id": "I-1"}, Subject("dispute", "S1")),
    ("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}, Subject("dispute", "PP-D-1")),
    ("CUSTOMER.DISPUTE.UPDATED", {"dispute_id": "PP-D-1"}, Subject("dispute", "PP-D-1")),
    ("CUSTOMER.DISPUTE.RESOLVED", {"dispute_id": "PP-D-1"}, Subject("dispute", "PP-D-1")),
    ("BILLING.PLAN.CREATED", {"id": "P-1"}, None),
    ("BILLING.PLAN.UPDATED", {"id": "P-1"}, Subject("price", "P-1")),
    ("BILLING.PLAN.PRICING-CHANGE.ACTIVATED", {"id": "P-1"}, Subject("price", "P-1")),
    ("CATALOG.PRODUCT.CREATED", {"id": "PROD-1"}, None),
    ("BILLING.SUBSCRIPTION.ACTIVATED", {"id": 5}, None),
    ("BILLING.SUBSCRIPTION.ACTIVATED", {"id": ""}, None),
    ("BILLING.SUBSCRIPTION.ACTIVATED", None, None),
]


@pytest.mark.parametrize(("kind", "resource", "subject"), SUBJECTS)
async def test_each_paypal_event_leads_to_its_subject(
    fake: PayPalServer,
    provider: PayPalProvider,
    clock: MovableClock,
    kind: str,
    resource: Any,
    subject: Subject | None,
) -> None:
    (event,) = await read(provider, signed(fake, body_of(kind, resource)), clock.now())
    assert (event.kind, event.subject) == (kind, subject)


async def test_notifications_of_the_local_paypal_are_accepted(
    fake: PayPalServer, sink: Sink, provider: PayPalProvider, clock: MovableClock
) -> None:
    some_event(fake)
    await fake.settle()
    assert len(sink.arrived) == 2
    for body, headers in sink.arrived:
        assert await provider.authenticate(body, headers, clock.now())


@pytest.mark.parametrize("postback", [False, True])
async def test_notifications_of_both_webhooks_are_accepted_during_a_rotation(
    fake: PayPalServer, sink: Sink, clock: MovableClock, *, postback: bool
) -> None:
    old, new = hook_of(fake)["id"], fake.add_webhook(f"{sink.url}/new")["id"]
    third = fake.add_webhook(f"{sink.url}/third")["id"]
    secrets = (fake.client_id, fake.client_secret, (old, new))
    provider = PayPalProvider(*secrets, fake.url, clock, ca_file=fake.ca_file, postback=postback)
    body = body_of("BILLING.SUBSCRIPTION.EXPIRED", {"id": "I-1"})
    for hook in (old, new):
        assert await read(provider, fake.forger.genuine(body, hook), clock.now())
    with pytest.raises(NotAuthentic):
        await read(provider, fake.forger.genuine(body, third), clock.now())
    await provider.close()
