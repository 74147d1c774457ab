"""Every forgery is one: a careful verifier refuses each, for its own reason, and asks nobody but PayPal."""

from __future__ import annotations

from typing import Any

import pytest

from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.forgery import FORGERIES, KINDS, SPOILT
from tests.standins.paypal.helpers import DAY, Client, Receiver
from tests.standins.paypal.verifier import NotGenuineError, verify

REASONS = {
    "other key": "signature",
    "other certificate": "chain",
    "self-signed": "chain",
    "authority's namesake": "chain",
    "expired": "chain",
    "not valid yet": "chain",
    "wrong name": "chain",
    "name as a prefix": "chain",
    "leaf as authority": "chain",
    "redirect": "certificate",
    "reserialised": "signature",
    "tampered": "signature",
    "other webhook": "signature",
    "old": "time",
    "future": "time",
    "time moved": "signature",
    "weaker algorithm": "algorithm",
    "no such algorithm": "algorithm",
    "empty signature": "signature",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_forgery_is_refused(
    client: Client, fake: PayPalServer, receiver: Receiver, clock: MovableClock, kind: str
) -> None:
    hook = fake.add_webhook(receiver.url)
    clock.advance(40 * DAY)
    event = fake.add_product("Gold") and fake.events[-1]
    await fake.settle()
    await verify(fake, client.session, hook["id"], *receiver.got[0])
    assert await fake.forge(kind, hook, event) == 200
    reason = REASONS.get(kind, "address" if kind in FORGERIES else "malformed")
    with pytest.raises(NotGenuineError, match=reason):
        await verify(fake, client.session, hook["id"], *receiver.got[1])
    assert fake.trap.hits == []


async def test_the_trap_counts_requests_to_forged_certificate_addresses(
    client: Client, fake: PayPalServer, receiver: Receiver
) -> None:
    """The addresses of "redirect" and "wrong host" serve a certificate that would be accepted."""
    hook = fake.add_webhook(receiver.url)
    event: Any = fake.add_product("Gold") and fake.events[-1]
    await fake.settle()
    for kind in ("redirect", "wrong host"):
        await fake.forge(kind, hook, event)
        async with client.session.get(receiver.got[-1][0]["PAYPAL-CERT-URL"]) as answer:
            assert b"BEGIN CERTIFICATE" in await answer.read()
    assert len(fake.trap.hits) == 2


def test_every_kind_of_forgery_has_its_own_name() -> None:
    assert len(set(KINDS)) == len(FORGERIES) + len(SPOILT)
    assert set(REASONS) < set(KINDS)
