"""Forged notifications by the hundred: they cause little work at PayPal, and no true one is lost by them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from billing.errors import NotAuthentic, ProviderUnavailable
from providers.paypal.provider import PayPalProvider
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.certs import Authority
from standins.paypal.signing import Message
from tests.providers.notebook import Notebook
from tests.providers.paypal.conftest import provider_at
from tests.providers.paypal.test_webhook import body_of, lower, signed

BODY = body_of("BILLING.SUBSCRIPTION.UPDATED", {"id": "I-1"})
KEPT = "paypal_certificates"


async def outcome(provider: PayPalProvider, message: Message, clock: MovableClock) -> str:
    try:
        await provider.authenticate(message.body, lower(message.headers), clock.now())
    except (NotAuthentic, ProviderUnavailable) as error:
        return type(error).__name__
    return "believed"


def forged(fake: PayPalServer, number: int | None = None) -> Message:
    """Names a certificate of its own where PayPal's are, or PayPal's own without a number."""
    message = signed(fake, BODY)
    message.body = BODY.replace(b"I-1", b"I-2")
    if number is not None:
        message.cert_url = f"{fake.url}/v1/notifications/certs/CERT-{number}"
    return message


async def pour(provider: PayPalProvider, fake: PayPalServer, clock: MovableClock, count: int) -> Counter[str]:
    """Ten at a time, each with a name of its own."""
    found: Counter[str] = Counter()
    for ten in range(0, count, 10):
        letters = [forged(fake, number) for number in range(ten, ten + 10)]
        found.update(await asyncio.gather(*(outcome(provider, one, clock) for one in letters)))
    return found


def questions(fake: PayPalServer) -> int:
    return sum("verify-webhook-signature" in exchange.path for exchange in fake.exchanges)


async def test_invented_certificate_addresses_cause_few_requests_to_paypal(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    found = await pour(provider, fake, clock, 600)
    assert len(fake.certificate_asks) <= 30
    assert set(found) == {"NotAuthentic", "ProviderUnavailable"}
    assert found["NotAuthentic"] == len(fake.certificate_asks)


async def test_a_genuine_notification_postponed_by_a_flood_is_accepted_when_resent(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    await pour(provider, fake, clock, 100)
    assert await outcome(provider, signed(fake, BODY), clock) == "ProviderUnavailable"
    clock.advance(60)
    assert await outcome(provider, signed(fake, BODY), clock) == "believed"
    await pour(provider, fake, clock, 100)
    assert await outcome(provider, signed(fake, BODY), clock) == "believed", "its certificate is known now"


async def test_genuine_notifications_are_accepted_however_often_certificates_change(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    for number in range(60):
        fake.rotate_certificate(str(number % 3))
        assert await outcome(provider, signed(fake, BODY), clock) == "believed"


async def test_a_verified_certificate_is_still_known_after_a_restart(
    fake: PayPalServer, clock: MovableClock
) -> None:
    """The first notification after a start is believed at once, though strangers came first and PayPal's
    certificates cannot be fetched."""
    book = Notebook()
    first = provider_at(fake, clock, kept=book)
    assert await outcome(first, signed(fake, BODY), clock) == "believed"
    await first.close()
    assert list(json.loads(book.facts[KEPT])) == [fake.cert_url]
    fake.certificate_asks.clear()
    second = provider_at(fake, clock, kept=book)
    await pour(second, fake, clock, 100)
    await fake.go_down()
    assert await outcome(second, signed(fake, BODY), clock) == "believed"
    assert fake.cert_url.rsplit("/", 1)[1] not in fake.certificate_asks
    assert await outcome(second, forged(fake), clock) == "NotAuthentic"
    await second.close()


async def test_a_certificate_kept_in_the_ledger_is_verified_again(
    fake: PayPalServer, clock: MovableClock
) -> None:
    """Otherwise anybody who can write to the ledger could sign for PayPal."""
    book, other = Notebook(), Authority("Stranger", fake.authority.now)
    leaf = other.leaf()
    pem = b"".join(one.pem() for one in (leaf, other.between, other.root)).decode()
    elsewhere = "https://evil.example/v1/notifications/certs/CERT-1"
    for address in (fake.cert_url, elsewhere):
        book.facts[KEPT] = json.dumps({address: pem})
        provider = provider_at(fake, clock, kept=book)
        letter = signed(fake, BODY)
        letter.cert_url = address
        assert await outcome(provider, letter.sign(leaf), clock) == "NotAuthentic"
        assert await outcome(provider, signed(fake, BODY), clock) == "believed"
        await provider.close()


@pytest.mark.parametrize("kept", ["", "{", "[]", "7", "null", '{"x": 1}', '{"x": "\\ud800"}'])
async def test_an_unreadable_kept_certificate_is_fetched_again(
    fake: PayPalServer, clock: MovableClock, kept: str
) -> None:
    book = Notebook()
    book.facts[KEPT] = kept
    provider = provider_at(fake, clock, kept=book)
    assert await outcome(provider, signed(fake, BODY), clock) == "believed"
    await provider.close()


async def test_a_failing_ledger_does_not_stop_notifications_from_being_verified(
    fake: PayPalServer, clock: MovableClock
) -> None:
    book = Notebook()
    book.broken = True
    provider = provider_at(fake, clock, kept=book)
    for _ in range(2):
        assert await outcome(provider, signed(fake, BODY), clock) == "believed"
    await provider.close()


@pytest.mark.parametrize("known", [True, False])
async def test_a_flood_of_forgeries_causes_few_postbacks_to_paypal(
    fake: PayPalServer, clock: MovableClock, *, known: bool
) -> None:
    """Forgeries that name certificates of their own do not use up the allowance of PayPal's certificate."""
    asking = provider_at(fake, clock, postback=True)
    assert await outcome(asking, signed(fake, BODY), clock) == "believed"
    found: Counter[str] = Counter()
    for number in range(300):
        found[await outcome(asking, forged(fake, None if known else number), clock)] += 1
    assert questions(fake) <= 40
    assert set(found) == {"NotAuthentic", "ProviderUnavailable"}
    assert await outcome(asking, signed(fake, BODY), clock) == "believed"
    await asking.close()


async def test_a_genuine_notification_does_not_wait_for_the_postbacks_of_forgeries(
    fake: PayPalServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as may wait name PayPal's own certificate, and PayPal is slow about them."""
    asking = provider_at(fake, clock, postback=True)
    assert await outcome(asking, signed(fake, BODY), clock) == "believed"
    assert asking._postback is not None
    answered, ask = asyncio.Event(), asking._postback._is_signed

    async def slow(body: bytes, *about: Any) -> bool:
        if b"I-2" in body:
            await answered.wait()
        return await ask(body, *about)

    monkeypatch.setattr(asking._postback, "_is_signed", slow)
    letters = [asyncio.create_task(outcome(asking, forged(fake), clock)) for _ in range(60)]
    await asyncio.wait(letters, return_when=asyncio.FIRST_COMPLETED)  # for whom there is no room
    assert await outcome(asking, signed(fake, BODY), clock) == "believed"
    answered.set()
    assert "believed" not in await asyncio.gather(*letters)
    await asking.close()


async def test_postback_mode_accepts_every_genuine_notification_of_a_busy_day(
    fake: PayPalServer, clock: MovableClock
) -> None:
    asking = provider_at(fake, clock, postback=True)
    for _ in range(5):
        letters = [signed(fake, BODY) for _ in range(30)]
        found = await asyncio.gather(*(outcome(asking, one, clock) for one in letters))
        assert set(found) == {"believed"}
    await asking.close()


async def test_only_a_few_notifications_wait_for_a_slow_certificate(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits with its body; the others are to be sent again."""
    fetch = provider._certificates._fetch

    async def slow(url: str) -> bytes:
        await asyncio.sleep(0.5)
        return await fetch(url)

    monkeypatch.setattr(provider._certificates, "_fetch", slow)
    letters = [outcome(provider, signed(fake, BODY), clock) for _ in range(100)]
    found = Counter(await asyncio.gather(*letters))
    assert found == {"believed": 40, "ProviderUnavailable": 60}
    assert len(fake.certificate_asks) == 1
