"""Fetches and verifies the certificates with which PayPal signs its notifications.

The certificate's address comes from a header of the notification, which anybody can write. Therefore only
PayPal's own addresses are fetched, and the certificate must name PayPal. Sources:
developer.paypal.com/api/rest/webhooks/rest, 'Verify the webhook signature', and the checks in PayPal's Java
SDK (SSLUtil.validateCertificateChain), 2026-11.
"""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from billing.errors import NotAuthentic, ProviderUnavailable
from billing.fd_limit import kind_of
from billing.ports import Values
from providers.paypal.api import bounded_body
from providers.paypal.proven_certificates import ProvenCertificates
from providers.paypal.work_budget import TokenBucket, over_budget

T = TypeVar("T")

LIVE, SANDBOX = "api-m.paypal.com", "api-m.sandbox.paypal.com"
# For each host of PAYPAL_API_URL, the hosts that serve its certificates. The names in the certificates
# follow.
_HOSTS = {LIVE: (LIVE, "api.paypal.com"), SANDBOX: (SANDBOX, "api.sandbox.paypal.com")}
_NAMES = ("messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com")
_PLACE = r"/v1/notifications/certs/[\w-]{1,100}"
_ANY_PLACE = r"/[\w./-]{1,200}"

_TIMEOUT = aiohttp.ClientTimeout(total=6, sock_connect=3)
_LARGEST_CHAIN = 64 << 10  # a chain is a few KiB
_DEEPEST = 4
# How long a refusal is remembered, so that repeated forged notifications open only one connection.
_REFUSED_SECONDS = 60
_DOWN_SECONDS = 5
# Seconds before a forged notification with a genuine address can cause another fetch.
LOOK_AGAIN_SECONDS = 600
_MOST_FAULTS = 64
# How many addresses that no genuine notification has named may be fetched at once, and the pause in seconds
# before one more may be fetched.
_MOST_LOOKS, _LOOK_PAUSE = 20, 5.0
# The most notifications that may wait for a certificate. Each keeps its body in memory.
_MOST_WAITING = 40


@dataclass(frozen=True, slots=True)
class Source:
    """The accepted certificates: a pattern for the whole address, and the names that may appear in them."""

    addresses: re.Pattern[str]
    names: frozenset[str]


def source_of(api_url: str) -> Source:
    """Return the accepted certificates for an API address: PayPal live or sandbox, or a local stand-in."""
    host = urlsplit(api_url).hostname or ""
    if host in _HOSTS:
        hosts = "|".join(re.escape(one) for one in _HOSTS[host])
        names = _NAMES[:1] if host == LIVE else _NAMES
        return Source(re.compile(f"https://(?:{hosts}){_PLACE}", re.ASCII), frozenset(names))
    parts = urlsplit(api_url)
    base = re.escape(f"{parts.scheme}://{parts.netloc}")
    return Source(re.compile(f"{base}(?!.*\\.\\.){_ANY_PLACE}", re.ASCII), frozenset(_NAMES))


@dataclass(frozen=True, slots=True)
class Signer:
    """The public key of a verified certificate.

    The validity period is in unix seconds; `text` is the chain as it was served.
    """

    key: rsa.RSAPublicKey
    valid_from: float
    valid_until: float
    text: bytes


@dataclass(frozen=True, slots=True)
class _FailedLookup:
    """The reason why an address has no key, and the unix time until which that result is cached."""

    error: NotAuthentic | ProviderUnavailable
    until: float


class Certificates:
    """Fetches and caches certificates.

    Certificates of genuine notifications are kept across restarts. Call `close` when done.
    """

    def __init__(self, source: Source, ca_file: Path, kept: Values | None = None) -> None:
        self._source = source
        self._ca_file = ca_file
        self._store: Store | None = None
        # There are two dictionaries, so that forged notifications cannot push out the few genuine
        # certificates.
        self._signers: dict[str, Signer] = {}
        self._faults: dict[str, _FailedLookup] = {}
        self._looked_at: dict[str, float] = {}
        self._looks: dict[str, asyncio.Task[Signer | _FailedLookup]] = {}
        self._waiting = 0
        self._bucket = TokenBucket(_MOST_LOOKS, _LOOK_PAUSE)
        self._session: aiohttp.ClientSession | None = None
        self._proven = ProvenCertificates(kept)

    async def close(self) -> None:
        """Stop fetching and close the connections."""
        for look in self._looks.values():
            look.cancel()
        if self._session is not None:
            await self._session.close()

    def admit(self, url: str) -> None:
        """Raise NotAuthentic if no certificate may be fetched from this address."""
        if not self._source.addresses.fullmatch(url):
            raise NotAuthentic(detail="the certificate's address is not PayPal's")

    async def signer(self, url: str, now: float) -> Signer:
        """Return the key of the certificate at an address.

        Raises NotAuthentic if it is not a PayPal certificate that is valid at `now` (unix seconds), and
        ProviderUnavailable if it cannot be fetched at the moment.
        """
        self.admit(url)
        await self._read_proven(now)
        found = self._recall(url, now) or await self._look_once(url, now)
        if isinstance(found, _FailedLookup):
            raise found.error
        return found

    async def renewed(self, url: str, now: float) -> Signer | None:
        """Fetch the certificate again after a signature did not match its key.

        Returns None if the last fetch is too recent or if fetching fails.
        """
        if now < self._looked_at.get(url, now) + LOOK_AGAIN_SECONDS:
            return None
        found = await self._look_once(url, now)
        return found if isinstance(found, Signer) else None

    async def is_proven(self, url: str, now: float) -> bool:
        """Return True if a genuine notification has named this address before."""
        await self._read_proven(now)
        return url in self._proven.texts

    async def vouch(self, url: str) -> None:
        """Record that a genuine notification named this address, and keep its certificate across restarts."""
        if url not in self._proven.texts:
            self._bucket.give_back()
        signer = self._signers.get(url)
        await self._proven.add(url, signer.text if signer else b"")

    async def _read_proven(self, now: float) -> None:
        """Load the certificates from the ledger and verify them again.

        They are verified because the ledger is not trusted either.
        """
        for url, text in (await self._proven.read()).items():
            with suppress(NotAuthentic, ProviderUnavailable):
                self.admit(url)
                self._signers[url] = verify(text, self.trusted(), self._source.names, now)
                self._looked_at[url] = now - LOOK_AGAIN_SECONDS

    async def _look_once(self, url: str, now: float) -> Signer | _FailedLookup:
        """Fetch an address once for all notifications that name it at the same time.

        An address that no genuine notification has named takes a token, because anybody can invent
        addresses. Raises ProviderUnavailable if no token is left or too many notifications are waiting.
        """
        if self._waiting >= _MOST_WAITING:
            raise over_budget()
        look = self._looks.get(url)
        if look is None:
            if url not in self._proven.texts:
                self._bucket.take(now)
            look = self._looks[url] = asyncio.create_task(self._look(url, now))
            look.add_done_callback(lambda _: self._looks.pop(url))
        self._waiting += 1
        try:
            return await asyncio.shield(look)
        finally:
            self._waiting -= 1

    def _recall(self, url: str, now: float) -> Signer | _FailedLookup | None:
        known = self._signers.get(url)
        if known is not None and known.valid_from <= now <= known.valid_until:
            return known
        fault = self._faults.get(url)
        return fault if fault is not None and now < fault.until else None

    async def _look(self, url: str, now: float) -> Signer | _FailedLookup:
        if url in self._signers:
            self._looked_at[url] = now
        try:
            found = verify(await self._fetch(url), self.trusted(), self._source.names, now)
        except NotAuthentic as error:
            return self._keep(url, _FailedLookup(error, now + _REFUSED_SECONDS))
        except ProviderUnavailable as error:
            return self._keep(url, _FailedLookup(error, now + _DOWN_SECONDS))
        self._signers[url], self._looked_at[url] = found, now
        return found

    def _keep(self, url: str, fault: _FailedLookup) -> _FailedLookup:
        self._faults.pop(url, None)
        while len(self._faults) >= _MOST_FAULTS:
            del self._faults[next(iter(self._faults))]
        self._faults[url] = fault
        return fault

    async def _fetch(self, url: str) -> bytes:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status == 200:
                    return await bounded_body(answer, _LARGEST_CHAIN)
                status = answer.status
        except aiohttp.ClientPayloadError:
            raise NotAuthentic(detail="no certificate is so long") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderUnavailable(detail=f"the certificate: {kind_of(error)}") from None
        if status == 429 or status >= 500:
            raise ProviderUnavailable(detail=f"the certificate: {status}")
        raise NotAuthentic(detail=f"the certificate: {status}")

    def trusted(self) -> Store:
        """Load the trusted issuers from PAYPAL_CA_FILE.

        Raises ProviderUnavailable if the file cannot be read.
        """
        if self._store is None:
            try:
                self._store = Store(read_certificates(self._ca_file.read_bytes()))
            except (OSError, ValueError) as error:
                raise ProviderUnavailable(
                    detail=f"PAYPAL_CA_FILE cannot be read: {type(error).__name__}"
                ) from None
        return self._store


def read_certificates(text: bytes) -> list[x509.Certificate]:
    """Read all certificates in a PEM text, or the one in a DER file.

    Raises ValueError if one is unreadable.
    """
    with warnings.catch_warnings():
        # Every bundle holds old issuers whose serial numbers are no longer allowed.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        if b"-----BEGIN" not in text:
            return [x509.load_der_x509_certificate(text)]
        return x509.load_pem_x509_certificates(text)


def verify(text: bytes, trusted: Store, names: frozenset[str], now: float) -> Signer:
    """Verify a chain and return the key of its first certificate.

    That certificate must be valid at `now` (unix seconds), contain one of `names` and lead to a trusted
    issuer. Raises NotAuthentic otherwise.
    """
    try:
        leaf, *between = read_certificates(text)
        policy = (
            PolicyBuilder().store(trusted).time(datetime.fromtimestamp(now, UTC)).max_chain_depth(_DEEPEST)
        )
        # The chain is verified as a client's, because a server certificate would have to match one fixed
        # name.
        verifier = policy.extension_policies(
            ca_policy=_ISSUER_POLICY, ee_policy=_LEAF_POLICY
        ).build_client_verifier()
        chain = verifier.verify(leaf, between).chain
        key, borne = leaf.public_key(), _names_of(leaf)
    except (VerificationError, ValueError, OverflowError, x509.DuplicateExtension) as error:
        raise NotAuthentic(detail=f"the certificate: {type(error).__name__}") from None
    if not borne & names:
        raise NotAuthentic(detail="the certificate bears another name")
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotAuthentic(detail="the certificate has no RSA key")
    return Signer(
        key,
        max(one.not_valid_before_utc.timestamp() for one in chain),
        min(one.not_valid_after_utc.timestamp() for one in chain),
        text,
    )


def _names_of(leaf: x509.Certificate) -> set[str]:
    """Return the certificate's subject alternative names, in lower case.

    If it has none, its common names are returned.
    """
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        named = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return {str(one.value).lower() for one in named}
    return {name.lower() for name in found.get_values_for_type(x509.DNSName)}


def _unless_absent(holds: Callable[[T], bool]) -> Callable[[Policy, x509.Certificate, T | None], None]:
    def check(_policy: Policy, _certificate: x509.Certificate, extension: T | None) -> None:
        if extension is not None and not holds(extension):
            raise ValueError("not good for this")

    return check


# These policies check what matters for a signature. Key identifiers and purposes, which browsers also
# check, are left out, because the certificate is not used by a web server.
_ISSUER_POLICY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _unless_absent(lambda usage: usage.key_cert_sign))
)
_LEAF_POLICY = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _unless_absent(lambda limits: not limits.ca))
    .may_be_present(
        x509.KeyUsage, Criticality.AGNOSTIC, _unless_absent(lambda usage: usage.digital_signature)
    )
)
