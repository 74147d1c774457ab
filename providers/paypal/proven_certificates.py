"""The addresses that true notifications named, with their certificates: kept over restarts, so that the first
notification after one does not wait behind those of strangers."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from billing.errors import LedgerError
from billing.ports import Values

_NAME = "paypal certificates"
_MOST = 4  # PayPal uses one for about a year


class ProvenCertificates:
    """`texts`: the certificates as they were served, by address; empty where PayPal itself was asked."""

    def __init__(self, kept: Values | None) -> None:
        self.texts: dict[str, bytes] = {}
        self._kept = kept
        self._reading = asyncio.Lock()
        self._was_read = kept is None

    async def read(self) -> dict[str, bytes]:
        """What an earlier process kept, once; then nothing. Where the ledger cannot be read now, it is read
        at the next call."""
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
        """Keep it as the newest. What cannot be written is fetched again after a restart."""
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
