"""What people are told, each once."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person is told once. `key` is unique: the same thing is never told twice.

    `member_id` set: a member, by DM; None: the server's admins. `kind` and `facts` are turned into words
    by the Discord face.
    """

    key: str
    guild_id: int
    member_id: int | None
    kind: str
    facts: dict[str, str | int | None] = field(default_factory=dict)
    created_at: int = 0
