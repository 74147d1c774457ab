"""Counters and timings for /metrics, as the rules and the edges see them."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Counts and times operations. Calls never fail or block, and receive nobody's identity."""

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one call to a provider with its outcome and duration."""

    def changed_role(self, outcome: str) -> None:
        """Count a role that was 'given' or 'taken', or that Discord 'refused' to change."""

    def gave_role(self, seconds: float) -> None:
        """Record how long after its notification a role was given."""


class Unmeasured(Meter):
    """Discards all measurements; used if there are no metrics."""

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Discard the measurement."""

    def changed_role(self, outcome: str) -> None:
        """Discard the measurement."""

    def gave_role(self, seconds: float) -> None:
        """Discard the measurement."""
