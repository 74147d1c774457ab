"""What is counted and timed for the owner's instruments, as the rules and the edges see it."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """No call of it fails, waits, or hears whose a thing is."""

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """A provider was asked for something, and this came of it."""

    def changed_role(self, outcome: str) -> None:
        """A role was 'given', 'taken', or 'refused' by Discord."""

    def gave_role(self, seconds: float) -> None:
        """A role was given so long after the notification that it follows from."""


class Unmeasured(Meter):
    """Nobody looks."""

    def answered(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Let it pass."""

    def changed_role(self, outcome: str) -> None:
        """Let it pass."""

    def gave_role(self, seconds: float) -> None:
        """Let it pass."""
