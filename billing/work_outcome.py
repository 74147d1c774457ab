"""The outcome of one work item, for the log.

It consists of words, and of ids by which a payment can be followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Ids = dict[str, object]  # 'event', 'subscription', 'server', 'member', 'notice', 'intent'


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """The outcome of one work item.

    `attempts`: the number of earlier attempts of a postponed item; None: it is not postponed. `ordinary`: the
    number of postponements that are normal and no cause for a warning.
    """

    words: str
    ids: Ids = field(default_factory=dict)
    attempts: int | None = None
    ordinary: int = 0

    @property
    def is_news(self) -> bool:
        """True if the postponement deserves a warning.

        That is the first one beyond the ordinary ones, and each time that the attempts have doubled since the
        last warning.
        """
        tried = 0 if self.attempts is None else self.attempts + 1
        return tried > self.ordinary and tried & (tried - 1) == 0


def put_off(why: object, attempts: int, ids: Ids | None = None, *, ordinary: int = 0) -> WorkOutcome:
    """Return the outcome of an item that waits for its next attempt."""
    return WorkOutcome(f"put off, {why}", ids or {}, attempts, ordinary)
