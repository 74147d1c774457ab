"""Keeps the certificates of genuine notifications across restarts.

The first notification after a restart then does not wait behind forged ones.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from billing.errors import LedgerError
from billing.ports import Values

_NAME = "paypal_certificates"
_MOST = 4  # PayPal uses one certificate for about a year


class ProvenCertificates:
    """The certificates that a genuine notification has used, kept in the ledger.

    `texts`: the certificates as they were served, by address; b'' if PayPal itself verified the signature.
    """

    def __init__(self, kept: Values | None) -> None:
        self.texts: dict[str, bytes] = {}
        self._kept = kept
        self._reading = asyncio.Lock()
        self._was_read = kept is None

    async def read(self) -> dict[str, bytes]:
        """Return the certificates that an earlier process kept; every later call returns nothing.

        If the ledger cannot be read, the next call tries again.
        """
        if self._was_read:
            return {}
        async with self._reading:
            return await self._read_once()

    async def _read_once(self) -> dict[str, bytes]:
        if self._was_read or self._kept is None:
            return {}
        with suppress(LedgerError):
            self.texts = {**_parse(await self._kept.load_value(_NAME) or ""), **self.texts}
            self._was_read = True
            return self.texts
        return {}

    async def add(self, address: str, text: bytes) -> None:
        """Keep a certificate as the newest.

        If the ledger cannot be written, the program fetches the certificate again after a restart.
        """
        if self.texts.get(address) == text:
            return
        self.texts.pop(address, None)
        self.texts[address] = text
        while len(self.texts) > _MOST:
            del self.texts[next(iter(self.texts))]
        if self._kept is not None:
            told = {url: one.decode("latin-1") for url, one in self.texts.items()}
            with suppress(LedgerError):
                await self._kept.record_value(_NAME, json.dumps(told))


def _parse(value: str) -> dict[str, bytes]:
    try:
        return {str(url): str(text).encode("latin-1") for url, text in json.loads(value).items()}
    except (ValueError, AttributeError):
        return {}
