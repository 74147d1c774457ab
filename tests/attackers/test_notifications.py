"""An unauthentic notification, or one that is no event, changes no row of the ledger and no member's
roles."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from db import SqliteLedger
from providers.stripe.provider import StripeProvider
from tests.app.harness import AppHarness, running
from tests.app.sale import ARRIVING, buy, paypal_of, rows
from tests.attackers.post import (
    SIGNED,
    Letter,
    by_paypal,
    by_stripe,
    event,
    send,
    stripe_signature,
    written,
)
from tests.outages.test_ledger import locked
from web.app import Listener, listening
from web.request_bodies import LARGEST_BODY

PROVIDERS = ("stripe", "paypal")
MINUTES = 303  # five, and what PayPal's whole seconds leave out
ODD_TIMES: list[Any] = [None, [], {}, True, "soon", -1, 1e30, 10**40, "9" * 5_000, "0000-00-00T00:00:00Z"]
BOMB = gzip.compress(bytes(64 << 20))
Cases = Iterator[tuple[str, Letter | bytes, int]]


def forged(app: AppHarness, provider: str, told: dict[str, Any]) -> Cases:
    """By who has no secret."""
    body, sign = written(told), SIGNED[provider]
    good = sign(app, body)
    yield "unsigned", Letter(provider, body, ()), 400
    yield "stale", sign(app, body, -MINUTES), 400
    yield "of the future", sign(app, body, MINUTES), 400
    yield "signed for another body", Letter(provider, written({**told, "id": "evt_2"}), good.headers), 400
    yield "one byte more", Letter(provider, body + b" ", good.headers), 400
    for name, value in good.headers:
        if name not in ("Content-Type", "User-Agent", "PAYPAL-AUTH-VERSION"):
            yield f"no {name}", good.but(name), 400
            yield f"empty {name}", good.but(name, b""), 400
            yield f"{name} twice, both spoilt", good.but(name, value[::-1], b"x"), 400
            yield f"{name} in bytes", good.but(name, b"\xff\xfe" + value), 400
            yield f"long {name}", good.but(name, value * 60), 400
    other = "paypal" if provider == "stripe" else "stripe"
    yield "at the other provider's door", Letter(other, body, good.headers), 400


def forged_stripe(app: AppHarness, told: dict[str, Any]) -> Cases:
    """Variations of Stripe's header."""
    body = written(told)
    stamp = b"%d" % app.clock.now()
    mark = stripe_signature(stamp, body, app.secret)
    header = "Stripe-Signature"
    good = by_stripe(app, body)
    yield "another secret", by_stripe(app, body, secret="whsec_other"), 400
    yield "the secret's name for itself", by_stripe(app, body, secret="STRIPE_WEBHOOK_SECRET"), 400
    yield "several v1, none right", good.but(header, b"t=%b" % stamp + b",v1=" * 9 + mark[::-1]), 400
    yield "a v0", good.but(header, b"t=%b,v0=%b" % (stamp, mark)), 400
    yield "two times", good.but(header, b"t=1,t=%b,v1=%b" % (stamp, mark)), 400
    for digits in ("０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩"):
        odd = stamp.decode().translate(str.maketrans("0123456789", digits)).encode()
        signed = b"t=%b,v1=%b" % (odd, stripe_signature(odd, body, app.secret))
        yield f"a time in the digits {digits[:3]}", good.but(header, signed), 400
    huge = b"9" * 400
    signed = b"t=%b,v1=%b" % (huge, stripe_signature(huge, body, app.secret))
    yield "a time beyond all numbers, rightly signed", good.but(header, signed), 400
    for stamped in (b"-1", b"+%b" % stamp, b"%b.0" % stamp, b" ", b"1e9", b"NaN"):
        signed = b"t=%b,v1=%b" % (stamped, stripe_signature(stamped, body, app.secret))
        yield f"the time {stamped.decode()}, rightly signed", good.but(header, signed), 400


def forged_paypal(app: AppHarness, told: dict[str, Any]) -> Cases:
    """Forgeries that `standins.paypal.forgery` does not make; tests/e2e/test_paypal.py sends those."""
    body = written(told)
    good = by_paypal(app, body)
    yield "a bar in the id", good.but("PAYPAL-TRANSMISSION-ID", b"a|b"), 400
    yield "a blank in the signature", good.but("PAYPAL-TRANSMISSION-SIG", b"YQ =="), 400
    yield "another account's", by_paypal(app, body, hook="WH-OF-ANOTHER"), 400


def no_event(provider: str, told: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Bodies that are signed, and no event."""
    text = written(told)
    kind = "type" if provider == "stripe" else "event_type"
    when = "created" if provider == "stripe" else "create_time"
    yield "nothing", b""
    yield "noise", bytes(range(256))
    yield "no UTF-8", text.replace(b'"id"', b'"note": "\xff\xfe", "id"', 1)
    yield "half a character", text[:-1] + b',"note":"\xc3"}'
    yield "a lone surrogate", text.replace(b'"id": "', b'"id": "\\ud800', 1)
    yield "UTF-16", text.decode().encode("utf-16")
    yield "deep lists", b"[" * (LARGEST_BODY - 9)
    yield "deep objects", b'{"data":' * 90_000
    yield "deep where nobody looks", text[:-1] + b',"x":' + b"[" * 400_000 + b"]" * 400_000 + b"}"
    yield "an infinite number", text[:-1] + b',"x":Infinity}'
    yield "no number", text.replace(b"{", b'{"x":NaN,', 1)
    yield "two bodies", text + text
    yield "a form", b"id=evt_1&type=x"
    for name, value in (("id", 7), ("id", ["evt_1"]), ("id", {"id": "evt_1"}), ("id", None), ("id", True)):
        yield f"{name} as {type(value).__name__}", written({**told, name: value})
    for odd in ("", "x" * 10_000, "evt\x00", "evt 1", "evt\nERROR dues: all is lost", "evt\u202e"):
        yield f"the id {odd[:20]!r}", written({**told, "id": odd})
        yield f"the kind {odd[:20]!r}", written({**told, kind: odd})
    for moment in ODD_TIMES if provider == "stripe" else ODD_TIMES[1:]:  # PayPal's may stand in the header
        yield f"at {str(moment)[:20]}", written({**told, when: moment})


def packed(provider: str, sign: Callable[[bytes], Letter], body: bytes) -> Cases:
    """Nothing is unpacked."""
    yield "5 MiB", sign(bytes(5 << 20)), 413
    chunked = Letter(provider, bytes(5 << 20), sign(bytes(5 << 20)).headers, length=False)
    yield "5 MiB in chunks", chunked, 413
    for how in (b"gzip", b"GZIP", b"x-gzip", b"deflate", b"br", b"zstd", b"identity, gzip", b"\xff"):
        named = how.decode("latin-1")
        yield f"a bomb by {named}", sign(BOMB).and_also("Content-Encoding", how), 400
        small = gzip.compress(body) if how != b"deflate" else zlib.compress(body)
        yield f"what unpacks to an event, by {named}", sign(small).and_also("Content-Encoding", how), 400
    yield "a bomb that does not say so", sign(BOMB), 400


def no_door(app: AppHarness, body: bytes) -> Cases:
    """Other addresses and other verbs."""
    raw = by_stripe(app, body).raw()
    for verb, status in ((b"GET", 405), (b"PUT", 405), (b"HEAD", 405), (b"DELETE", 405), (b"PATCH", 405)):
        yield verb.decode(), raw.replace(b"POST", verb, 1), status
    for address in (b"/webhooks/", b"/webhooks/Stripe", b"/webhooks/stripe/", b"/webhooks/%2e%2e/metrics"):
        yield address.decode(), raw.replace(b"/webhooks/stripe", address, 1), 404


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_forged_notification_changes_neither_ledger_nor_roles(
    app: AppHarness, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = event(app, provider, await buy(app, provider))
    before = rows(app)
    special = forged_stripe if provider == "stripe" else forged_paypal

    def sign(body: bytes) -> Letter:
        return SIGNED[provider](app, body)

    cases = [*forged(app, provider, told), *special(app, told), *no_door(app, written(told))]
    cases += [(name, sign(body), 400) for name, body in no_event(provider, told)]
    cases += packed(provider, sign, written(told))
    answers = {name: await send(app, sent) for name, sent, _ in cases}
    assert answers == {name: status for name, _, status in cases}
    assert rows(app) == before
    assert app.roles() == ["Gold"]
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR" or r.exc_info] == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_replayed_notification_is_answered_200_and_changes_nothing(
    app: AppHarness, provider: str
) -> None:
    await buy(app, provider)
    before = rows(app)
    if provider == "stripe":
        again = [by_stripe(app, delivery.body) for delivery in app.stripe.deliveries]
    else:
        again = [by_paypal(app, delivery.body) for delivery in paypal_of(app).deliveries]
    assert len(again) >= 2
    for letter in again:
        assert await send(app, letter) == 200
        assert await send(app, letter) == 200
    await app.settled()
    assert rows(app) == before


async def test_events_of_the_other_mode_or_of_another_account_are_ignored(app: AppHarness) -> None:
    told = event(app, "stripe", await buy(app, "stripe"))
    before = rows(app)
    for change in ({"livemode": True}, {"account": "acct_other"}, {"context": "acct_other"}):
        assert await send(app, by_stripe(app, written({**told, **change}))) == 200
    assert rows(app) == before


async def test_test_events_do_not_reach_a_live_ledger(app: AppHarness, tmp_path: Path) -> None:
    told = event(app, "stripe", "sub_1")
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(await SqliteLedger.open(tmp_path / "live.db"))
        live = StripeProvider("sk_live_1", (app.secret,), app.stripe.url, app.clock)
        stack.push_async_callback(live.close)
        application = Listener(ledger, {"stripe": live}, app.clock, lambda: None).application()
        app.port = await stack.enter_async_context(listening(application, "127.0.0.1", 0, 1.0))
        assert await send(app, by_stripe(app, written(told))) == 200
        assert (await ledger.load_health(0)).inbox == 0
        assert await send(app, by_stripe(app, written({**told, "livemode": True}))) == 200
        assert (await ledger.load_health(0)).inbox == 1


ODD = [
    "../customers/cus_1",
    "..",
    ".",
    "...",
    "%2e%2e",
    "sub_1?expand[]=customer",
    "sub_1#x",
    "sub_1;x",
    "sub_1\\..\\x",
    "//evil.example/x",
    "http://evil.example/",
    "sub 1",
    "sub\x00",
    "sub\r\nX-Evil: 1",
    "sub_é",
    "x" * 255,
    "x" * 10_000,
    "'; DROP TABLE inbox; --",
    ["sub_1"],
    {"id": {"id": "sub_1"}},
    7,
    1e400,
    True,
    None,
    "",
]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_id_in_a_signed_event_cannot_lead_to_another_address_of_the_api(
    app: AppHarness, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    await buy(app, provider)
    before = rows(app, leave_out=ARRIVING)
    app.stripe.exchanges.clear()
    paypal_of(app).exchanges.clear()
    for number, odd in enumerate(ODD):
        told = event(app, provider, odd, id=f"evt_odd_{number}")
        raw = json.dumps(told).replace("Infinity", "1" * 400).encode()
        assert await send(app, SIGNED[provider](app, raw)) in (200, 400), odd
    for _ in range(60):
        await app.turn(60)
    asked = {e.path for e in app.stripe.exchanges} | {e.path for e in paypal_of(app).exchanges}
    named = ("/v1/subscriptions/", "/v1/disputes", "/v1/customer/disputes", "/v1/billing/subscriptions/I-")
    # each sweep looks at what is sold, at either provider
    sold = {f"/v1/prices/{price['id']}" for price in app.stripe.world.all("price")}
    sold |= {f"/v1/billing/plans/{plan['id']}" for plan in paypal_of(app).world.all("plan")}
    assert {path for path in asked if not path.startswith(named)} <= {"/v1/subscriptions"} | sold
    waiting = await app.ports.ledger.load_health(app.ports.now())
    assert (waiting.inbox, waiting.oldest_event_age) == (0, None)
    after = [row for row in rows(app, leave_out=ARRIVING) if row not in before]
    assert [row for row in after if 'INSERT INTO "members"' not in row] == []
    assert app.roles() == ["Gold"]
    assert [r.getMessage() for r in caplog.records if r.exc_info] == []


async def test_a_body_with_doubled_keys_is_stored_as_one_event(app: AppHarness) -> None:
    """The last counts, as for Stripe's and PayPal's own libraries; what is looked at is what was fetched."""
    subscription_id = await buy(app, "stripe")
    body = (
        b'{"id":"evt_doubled_a",'
        + written(event(app, "stripe", subscription_id))[1:-1]
        + b',"id":"evt_doubled_b"}'
    )
    assert await send(app, by_stripe(app, body)) == 200
    await app.settled()
    kept = [row for row in rows(app) if "evt_doubled_a" in row or "evt_doubled_b" in row]
    assert len([row for row in kept if "evt_doubled_b" in row]) == 1
    assert not any("evt_doubled_a" in row for row in kept)
    assert app.roles() == ["Gold"]


async def test_the_webhook_of_a_provider_that_is_off_answers_404(idle_app: AppHarness) -> None:
    app = idle_app
    paypal, app.paypal = app.paypal, None
    async with running(app):
        app.paypal = paypal
        assert await send(app, by_paypal(app, b"{}")) == 404


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_notification_that_could_not_be_stored_is_stored_when_it_is_resent(
    app: AppHarness, provider: str
) -> None:
    """Every way that the file may fail, with Stripe: tests/outages/test_ledger.py."""
    letter = SIGNED[provider](app, written(event(app, provider, await buy(app, provider))))
    before = rows(app, leave_out=("members",))
    async with locked(app):
        assert [await send(app, letter) for _ in range(3)] == [503] * 3
    assert rows(app, leave_out=("members",)) == before
    assert await send(app, letter) == 200
    await app.settled()
    after = rows(app, leave_out=("members",))
    assert len([row for row in after if "UNTRUE" in row.upper()]) == 1
    assert app.roles() == ["Gold"]
