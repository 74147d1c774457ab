"""Signs notifications: RSA-SHA256 over `transmission id|time|webhook id|crc32 of the body`.

Source: developer.paypal.com/api/rest/webhooks/rest, "Verify the webhook signature" (read 2026-11).
"""

from __future__ import annotations

import base64
import uuid
import zlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from standins.paypal.certs import Holder, sign
from standins.paypal.times import stamp

ALGORITHM = "SHA256withRSA"


@dataclass
class Message:
    """A notification before it is sent; a forger may change `headers` and `body` after signing."""

    body: bytes
    webhook_id: str
    moment: float
    cert_url: str
    transmission_id: str = field(default_factory=lambda: str(uuid.uuid1()))
    signature: str = ""

    @property
    def signed(self) -> bytes:
        return signed_bytes(self.transmission_id, stamp(self.moment), self.webhook_id, self.body)

    def sign(self, holder: Holder) -> Message:
        self.signature = base64.b64encode(sign(holder.private, self.signed)).decode()
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "PayPal/AUHD-214.0-58843459",
            "PAYPAL-AUTH-ALGO": ALGORITHM,
            "PAYPAL-AUTH-VERSION": "v2",
            "PAYPAL-CERT-URL": self.cert_url,
            "PAYPAL-TRANSMISSION-ID": self.transmission_id,
            "PAYPAL-TRANSMISSION-SIG": self.signature,
            "PAYPAL-TRANSMISSION-TIME": stamp(self.moment),
        }


def signed_bytes(transmission_id: str, time: str, webhook_id: str, body: bytes) -> bytes:
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def is_genuine(public: rsa.RSAPublicKey, signature: str, message: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        public.verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
