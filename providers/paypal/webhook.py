"""Verifies PayPal's notifications and finds the object that each is about.

The module does I/O only through its arguments.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from billing.errors import Malformed, NotAuthentic, ProviderMisread
from billing.model import Event, Subject
from billing.model.translatable_text import Text
from providers.base import is_id
from providers.paypal.api import parse
from providers.paypal.certs import Certificates, Signer
from providers.paypal.dates import moment

# Seconds. Each attempt at delivery is a transmission with its own id and time
# (developer.paypal.com/docs/api/webhooks/v1, verify-webhook-signature, 2026-11), so a repeated attempt is
# never too old.
TOLERANCE = 300
ALGORITHM = "SHA256withRSA"
# PayPal's documented limits, except that a 4096-bit key's signature has 684 characters, not 500.
_LONGEST = {"auth_algo": 100, "cert_url": 500, "transmission_id": 50, "transmission_sig": 700}
_PLAIN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Transmission:
    """The five headers of a notification that belong to its signature."""

    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str


class _Resource(msgspec.Struct):
    """The fields of a notification that lead to a subscription, for every kind of resource."""

    id: Any = None
    billing_agreement_id: Any = None
    sale_id: Any = None
    dispute_id: Any = None
    links: Any = None

    @property
    def payment(self) -> object:
        """Return the id of the payment that a refund or reversal is about.

        API version 1 names the payment; version 2 links to it.
        """
        links = self.links if isinstance(self.links, list) else []
        hrefs = [one.get("href") for one in links if isinstance(one, dict)]
        linked = (PAYMENT_LINK.fullmatch(href) for href in hrefs if isinstance(href, str))
        return self.sale_id or next((found[1] for found in linked if found), None)


class _Notification(msgspec.Struct):
    id: str
    event_type: str
    create_time: str | None = None
    resource: _Resource | None = None


_DECODER = msgspec.json.Decoder(_Notification)

# The address of a payment, as its refund or reversal gives it in a link.
PAYMENT_LINK = re.compile(r".*/payments/(?:sale|captures)/([^/?]+)")
# By the longest matching beginning of an event's type: the subject's kind and the field with its id, in
# order; the first non-empty field counts. Types without an entry are not needed.
# developer.paypal.com/api/rest/webhooks/event-names, 2026-11.
_SUBJECT_FIELDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "BILLING.PLAN.": (("price", "id"),),
    "BILLING.PLAN.CREATED": (),
    "BILLING.SUBSCRIPTION.": (("subscription", "id"),),
    # PayPal sends this when an approval page is created, which the bot itself does.
    "BILLING.SUBSCRIPTION.CREATED": (),
    "CUSTOMER.DISPUTE.": (("dispute", "dispute_id"),),
    "PAYMENT.CAPTURE.REFUNDED": (("sale", "payment"), ("sale", "id")),
    "PAYMENT.CAPTURE.REVERSED": (("dispute", "payment"), ("dispute", "id")),
    "PAYMENT.SALE.": (("subscription", "billing_agreement_id"), ("sale", "sale_id")),
    "PAYMENT.SALE.REFUNDED": (("subscription", "billing_agreement_id"), ("sale", "payment"), ("sale", "id")),
    # The id may be that of the payment or of the reversal: see payments.fetch_dispute.
    "PAYMENT.SALE.REVERSED": (("dispute", "payment"), ("dispute", "id")),
}


def read_headers(headers: Mapping[str, str], now: float) -> Transmission:
    """Read the five headers of a notification.

    Raises NotAuthentic if one is missing, too long or unreadable, if they name another algorithm, or if the
    time is off by more than TOLERANCE seconds.
    """
    found = {
        "auth_algo": headers.get("paypal-auth-algo", ""),
        "cert_url": headers.get("paypal-cert-url", ""),
        "transmission_id": headers.get("paypal-transmission-id", ""),
        "transmission_sig": headers.get("paypal-transmission-sig", ""),
        "transmission_time": headers.get("paypal-transmission-time", ""),
    }
    for name, value in found.items():
        if not _PLAIN.fullmatch(value) or len(value) > _LONGEST.get(name, 100) or "|" in value:
            raise NotAuthentic(detail=f"no readable paypal-{name.replace('_', '-')} header")
    sent = Transmission(**found)
    if sent.auth_algo != ALGORITHM:
        raise NotAuthentic(detail="the signature's algorithm is not the one that PayPal uses")
    try:
        at = moment(sent.transmission_time)
    except ProviderMisread:
        raise NotAuthentic(detail="the transmission's time is not readable") from None
    if abs(now - at) > TOLERANCE:
        raise NotAuthentic(
            Text("error.wrong_time"),
            detail=f"sent at {at}, read at {now:.0f}",
        )
    return sent


async def verify_offline(
    body: bytes, sent: Transmission, webhook_ids: Sequence[str], now: float, certificates: Certificates
) -> None:
    """Verify the signature with PayPal's certificate, for any of the configured webhook ids.

    The signature is RSA with SHA-256 over `id|time|webhook id|CRC-32 of the body`. Raises NotAuthentic if
    it does not match, and ProviderUnavailable if the certificate cannot be fetched.
    """
    certificates.admit(sent.cert_url)
    try:
        signature = base64.b64decode(sent.transmission_sig, validate=True)
    except binascii.Error:
        raise NotAuthentic(detail="the signature is no base64") from None
    signer = await certificates.signer(sent.cert_url, now)
    start, end = f"{sent.transmission_id}|{sent.transmission_time}|", f"|{zlib.crc32(body)}"
    signed = [f"{start}{webhook_id}{end}".encode() for webhook_id in webhook_ids]
    if not _fits(signer, signature, signed):
        again = await certificates.renewed(sent.cert_url, now)
        if again is None or not _fits(again, signature, signed):
            raise NotAuthentic(detail="the certificate does not fit the signature")
    await certificates.vouch(sent.cert_url)


def _fits(signer: Signer, signature: bytes, signed: Sequence[bytes]) -> bool:
    """Return True if the signature matches one of the signed texts."""
    for one in signed:
        with suppress(InvalidSignature):
            signer.key.verify(signature, one, padding.PKCS1v15(), hashes.SHA256())
            return True
    return False


def read_event(body: bytes, account: str, sent: Transmission) -> Event:
    """Read the event in a body. Raises Malformed if it contains none.

    `create_time` is optional; without it the event gets the time of its transmission.
    """
    try:
        if not body.isascii():
            body.decode()  # the decoder does not validate the strings that it skips
        note = _read(body)
        at = moment(note.create_time or sent.transmission_time)
    except (msgspec.MsgspecError, ValueError, RecursionError, ProviderMisread):
        raise Malformed(detail="not an event of PayPal's") from None
    if not is_id(note.id) or not is_id(note.event_type):
        raise Malformed(detail="not an event of PayPal's")
    return Event("paypal", account, note.id, note.event_type, find_subject(note), at)


def read_listed(data: Mapping[str, Any], account: str) -> Event | None:
    """Return an event from PayPal's list of events; None if it is unreadable."""
    try:
        note = msgspec.convert(data, _Notification)
        at = moment(note.create_time or "")
    except (msgspec.ValidationError, ProviderMisread):
        return None
    return (
        Event("paypal", account, note.id, note.event_type, find_subject(note), at) if is_id(note.id) else None
    )


def _read(body: bytes) -> _Notification:
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError:
        return msgspec.convert(parse(body), _Notification)


def find_subject(note: _Notification) -> Subject | None:
    """Return the object to fetch because of this event; None if the event is not needed."""
    beginnings = [start for start in _SUBJECT_FIELDS if note.event_type.startswith(start)]
    leads = _SUBJECT_FIELDS[max(beginnings, key=len)] if beginnings else ()
    for kind, field in leads:
        found = getattr(note.resource, field, None)
        if is_id(found):
            return Subject(kind, found)
    return None
