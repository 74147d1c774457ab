"""Faults that a provider's caller can meet, each with the message that it must cause."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from providers import base
from standins.discord import Reply
from standins.faults import Faults

# Real seconds for a call that hangs, with all its tries: it is given up soon, and tried again by the clock.
SOON = 0.3
LATE = ("hang_before", "hang_after", "slow")

FAULTS: dict[str, dict[str, Any]] = {
    "time-out before": {"kind": "hang_before"},
    "time-out after": {"kind": "hang_after"},
    "cut before": {"kind": "cut_before"},
    "cut after": {"kind": "cut_after"},
    "500": {"kind": "status", "status": 500},
    "500 after": {"kind": "status_after", "status": 500},
    "503": {"kind": "status", "status": 503},
    "401": {"kind": "status", "status": 401},
    "429": {"kind": "status", "status": 429},
    "slow body": {"kind": "slow", "seconds": 5.0},
}
SILENT = "responding right now"
BARRED = "won't let the bot do this right now"


class Server(Protocol):
    """A stand-in."""

    faults: Faults


class Trouble:
    """Strikes one call, once or until it is over."""

    def __init__(
        self, server: Server, patch: pytest.MonkeyPatch, fault: dict[str, Any], times: int | None
    ) -> None:
        self._faults, self._patch = server.faults, patch
        self._fault, self._times = fault, times

    def strike(self, method: str, path: str) -> None:
        """The next call of that kind, or all from now on."""
        fault = dict(self._fault)
        kind = fault.pop("kind")
        self._faults.add(kind, path, method=method, times=self._times, **fault)
        if kind in LATE:
            self._patch.setattr(base, "CALL_SECONDS", SOON)

    def end(self) -> None:
        """End the fault; calls that it has not hit by now are spared."""
        self._faults.clear()
        self._patch.undo()


def said_truly(reply: Reply, done: str, is_so: bool) -> None:
    """It is said to be done where it is, and otherwise that it is not yet, and why."""
    if done in reply.text:
        assert is_so
    else:
        assert SILENT in reply.text or BARRED in reply.text
