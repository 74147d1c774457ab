"""Each forgery is refused by a guard, and gets through without it: none is refused by mere chance."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from cryptography.x509.verification import Store

from billing.errors import NotificationError, ProviderUnavailable
from providers.paypal import certs, provider, webhook
from providers.paypal.api import Api
from providers.paypal.certs import Certificates, Signer, read_certificates
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.delivery import written
from standins.paypal.forgery import KINDS, SPOILT, forge
from tests.providers.paypal.conftest import hook_of, provider_at

Patch = pytest.MonkeyPatch


@pytest.fixture
def strays(fake: PayPalServer, monkeypatch: Patch) -> list[str]:
    """The addresses elsewhere than at the local PayPal that the adapter asks for, answered or not."""
    found: list[str] = []
    request = aiohttp.ClientSession._request

    async def watched(self: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
        if self is not fake._deliverer.session and not str(url).startswith(f"{fake.url}/"):
            found.append(str(url))
        return await request(self, method, url, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", watched)
    return found


async def is_taken(
    fake: PayPalServer, clock: MovableClock, kind: str, strays: list[str], *, postback: bool = False
) -> bool:
    """Whether a forgery is believed, or leads anybody elsewhere."""
    fake.add_plan(fake.add_product("Gold"), "5.00")
    body, headers = forge(fake.forger, kind, fake.events[-1], hook_of(fake)["id"])
    provider = provider_at(fake, clock, postback=postback)
    try:
        await provider.authenticate(body, {name.lower(): one for name, one in headers.items()}, clock.now())
    except (NotificationError, ProviderUnavailable):
        return bool(fake.trap.hits or strays)
    finally:
        await provider.close()
    return True


@pytest.mark.parametrize("postback", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_no_forgery_is_accepted_with_every_guard_in_place(
    fake: PayPalServer, clock: MovableClock, strays: list[str], kind: str, *, postback: bool
) -> None:
    assert not await is_taken(fake, clock, kind, strays, postback=postback)
    assert not (postback and fake.certificate_asks)


Removal = Callable[[Patch, PayPalServer, str], None]
REMOVALS: dict[Removal, str] = {}


def notices(kinds: str) -> Callable[[Removal], Removal]:
    """A change that removes a guard, and the kinds of forgery that get through without it."""

    def enter(removal: Removal) -> Removal:
        REMOVALS[removal] = kinds
        return removal

    return enter


@notices(
    "wrong host, host as a prefix, host in the userinfo, host as user, host with a password, backslash,"
    " fragment, question mark, user at the right host, no scheme, other scheme, other path"
)
def any_address(patch: Patch, _fake: PayPalServer, _kind: str) -> None:
    patch.setattr(Certificates, "admit", lambda self, url: None)


@notices("other key, tampered, other webhook, time moved, empty signature, reserialised")
def any_signature(patch: Patch, _fake: PayPalServer, kind: str) -> None:
    signer = Certificates.signer

    async def easy(self: Certificates, url: str, now: float) -> Any:
        found = await signer(self, url, now)
        key: Any = SimpleNamespace(verify=lambda *_: None)
        return Signer(key, found.valid_from, found.valid_until, b"")

    patch.setattr(Certificates, "signer", easy)
    if kind == "empty signature":
        patch.setattr(webhook, "_PLAIN", SimpleNamespace(fullmatch=lambda _: True))


@notices("no signature, no id, no time, no address, no algorithm, no base64, no time at all")
def any_header(patch: Patch, fake: PayPalServer, kind: str) -> None:
    names = ("auth-algo", "cert-url", "transmission-id", "transmission-sig", "transmission-time")

    def read(headers: Mapping[str, str], _now: float) -> webhook.Transmission:
        return webhook.Transmission(*(headers.get(f"paypal-{name}", "") for name in names))

    patch.setattr(provider, "read_headers", read)
    patch.setattr(webhook, "base64", SimpleNamespace(b64decode=lambda *_, **__: b""))
    any_signature(patch, fake, kind)
    any_address(patch, fake, kind)


@notices("weaker algorithm, no such algorithm")
def any_algorithm(patch: Patch, _fake: PayPalServer, kind: str) -> None:
    patch.setattr(webhook, "ALGORITHM", SPOILT[kind][1])


@notices("old, future")
def any_time(patch: Patch, _fake: PayPalServer, _kind: str) -> None:
    patch.setattr(webhook, "TOLERANCE", 1 << 40)


@notices("reserialised")
def any_spelling(patch: Patch, _fake: PayPalServer, _kind: str) -> None:
    """The same content, in bytes of one's own making."""
    respelt = SimpleNamespace(crc32=lambda body: zlib.crc32(written(json.loads(body))))
    patch.setattr(webhook, "zlib", respelt)


@notices("redirect")
def any_redirect(patch: Patch, _fake: PayPalServer, _kind: str) -> None:
    get = aiohttp.ClientSession.get

    def follow(self: aiohttp.ClientSession, url: str, **options: Any) -> Any:
        return get(self, url, **{**options, "allow_redirects": True})

    patch.setattr(aiohttp.ClientSession, "get", follow)


@notices("wrong name, name as a prefix")
def any_name(patch: Patch, _fake: PayPalServer, _kind: str) -> None:
    patch.setattr(certs, "_names_of", lambda _: set(certs._NAMES))


@notices("other certificate, self-signed, authority's namesake")
def any_authority(patch: Patch, _fake: PayPalServer, _kind: str) -> None:
    verify = certs.verify

    def trusting(text: bytes, _trusted: Store, names: frozenset[str], now: float) -> Signer:
        return verify(text, Store(read_certificates(text)), names, now)

    patch.setattr(certs, "verify", trusting)


@notices("expired, not valid yet")
def any_date(patch: Patch, _fake: PayPalServer, _kind: str) -> None:
    verify = certs.verify

    def timeless(text: bytes, trusted: Store, names: frozenset[str], _now: float) -> Signer:
        leaf = read_certificates(text)[0]
        return verify(text, trusted, names, leaf.not_valid_before_utc.timestamp() + 3600)

    patch.setattr(certs, "verify", timeless)


@notices("leaf as authority")
def any_issuer(patch: Patch, fake: PayPalServer, _kind: str) -> None:
    """Each signed by the next, the last by one that is trusted; but nobody asks whether they may."""
    (root,) = read_certificates(fake.ca_file.read_bytes())

    def linked(text: bytes, _trusted: Store, names: frozenset[str], now: float) -> Signer:
        chain = read_certificates(text)
        for issued, issuer in pairwise([*chain, root]):
            issued.verify_directly_issued_by(issuer)
        assert certs._names_of(chain[0]) <= names
        key: Any = chain[0].public_key()
        return Signer(key, now - 1, now + 1, b"")

    patch.setattr(certs, "verify", linked)


GUARDED = [(removal, kind) for removal, kinds in REMOVALS.items() for kind in kinds.split(", ")]


@pytest.mark.parametrize(("removal", "kind"), GUARDED, ids=[f"{r.__name__}-{k}" for r, k in GUARDED])
async def test_each_forgery_is_accepted_without_its_guard(
    fake: PayPalServer,
    clock: MovableClock,
    strays: list[str],
    monkeypatch: Patch,
    removal: Removal,
    kind: str,
) -> None:
    removal(monkeypatch, fake, kind)
    assert await is_taken(fake, clock, kind, strays)


def test_every_kind_of_forgery_has_a_guard() -> None:
    assert {kind for _, kind in GUARDED} == set(KINDS)


# Their address leads to PayPal and their time is now: only PayPal's own word holds them back.
ELSEWHERE = (any_address, any_header, any_algorithm, any_time)
ASKED = [kind for removal, kind in GUARDED if removal not in ELSEWHERE]


@pytest.mark.parametrize("kind", sorted({kind for kind in ASKED if kind != "empty signature"}))
async def test_a_forgery_that_paypal_confirms_is_accepted_in_postback_mode(
    fake: PayPalServer, clock: MovableClock, strays: list[str], monkeypatch: Patch, kind: str
) -> None:
    async def agree(*_: object) -> Mapping[str, Any]:
        return {"verification_status": "SUCCESS"}

    monkeypatch.setattr(Api, "ask", agree)
    assert await is_taken(fake, clock, kind, strays, postback=True)


@pytest.mark.parametrize("kind", ["old", "future"])
async def test_postback_alone_does_not_refuse_an_old_notification(
    fake: PayPalServer, clock: MovableClock, strays: list[str], monkeypatch: Patch, kind: str
) -> None:
    any_time(monkeypatch, fake, kind)
    assert await is_taken(fake, clock, kind, strays, postback=True)
