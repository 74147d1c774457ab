"""A careful receiver of notifications, the tests' own: the stand-in's word is not taken for it."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime

import aiohttp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from standins.paypal import PayPalServer

NAME = "messageverificationcerts.paypal.com"
OLDEST, NEWEST = 3 * 86_400, 300


class NotGenuineError(Exception):
    """The sentence says why."""


async def verify(
    fake: PayPalServer, session: aiohttp.ClientSession, webhook_id: str, headers: dict[str, str], body: bytes
) -> None:
    """NotGenuineError unless PayPal has sent exactly this to this webhook, lately."""
    try:
        names = ("TRANSMISSION-ID", "TRANSMISSION-TIME", "TRANSMISSION-SIG", "CERT-URL", "AUTH-ALGO")
        told, time, signature, url, algorithm = (headers[f"PAYPAL-{name}"] for name in names)
        sent = datetime.fromisoformat(time).timestamp()
        raw = base64.b64decode(signature, validate=True)
    except (KeyError, ValueError) as fault:
        raise NotGenuineError(f"malformed: {fault!r}") from fault
    age = fake.clock.now() - sent
    if algorithm != "SHA256withRSA" or not -NEWEST <= age <= OLDEST:
        raise NotGenuineError("algorithm or time")
    public = await fetch_key(fake, session, url)
    message = f"{told}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()
    try:
        public.verify(raw, message, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        raise NotGenuineError("signature") from None


async def fetch_key(fake: PayPalServer, session: aiohttp.ClientSession, url: str) -> RSAPublicKey:
    place = f"{fake.url}/v1/notifications/certs/"
    if not url.startswith(place) or not url.removeprefix(place).replace("-", "").isalnum():
        raise NotGenuineError("address")
    async with session.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            raise NotGenuineError("certificate")
        leaf, *others = x509.load_pem_x509_certificates(await answer.read())
    roots = Store(x509.load_pem_x509_certificates(fake.ca_file.read_bytes()))
    now = datetime.fromtimestamp(fake.clock.now(), UTC)
    verifier = PolicyBuilder().store(roots).time(now).build_server_verifier(x509.DNSName(NAME))
    try:
        verifier.verify(leaf, others)
    except VerificationError as fault:
        raise NotGenuineError(f"chain: {fault}") from fault
    public = leaf.public_key()
    assert isinstance(public, RSAPublicKey)
    return public
