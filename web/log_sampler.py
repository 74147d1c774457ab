"""Logs the first of many similar events, then their number once a minute, so that no flood fills the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

MINUTE = 60.0


class Sampler:
    """Limits how often similar events are logged."""

    def __init__(self) -> None:
        self._more: dict[str, int] = {}

    def note(self, what: str, tell: Callable[[], None]) -> None:
        """Call `tell` for the first `what` within a minute, and only count further ones."""
        if what in self._more:
            self._more[what] += 1
            return
        self._more[what] = 0
        tell()
        asyncio.get_running_loop().call_later(MINUTE, self._sum_up, what)

    def _sum_up(self, what: str) -> None:
        more = self._more.pop(what)
        if more:
            log.info("%s: %d more in the last minute", what, more)
