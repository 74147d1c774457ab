"""Signs texts with SECRET_KEY that show the owner of a payment page or subscription at a provider.

A signed text contains member, server and a nonce, with 128 bits of HMAC-SHA256. PayPal accepts 127
characters.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
from collections.abc import Sequence

from billing.model import Binding, Claim

_MARK = "dues1."
_WHOSE = struct.Struct(">QQ16s")
_MAC = 16  # bytes
_PAGE = b"dues page"
_LENGTH = len(_MARK) + (_WHOSE.size + _MAC) * 4 // 3


class Signer:
    """Signs with the first key and accepts the signatures of all keys. Without a key it signs nothing."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def new_page(self, whose: Binding) -> str:
        """Return a new id for a payment page; without a key it is random and unsigned.

        A signed id later shows for whom Dues created the page, but not who paid on it.
        """
        return self._sign(whose, _PAGE) if self._keys else secrets.token_urlsafe(24)

    def of_subscription(self, whose: Binding, subscription_id: str) -> str:
        """Return a text that proves the owner of exactly this subscription.

        It proves nothing about any other subscription.
        """
        return self._sign(whose, _about(subscription_id))

    def read(self, text: str, subscription_id: str) -> Claim | None:
        """Return the owner that a text on this subscription names; None if Dues did not sign the text.

        Everybody who was given a payment page can put its id on a subscription that they create themselves,
        so only a signature of the subscription's own id is proof.
        """
        if len(text) != _LENGTH or not text.startswith(_MARK):
            return None
        try:
            raw = base64.b64decode(text.removeprefix(_MARK), altchars=b"-_", validate=True)
        except ValueError:
            return None
        said, mac = raw[: _WHOSE.size], raw[_WHOSE.size :]
        guild_id, member_id, _ = _WHOSE.unpack(said)
        for key in self._keys:
            if hmac.compare_digest(mac, _mac(key, said, _about(subscription_id))):
                return Claim(member_id, guild_id, proven=True, current=key == self._keys[0])
            if hmac.compare_digest(mac, _mac(key, said, _PAGE)):
                return Claim(member_id, guild_id)
        return None

    def _sign(self, whose: Binding, about: bytes) -> str:
        said = _WHOSE.pack(whose.guild_id, whose.member_id, secrets.token_bytes(16))
        signed = said + _mac(self._keys[0], said, about)
        return _MARK + base64.urlsafe_b64encode(signed).decode()


def _about(subscription_id: str) -> bytes:
    return b"dues subscription\0" + subscription_id.encode()


def _mac(key: bytes, said: bytes, about: bytes) -> bytes:
    return hmac.digest(key, about + b"\0" + said, "sha256")[:_MAC]
