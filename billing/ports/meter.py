"""Counters and timings for /metrics, as the rules and the edges see them."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Counts and times operations. Calls never fail or block, and contain nobody's identity."""

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one call to a provider, with its outcome and its duration in seconds."""

    def changed_role(self, outcome: str) -> None:
        """Count one role change. `outcome`: 'given', 'taken', or 'refused' by Discord."""

    def gave_role(self, seconds: float) -> None:
        """Record the seconds between a notification and the role that was given because of it."""


class Unmeasured(Meter):
    """Discards all measurements; used if there are no metrics."""

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Discard the measurement."""

    def changed_role(self, outcome: str) -> None:
        """Discard the measurement."""

    def gave_role(self, seconds: float) -> None:
        """Discard the measurement."""
