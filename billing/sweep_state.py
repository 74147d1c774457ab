"""The result of the latest sweeps of a provider, kept in the ledger over restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from billing.ports import Values

PATIENCE = 2  # number of intervals for which a failing sweep may recover by itself before the owner is told


class Named(Protocol):
    """The name and account of a provider."""

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class SweepState:
    """When a sweep last succeeded, and since when sweeps have failed, in unix seconds; `why`: the last
    error."""

    good_at: int | None = None
    failing_since: int | None = None
    why: str = ""

    def too_long(self, now: float, interval: float) -> bool:
        """True if sweeps have failed for longer than a temporary fault lasts."""
        return self.failing_since is not None and now - self.failing_since > PATIENCE * interval

    def words(self) -> str:
        """A sentence for the owner: since when sweeps have failed, and why."""
        since = datetime.fromtimestamp(self.failing_since or 0, UTC)
        return f"has failed since {since:%Y-%m-%d %H:%M} UTC ({self.why})."


async def load_sweep(ledger: Values, provider: Named) -> SweepState:
    """The stored state of a provider's sweeps; without values if it was never swept."""
    good, since, why = (await ledger.load_value(_name(provider)) or "0 0 ").split(" ", 2)
    return SweepState(int(good) or None, int(since) or None, why)


async def record_sweep(ledger: Values, provider: Named, state: SweepState) -> None:
    """Store the state of a provider's sweeps."""
    value = f"{state.good_at or 0} {state.failing_since or 0} {state.why}"
    await ledger.record_value(_name(provider), value)


def _name(provider: Named) -> str:
    return f"sweep {provider.name}:{provider.account}"
