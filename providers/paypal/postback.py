"""Verifies notifications by asking PayPal, with the owner's credentials (PAYPAL_VERIFY=postback)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from billing.errors import NotAuthentic, ProviderUnavailable
from providers.paypal.api import Api, Refused, path
from providers.paypal.certs import Certificates
from providers.paypal.webhook import Transmission, verify_offline
from providers.paypal.work_budget import TokenBucket, over_budget

_VERIFY = path("v1", "notifications", "verify-webhook-signature")
_AT_ONCE = 8
# The most notifications that may wait for their turn. Each keeps its body in memory.
_MOST_WAITING = 40
# How many forgeries PayPal may be asked about at once, and the pause in seconds before one more.
# Notifications that name the certificate of genuine ones have a budget of their own.
_MOST_UNKNOWN, _MOST_KNOWN, _PAUSE = 20, 30, 5.0


class PostbackVerifier:
    """Asks PayPal whether it signed a notification, and limits parallel requests and forgeries."""

    def __init__(self, api: Api, certificates: Certificates, webhook_ids: Sequence[str]) -> None:
        self._api, self._certificates, self._webhook_ids = api, certificates, webhook_ids
        self._buckets = {True: TokenBucket(_MOST_KNOWN, _PAUSE), False: TokenBucket(_MOST_UNKNOWN, _PAUSE)}
        self._slots, self._slots_of_true = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def verify(self, body: bytes, sent: Transmission, now: float) -> None:
        """Verify one notification.

        Raises NotAuthentic if PayPal did not sign it, and ProviderUnavailable if PayPal cannot be asked
        now. Anybody can name PayPal's own certificate, so a notification whose signature matches the
        certificate's key does not wait behind others.
        """
        known = await self._certificates.is_proven(sent.cert_url, now)
        if known and await self._fits(body, sent, now):
            async with self._slots_of_true:
                await self._ask(body, sent)
            return
        bucket = self._buckets[known]
        if self._waiting >= _MOST_WAITING:
            raise over_budget()
        self._waiting += 1
        try:
            async with self._slots:
                bucket.take(now)
                await self._ask(body, sent)
        finally:
            self._waiting -= 1
        bucket.give_back()
        await self._certificates.vouch(sent.cert_url)

    async def _fits(self, body: bytes, sent: Transmission, now: float) -> bool:
        try:
            await verify_offline(body, sent, self._webhook_ids, now, self._certificates)
        except (NotAuthentic, ProviderUnavailable):
            return False
        return True

    async def _ask(self, body: bytes, sent: Transmission) -> None:
        """Ask PayPal about each configured webhook in turn."""
        for webhook_id in self._webhook_ids:
            if await self._is_signed(body, sent, webhook_id):
                return
        raise NotAuthentic(detail="PayPal says that it did not sign this")

    async def _is_signed(self, body: bytes, sent: Transmission, webhook_id: str) -> bool:
        """Ask PayPal whether it signed the notification for this webhook.

        The body, known to be a JSON object, is sent back byte for byte: parsing and writing it again would
        break the signature.
        """
        about = {
            "auth_algo": sent.auth_algo,
            "cert_url": sent.cert_url,
            "transmission_id": sent.transmission_id,
            "transmission_sig": sent.transmission_sig,
            "transmission_time": sent.transmission_time,
            "webhook_id": webhook_id,
        }
        question = json.dumps(about)[:-1].encode() + b',"webhook_event":' + body + b"}"
        try:
            answer = await self._api.ask(_VERIFY, question)
        except Refused as refused:
            # A header that PayPal cannot read did not come from PayPal.
            if refused.status not in (400, 422):
                raise
            raise NotAuthentic(detail=f"PayPal cannot read what it should have sent: {refused}") from None
        return answer.get("verification_status") == "SUCCESS"
