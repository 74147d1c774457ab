"""Signed receipts: readable texts whose Ed25519 signature shows that Dues wrote every character of them.

The key pair is derived from SECRET_KEY (HKDF-SHA256), so nothing else needs a backup. Anybody can check a
receipt with the public key alone, for example with OpenSSL.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"dues receipt ed25519"
_MARK = "-----DUES-RECEIPT-SIGNATURE-1-----"
LARGEST = 64 * 1024  # characters of a receipt


class ReceiptState(StrEnum):
    """The result of checking a receipt. `UNSIGNED`: the text contains no receipt's signature."""

    GENUINE = "genuine"
    CHANGED = "changed"
    UNSIGNED = "unsigned"


class ReceiptSigner:
    """Signs receipts with the first of the keys, and accepts signatures by any of them.

    `keys`: the keys of SECRET_KEY.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = [_derive(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def public_keys(self) -> list[str]:
        """The public keys as base64, the current one first."""
        return [_public(key) for key in self._keys]

    def sign(self, text: str) -> str:
        """Return the text with its signature below it. Raises ValueError if there is no key."""
        if not self._keys:
            raise ValueError("there is no key to sign a receipt with")
        body = _canonical(text)
        signature = base64.b64encode(self._keys[0].sign(body.encode())).decode()
        return f"{body}{_MARK}\n{_public(self._keys[0])}\n{signature}\n"

    def check(self, text: str) -> ReceiptState:
        """Check a signed receipt, and return whether it is genuine, changed or unsigned.

        Line breaks may be those of another system; any other difference counts as a change, and so does a
        signature by an unknown key.
        """
        body, mark, rest = _unified(text[: LARGEST + 1]).partition(_MARK)
        if not mark or len(text) > LARGEST:
            return ReceiptState.UNSIGNED
        lines = rest.split("\n")
        if len(lines) != 4 or lines[0] or lines[3]:
            return ReceiptState.CHANGED
        for key in self._keys:
            if lines[1] == _public(key) and _fits(key.public_key(), body, lines[2]):
                return ReceiptState.GENUINE
        return ReceiptState.CHANGED


def _derive(secret: bytes) -> Ed25519PrivateKey:
    seed = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _fits(key: Ed25519PublicKey, body: str, signature: str) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        same = base64.b64encode(raw)  # base64 has spare bits, so other letters may decode to the same bytes
        if not hmac.compare_digest(same, signature.encode()):
            return False
        key.verify(raw, body.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _canonical(text: str) -> str:
    """Return the text in the form that is signed: \\n line breaks, one of them at the end, and no mark."""
    text = _unified(text)
    while _MARK in text:  # what is left of a mark within a mark may be a mark again
        text = text.replace(_MARK, "")
    return text.rstrip("\n") + "\n"


def _unified(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
