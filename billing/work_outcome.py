"""What came of one piece of work, for the log: in words, and by the ids that a payment is followed by."""

from __future__ import annotations

from dataclasses import dataclass, field

from billing.model import Binding

Ids = dict[str, object]  # 'event', 'subscription', 'server', 'member', 'notice', 'intent'


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """`attempts`: how often a piece that is put off had been tried before; None where it is not put off.
    `ordinary`: how many of its tries may be put off before anything is wrong."""

    words: str
    ids: Ids = field(default_factory=dict)
    attempts: int | None = None
    ordinary: int = 0

    @property
    def is_news(self) -> bool:
        """Put off for the first time, or its tries have doubled since it was last said aloud."""
        tried = 0 if self.attempts is None else self.attempts + 1
        return tried > self.ordinary and tried & (tried - 1) == 0


def put_off(why: object, attempts: int, ids: Ids | None = None, *, ordinary: int = 0) -> WorkOutcome:
    """It waits for its next try."""
    return WorkOutcome(f"put off, {why}", ids or {}, attempts, ordinary)


def ids_of(binding: Binding | None) -> Ids:
    """Whose it is, where that is known."""
    return {} if binding is None else {"server": binding.guild_id, "member": binding.member_id}
