"""The result of the latest sweeps of a provider, kept in the ledger across restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from billing.model.translatable_text import Moment, Text, Verbatim
from billing.ports import Values

PATIENCE = 2  # number of intervals for which a failing sweep may recover by itself before the owner is told


class Named(Protocol):
    """The name and account of a provider."""

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class SweepState:
    """The result of the latest sweeps, with moments in unix seconds.

    `good_at`: when a sweep last succeeded; `failing_since`: when the first of the current failures happened;
    None: never, or not failing. `why`: the last error.
    """

    good_at: int | None = None
    failing_since: int | None = None
    why: str = ""

    def too_long(self, now: float, interval: float) -> bool:
        """Return True if sweeps have failed for longer than a temporary fault lasts.

        `interval`: seconds between two sweeps.
        """
        return self.failing_since is not None and now - self.failing_since > PATIENCE * interval


def failing_text(title: str, state: SweepState) -> Text:
    """Return the text for the owner that sweeps of the provider called `title` fail, since when and why."""
    since, reason = Moment(state.failing_since or 0), Verbatim(state.why)
    return Text("finding.comparison_fails", provider=title, since=since, reason=reason)


async def load_sweep(ledger: Values, provider: Named) -> SweepState:
    """Return the stored state of a provider's sweeps; its fields are empty if it was never swept."""
    good, since, why = (await ledger.load_value(_name(provider)) or "0 0 ").split(" ", 2)
    return SweepState(int(good) or None, int(since) or None, why)


async def record_sweep(ledger: Values, provider: Named, state: SweepState) -> None:
    """Store the state of a provider's sweeps."""
    value = f"{state.good_at or 0} {state.failing_since or 0} {state.why}"
    await ledger.record_value(_name(provider), value)


def _name(provider: Named) -> str:
    return f"sweep {provider.name}:{provider.account}"
