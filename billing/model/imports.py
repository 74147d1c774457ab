"""Imports: subscriptions from before Dues that an admin links to their members, many at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.model.subscriptions import SubscriptionKey


class RowState(StrEnum):
    """The progress of the import of one subscription.

    LINKING and UNDOING are recorded before the act, so that an import that a restart interrupted can
    continue.
    """

    PLANNED = "planned"
    LINKING = "linking"
    LINKED = "linked"
    REFUSED = "refused"  # something changed since the preview
    UNDOING = "undoing"
    UNDONE = "undone"
    KEPT = "kept"  # not undone, because the payment has shown since whose it is


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A subscription that an import links to a member.

    `had`: a bit for each of the subscription's roles that the member already had before.
    """

    line: int
    member_id: int
    key: SubscriptionKey
    state: RowState = RowState.PLANNED
    had: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """An import of a server. Moments in unix seconds UTC.

    `applied_at`: when an admin applied it, None for a preview; `counts`: the number of its rows by state.
    """

    id: int
    guild_id: int
    made_by: int
    made_at: int
    applied_at: int | None
    counts: dict[RowState, int]

    def many(self, *states: RowState) -> int:
        """Return the number of rows in these states."""
        return sum(self.counts.get(state, 0) for state in states)
