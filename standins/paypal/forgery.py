"""Forged or altered notifications, on which a receiver must not act.

A trap listens next to the server and serves the forgers' certificates. It counts receivers that follow a
forged address.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from standins.paypal.certs import NAME, Authority, Holder, Shelf, issue, key
from standins.paypal.delivery import written
from standins.paypal.signing import Message
from standins.paypal.state import Obj, new_id

PLACE = "/v1/notifications/certs/"


class Trap:
    """A listener that no receiver should contact; `hits`: the requests that it got."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.hits: list[str] = []
        self.host = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._asked)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _asked(self, request: web.Request) -> web.Response:
        self.hits.append(f"{request.method} {request.path_qs}")
        pem = self.shelf.pems.get(request.path.rpartition("/")[2])
        return web.Response(status=200 if pem else 404, body=pem)


@dataclass
class Forger:
    """Makes the forgeries listed in FORGERIES; `genuine` returns a message signed as PayPal signs it."""

    url: str  # base address of the local PayPal
    shelf: Shelf
    authority: Authority
    leaf: Holder
    cert_url: str
    trap: Trap
    now: Callable[[], float]
    redirects: dict[str, str] = field(default_factory=dict)  # certificate id -> address that it redirects to

    def __post_init__(self) -> None:
        self.stranger = Authority("Stranger", self.authority.now)

    def genuine(self, body: bytes, webhook_id: str, moment: float | None = None) -> Message:
        at = self.now() if moment is None else moment
        return Message(body, webhook_id, at, self.cert_url).sign(self.leaf)

    def served(self, chain: list[Holder]) -> str:
        """Serve a certificate chain where PayPal serves its own; return the URL."""
        return f"{self.url}{PLACE}{self.shelf.put(chain)}"

    def signed_by(self, chain: list[Holder], body: bytes, webhook_id: str) -> Message:
        return Message(body, webhook_id, self.now(), self.served(chain)).sign(chain[0])

    def trapped(self, prefix: str, body: bytes, webhook_id: str) -> Message:
        """Sign with a PayPal-like certificate that the trap serves.

        `prefix`: the text before the path of the certificate's URL.
        """
        holder = self.authority.leaf(own_key="trap")
        cert_id = self.trap.shelf.put([holder, self.authority.between])
        return Message(body, webhook_id, self.now(), f"{prefix}{PLACE}{cert_id}").sign(holder)


Forgery = Callable[[Forger, bytes, str], Message]


def _other_key(forger: Forger, body: bytes, webhook_id: str) -> Message:
    """Name PayPal's certificate, but sign with another key."""
    return Message(body, webhook_id, forger.now(), forger.cert_url).sign(forger.stranger.leaf())


def _other_certificate(forger: Forger, body: bytes, webhook_id: str) -> Message:
    """Sign with a correct certificate, chained to an authority that nobody trusts."""
    chain = [forger.stranger.leaf(), forger.stranger.between, forger.stranger.root]
    return forger.signed_by(chain, body, webhook_id)


def _self_signed(forger: Forger, body: bytes, webhook_id: str) -> Message:
    return forger.signed_by([issue(NAME, key("self"), now=forger.authority.now)], body, webhook_id)


def _namesake(forger: Forger, body: bytes, webhook_id: str) -> Message:
    """Sign by an authority that has the trusted one's names but different keys."""
    double = Authority.__new__(Authority)
    name, now = forger.authority.name, forger.authority.now
    double.name, double.now = name, now
    double.root = issue(f"{name} Root CA", key("namesake root"), authority=True, now=now)
    double.between = issue(
        f"{name} TLS CA", key("namesake between"), issuer=double.root, authority=True, now=now
    )
    leaf = issue(NAME, key("namesake leaf"), issuer=double.between, now=now)
    return forger.signed_by([leaf, double.between, double.root], body, webhook_id)


def _dated(first: float, last: float) -> Forgery:
    """Return a forgery by a certificate of the right authority that is valid at other times.

    `first`, `last`: the days from now on which its validity begins and ends.
    """

    def forge(forger: Forger, body: bytes, webhook_id: str) -> Message:
        passed = (forger.now() - forger.authority.now) / 86_400
        leaf = forger.authority.leaf(days=(first + passed, last + passed), own_key="dated")
        return forger.signed_by([leaf, forger.authority.between], body, webhook_id)

    return forge


def _named(name: str) -> Forgery:
    def forge(forger: Forger, body: bytes, webhook_id: str) -> Message:
        leaf = forger.authority.leaf(name, own_key="named")
        return forger.signed_by([leaf, forger.authority.between], body, webhook_id)

    return forge


def _no_authority(forger: Forger, body: bytes, webhook_id: str) -> Message:
    """Sign as PayPal with a certificate that was issued by a leaf, which is no authority."""
    middle = forger.authority.leaf("example.com", own_key="upstart")
    leaf = issue(NAME, key("upstart's leaf"), issuer=middle, now=forger.authority.now)
    return forger.signed_by([leaf, middle, forger.authority.between], body, webhook_id)


def _at(prefix: str) -> Forgery:
    """Return a forgery whose certificate URL begins with `prefix`.

    In `prefix`, {paypal} and {trap} are replaced with a host and port.
    """

    def forge(forger: Forger, body: bytes, webhook_id: str) -> Message:
        hosts = {"paypal": urlsplit(forger.url).netloc, "trap": forger.trap.host}
        return forger.trapped(prefix.format(**hosts), body, webhook_id)

    return forge


def _redirect(forger: Forger, body: bytes, webhook_id: str) -> Message:
    """Name a certificate at PayPal's own address that redirects to the trap."""
    message = forger.trapped(f"http://{forger.trap.host}", body, webhook_id)
    cert_id = f"CERT-redirect-{new_id(length=8).lower()}"
    forger.redirects[cert_id] = message.cert_url
    message.cert_url = f"{forger.url}{PLACE}{cert_id}"
    return message


def _elsewhere(forger: Forger, body: bytes, webhook_id: str) -> Message:
    """Name PayPal's host, but a path outside its certificates that serves a valid one."""
    message = forger.genuine(body, webhook_id)
    message.cert_url = message.cert_url.replace(PLACE, f"{PLACE}../../../v1/notifications/certs/")
    return message


def _reserialised(forger: Forger, body: bytes, webhook_id: str) -> Message:
    message = forger.genuine(body, webhook_id)
    message.body = json.dumps(json.loads(body)).encode()
    return message


def _tampered(forger: Forger, body: bytes, webhook_id: str) -> Message:
    message = forger.genuine(body, webhook_id)
    message.body = body.replace(b'"event_version":"1.0"', b'"event_version":"1.1"')
    return message


def _other_webhook(forger: Forger, body: bytes, _webhook_id: str) -> Message:
    """Sign a genuine notification for another webhook."""
    return forger.genuine(body, new_id())


def _other_time(seconds: float) -> Forgery:
    """Return a genuine notification that was sent `seconds` from now (negative: earlier)."""

    def forge(forger: Forger, body: bytes, webhook_id: str) -> Message:
        return forger.genuine(body, webhook_id, forger.now() + seconds)

    return forge


def _shifted(forger: Forger, body: bytes, webhook_id: str) -> Message:
    """Change the time of an old notification to now without signing it again."""
    message = forger.genuine(body, webhook_id, forger.now() - 10 * 86_400)
    message.moment = forger.now()
    return message


FORGERIES: dict[str, Forgery] = {
    "other key": _other_key,
    "other certificate": _other_certificate,
    "self-signed": _self_signed,
    "authority's namesake": _namesake,
    "expired": _dated(-0.9, -0.1),  # its authority was already valid then
    "not valid yet": _dated(1, 30),
    "wrong name": _named("api.example.com"),
    "name as a prefix": _named(f"{NAME}.example.com"),
    "leaf as authority": _no_authority,
    "wrong host": _at("http://{trap}"),
    "host as a prefix": _at("http://{paypal}.example.invalid"),
    "host in the userinfo": _at("http://{paypal}@{trap}"),
    "host as user": _at("http://api.paypal.com@{trap}"),
    "host with a password": _at("http://api.paypal.com:443@{trap}"),
    "backslash": _at("http://{trap}\\@{paypal}"),
    "fragment": _at("http://{trap}#@{paypal}"),
    "question mark": _at("http://{trap}?@{paypal}"),
    "user at the right host": _at("http://{trap}@{paypal}"),
    "no scheme": _at("//{trap}"),
    "other scheme": _at("file://{paypal}"),
    "redirect": _redirect,
    "other path": _elsewhere,
    "reserialised": _reserialised,
    "tampered": _tampered,
    "other webhook": _other_webhook,
    "old": _other_time(-10 * 86_400),
    "future": _other_time(86_400),
    "time moved": _shifted,
}

# Header replacements by kind of forgery.
SPOILT: dict[str, tuple[str, str | None]] = {
    "no signature": ("PAYPAL-TRANSMISSION-SIG", None),
    "no id": ("PAYPAL-TRANSMISSION-ID", None),
    "no time": ("PAYPAL-TRANSMISSION-TIME", None),
    "no address": ("PAYPAL-CERT-URL", None),
    "no algorithm": ("PAYPAL-AUTH-ALGO", None),
    "weaker algorithm": ("PAYPAL-AUTH-ALGO", "SHA1withRSA"),
    "no such algorithm": ("PAYPAL-AUTH-ALGO", "none"),
    "no base64": ("PAYPAL-TRANSMISSION-SIG", "not base64!"),
    "empty signature": ("PAYPAL-TRANSMISSION-SIG", ""),
    "no time at all": ("PAYPAL-TRANSMISSION-TIME", "yesterday"),
}
KINDS = (*FORGERIES, *SPOILT)


def forge(forger: Forger, kind: str, event: Obj, webhook_id: str) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a forgery. Raises KeyError if `kind` is not in KINDS."""
    body = written(event)
    if kind in FORGERIES:
        message = FORGERIES[kind](forger, body, webhook_id)
        return message.body, message.headers
    name, value = SPOILT[kind]
    message = forger.genuine(body, webhook_id)
    headers: dict[str, Any] = {**message.headers, name: value}
    return message.body, {key: one for key, one in headers.items() if one is not None}
