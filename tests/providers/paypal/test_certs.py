"""Where certificates may come from, and which are believed."""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Store

from billing.errors import NotAuthentic, ProviderUnavailable
from providers.paypal.certs import Certificates, read_certificates, source_of, verify

LIVE_NAME = "messageverificationcerts.paypal.com"
NAMES = frozenset({LIVE_NAME})
NOW = time.time()


@cache
def key(name: str) -> Any:
    if name.startswith("elliptic"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    subject: str,
    issuer: str | None = None,
    *,
    constraints: x509.BasicConstraints | None = None,
    names: tuple[str, ...] = (),
    days: tuple[int, int] = (-1, 30),
    usage: x509.KeyUsage | None = None,
    own_key: str | None = None,
) -> x509.Certificate:
    """Signed by the key of that name; by its own where there is no issuer."""
    moment = datetime.fromtimestamp(NOW, UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or subject)]))
        .public_key(key(own_key or subject).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment + timedelta(days=days[0]))
        .not_valid_after(moment + timedelta(days=days[1]))
    )
    if constraints is not None:
        built = built.add_extension(constraints, critical=True)
    if names:
        built = built.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    if usage is not None:
        built = built.add_extension(usage, critical=True)
    return built.sign(key(issuer or own_key or subject), hashes.SHA256())


def pem(*chain: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)


def usage(**more: bool) -> x509.KeyUsage:
    names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    names += " key_cert_sign crl_sign encipher_only decipher_only"
    return x509.KeyUsage(**{**dict.fromkeys(names.split(), False), **more})


CA = x509.BasicConstraints(ca=True, path_length=None)
ROOT = certificate("root", constraints=CA)
BETWEEN = certificate("between", "root", constraints=CA)


def check(*chain: x509.Certificate, trusted: x509.Certificate = ROOT) -> Any:
    return verify(pem(*chain), Store([trusted]), NAMES, NOW)


def leaf(issuer: str = "root", **more: Any) -> x509.Certificate:
    return certificate("leaf", issuer, **{"names": (LIVE_NAME,), **more})


def test_a_certificate_that_chains_to_a_trusted_root_is_accepted() -> None:
    for chain in ([leaf()], [leaf("between"), BETWEEN], [leaf(), ROOT], [leaf("between"), ROOT, BETWEEN]):
        signer = check(*chain)
        assert signer.key.public_numbers() == key("leaf").public_key().public_numbers()
        assert signer.valid_from < NOW < signer.valid_until


def test_the_common_name_counts_if_a_certificate_has_no_alternative_names() -> None:
    assert check(certificate(LIVE_NAME, "root"))


def test_a_certificate_in_der_is_read() -> None:
    der = leaf().public_bytes(serialization.Encoding.DER)
    assert verify(der, Store([ROOT]), NAMES, NOW).valid_until > NOW
    with pytest.raises(NotAuthentic):
        verify(der[:-9], Store([ROOT]), NAMES, NOW)


def test_a_certificate_is_valid_no_longer_than_the_rest_of_its_chain() -> None:
    short = certificate("between", "root", constraints=CA, days=(0, 3))
    assert check(leaf("between", days=(-5, 30)), short).valid_until < NOW + 4 * 86_400


BAD: dict[str, list[x509.Certificate]] = {
    "another authority": [certificate("leaf", "stranger", names=(LIVE_NAME,))],
    "itself": [certificate("alone", names=(LIVE_NAME,))],
    "another name": [leaf(names=("api.paypal.com",))],
    "a name within another": [leaf(names=(f"{LIVE_NAME}.example.com", f"x{LIVE_NAME}"))],
    "the name as the common name only": [certificate(LIVE_NAME, "root", names=("example.com",))],
    "run out": [leaf(days=(-9, -1))],
    "not begun": [leaf(days=(1, 9))],
    "run out in between": [leaf("between"), certificate("between", "root", constraints=CA, days=(-9, -1))],
    "the link missing": [leaf("between")],
    "an issuer that may not issue": [leaf("plain"), certificate("plain", "root")],
    "an issuer that says it is none": [
        leaf("humble"),
        certificate("humble", "root", constraints=x509.BasicConstraints(ca=False, path_length=None)),
    ],
    "an issuer that may not sign certificates": [
        leaf("weak"),
        certificate("weak", "root", constraints=CA, usage=usage(digital_signature=True)),
    ],
    "an authority's own": [leaf(constraints=CA)],
    "one that may not sign": [leaf(usage=usage(key_encipherment=True))],
    "no RSA": [certificate("elliptic", "root", names=(LIVE_NAME,))],
    "too long a chain": [
        leaf("deep"),
        certificate("deep", "narrow", constraints=CA),
        certificate("narrow", "root", constraints=x509.BasicConstraints(ca=True, path_length=0)),
    ],
}


@pytest.mark.parametrize("chain", BAD.values(), ids=BAD)
def test_a_certificate_with_a_fault_is_refused(chain: list[x509.Certificate]) -> None:
    with pytest.raises(NotAuthentic):
        check(*chain)


@pytest.mark.parametrize("text", [b"", b"hello", pem(leaf())[:-60], pem(leaf()).replace(b"M", b"N", 40)])
def test_a_body_that_is_no_certificate_is_refused(text: bytes) -> None:
    with pytest.raises(NotAuthentic):
        verify(text, Store([ROOT]), NAMES, NOW)


LIVE, SANDBOX, LOCAL = (
    source_of(url)
    for url in ("https://api-m.paypal.com", "https://api-m.sandbox.paypal.com", "http://127.0.0.1:8099")
)
PLACE = "/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"


@pytest.mark.parametrize("url", [f"https://api.paypal.com{PLACE}", f"https://api-m.paypal.com{PLACE}"])
def test_live_certificates_come_from_the_live_hosts_only(url: str) -> None:
    assert LIVE.addresses.fullmatch(url)
    assert not SANDBOX.addresses.fullmatch(url)
    assert not LOCAL.addresses.fullmatch(url)
    other = url.replace("paypal.com", "sandbox.paypal.com")
    assert SANDBOX.addresses.fullmatch(other)
    assert not LIVE.addresses.fullmatch(other)


def test_certificates_of_a_local_paypal_come_from_its_own_address_only() -> None:
    assert LOCAL.addresses.fullmatch(f"http://127.0.0.1:8099{PLACE}")
    assert not LOCAL.addresses.fullmatch(f"http://127.0.0.1:8098{PLACE}")
    assert not LOCAL.addresses.fullmatch(f"http://localhost:8099{PLACE}")


@pytest.mark.parametrize(
    "url",
    [
        f"http://api.paypal.com{PLACE}",
        f"https://api.paypal.com:443{PLACE}",
        f"https://api.paypal.com.example.com{PLACE}",
        f"https://api.paypal.com@example.com{PLACE}",
        f"https://user@api.paypal.com{PLACE}",
        f"https://example.com\\@api.paypal.com{PLACE}",
        f"https://example.com#@api.paypal.com{PLACE}",
        f"https://API.PAYPAL.COM{PLACE}",
        f"https://apixpaypal.com{PLACE}",
        f"//api.paypal.com{PLACE}",
        f" https://api.paypal.com{PLACE}",
        f"https://api.paypal.com{PLACE}\n",
        f"https://api.paypal.com{PLACE}?x=1",
        f"https://api.paypal.com{PLACE}#x",
        f"https://api.paypal.com{PLACE}/../../../oauth2/token",
        f"https://api.paypal.com{PLACE}%2e%2e",
        f"https://api.paypal.com/x{PLACE}",
        f"https://www.paypal.com{PLACE}",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com",
        "",
    ],
)
async def test_a_certificate_at_any_other_address_is_refused_without_a_request(url: str) -> None:
    held = Certificates(LIVE, Path(certifi.where()))
    with pytest.raises(NotAuthentic):
        await held.signer(url, NOW)
    assert held._session is None


def test_a_sandbox_certificate_is_not_accepted_for_live() -> None:
    assert LIVE.names == NAMES
    assert SANDBOX.names == LOCAL.names == NAMES | {"messageverificationcerts.sandbox.paypal.com"}


async def test_the_bundle_of_certificate_authorities_can_be_read() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_certificates(Path(certifi.where()).read_bytes())) > 50
    held = Certificates(LIVE, Path(certifi.where()))
    assert held.trusted() is held.trusted()
    await held.close()


async def test_a_missing_or_empty_ca_file_is_reported_as_unavailable(tmp_path: Path) -> None:
    for place in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        (tmp_path / "empty.pem").write_text("nothing")
        with pytest.raises(ProviderUnavailable, match="PAYPAL_CA_FILE"):
            Certificates(LIVE, place).trusted()
