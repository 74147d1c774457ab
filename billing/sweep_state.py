"""How the comparison with a provider stands, as the ledger keeps it over restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from billing.ports import Values

PATIENCE = 2  # intervals: so long a failing sweep is left to heal by itself


class Named(Protocol):
    """A provider, as far as its name goes."""

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class SweepState:
    """Unix seconds: when a sweep last came through, and since when each has failed; `why` the last did."""

    good_at: int | None = None
    failing_since: int | None = None
    why: str = ""

    def too_long(self, now: float, interval: float) -> bool:
        """Whether it has failed for longer than a passing fault lasts."""
        return self.failing_since is not None and now - self.failing_since > PATIENCE * interval

    def words(self) -> str:
        """Since when it fails and why, for the owner."""
        since = datetime.fromtimestamp(self.failing_since or 0, UTC)
        return f"has failed since {since:%Y-%m-%d %H:%M} UTC ({self.why})."


async def load_sweep(ledger: Values, provider: Named) -> SweepState:
    """Nothing is known of one that was never swept."""
    good, since, why = (await ledger.load_value(_name(provider)) or "0 0 ").split(" ", 2)
    return SweepState(int(good) or None, int(since) or None, why)


async def record_sweep(ledger: Values, provider: Named, state: SweepState) -> None:
    """Keep it."""
    value = f"{state.good_at or 0} {state.failing_since or 0} {state.why}"
    await ledger.record_value(_name(provider), value)


def _name(provider: Named) -> str:
    return f"sweep {provider.name}:{provider.account}"
