"""Creates the certificates that sign the local PayPal's messages: a root, an intermediate and a leaf."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "messageverificationcerts.paypal.com"
DAYS = 3650  # long enough for tests that advance the clock by years


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Return the key of that name, created once per process.

    Creating keys is the slowest part of this module.
    """
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign(private: rsa.RSAPrivateKey, message: bytes) -> bytes:
    return private.sign(message, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True)
class Holder:
    """A certificate with its private key."""

    certificate: x509.Certificate
    private: rsa.RSAPrivateKey

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    subject: str,
    private: rsa.RSAPrivateKey,
    *,
    issuer: Holder | None = None,
    authority: bool = False,
    now: float,
    days: tuple[float, float] = (-1, DAYS),
) -> Holder:
    """Issue a certificate signed by `issuer`, or self-signed without one.

    It is valid between `days` (first, last) counted from `now` (unix seconds).
    """
    name = _name(subject)
    moment = datetime.fromtimestamp(now, UTC)
    signer = issuer.private if issuer else private
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment + timedelta(days=days[0]))
        .not_valid_after(moment + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(_issuer_key(signer), critical=False)
    )
    if not authority:
        names = x509.SubjectAlternativeName([x509.DNSName(subject)])
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(names, critical=False).add_extension(purposes, critical=False)
    return Holder(builder.sign(signer, hashes.SHA256()), private)


def _name(common: str) -> x509.Name:
    parts = [(NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "Local PayPal")]
    parts.append((NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _issuer_key(signer: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass
class Authority:
    """A certificate authority: a root and an intermediate certificate.

    `name`: distinguishes two authorities.
    """

    name: str
    now: float

    def __post_init__(self) -> None:
        self.root = issue(f"{self.name} Root CA", key(f"{self.name} root"), authority=True, now=self.now)
        self.between = issue(
            f"{self.name} TLS CA", key(f"{self.name} between"), issuer=self.root, authority=True, now=self.now
        )

    def leaf(self, name: str = NAME, days: tuple[float, float] = (-1, DAYS), own_key: str = "leaf") -> Holder:
        private = key(f"{self.name} {own_key}")
        return issue(name, private, issuer=self.between, now=self.now, days=days)


@dataclass
class Shelf:
    """The certificates that the server offers, by id: each a leaf with its chain as one PEM text."""

    pems: dict[str, bytes] = field(default_factory=dict)
    leaves: dict[str, Holder] = field(default_factory=dict)  # PayPal's own, which verification accepts

    def put(self, chain: list[Holder], *, genuine: bool = False) -> str:
        """Serve a certificate chain, and return the id under which it is served."""
        cert_id = "-".join(["CERT", *(secrets.token_hex(4) for _ in range(3))])
        self.pems[cert_id] = b"".join(one.pem() for one in chain)
        if genuine:
            self.leaves[cert_id] = chain[0]
        return cert_id
