"""Implements OAuth 2 client credentials, with tokens that expire.

Source: developer.paypal.com/api/rest/authentication.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl

from standins.paypal.errors import PayPalRefusal
from standins.paypal.state import Obj, World, new_id
from standins.paypal.times import stamp


@dataclass
class Desk:
    """Issues access tokens. While a token is valid, another request gets the same one with less time left."""

    world: World
    client_id: str
    client_secret: str
    token: str = ""
    ends_at: float = 0.0

    def issue(self, authorization: str, form: str) -> tuple[int, Obj]:
        """Serve the token endpoint, whose errors have OAuth's shape instead of PayPal's."""
        if not self._knows(authorization):
            return 401, _refused("invalid_client", "Client Authentication failed")
        kind = dict(parse_qsl(form)).get("grant_type")
        if kind is None:
            return 400, _refused("invalid_request", "Missing required parameter: grant_type")
        if kind != "client_credentials":
            return 400, _refused("unsupported_grant_type", "Grant Type is NULL or not supported")
        now = self.world.clock.now()
        if now >= self.ends_at:
            self.token = f"A21AA{secrets.token_urlsafe(60)}"
            self.ends_at = now + self.world.settings.token_seconds
        return 200, {
            "scope": "https://uri.paypal.com/services/subscriptions",
            "access_token": self.token,
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": int(self.ends_at - now),
            "nonce": f"{stamp(now)}{new_id(length=20)}",
        }

    def _knows(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        wanted = f"{self.client_id}:{self.client_secret}"
        return scheme.lower() == "basic" and secrets.compare_digest(given.encode(), wanted.encode())

    def check(self, authorization: str) -> None:
        """Raise PayPalRefusal 401 unless the header carries the token that is valid now."""
        scheme, _, given = authorization.partition(" ")
        good = given == self.token and self.world.clock.now() < self.ends_at
        if scheme.lower() != "bearer" or not given or not good:
            raise PayPalRefusal(401)

    def revoke(self) -> None:
        """Invalidate the current token before its announced expiry."""
        self.token, self.ends_at = "", 0.0


def _refused(error: str, description: str) -> Obj:
    return {"error": error, "error_description": description}
