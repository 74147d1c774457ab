"""No role comes or goes without a word to its member, or without a reason for silence in the history."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.simulation.stage import Stage

EARLIER = 3600  # seconds by which a notice may be older than the roles that are told with it

_TOLD = "SELECT facts FROM notices WHERE guild_id = ? AND member_id = ? AND created_at >= ?"
_SILENT = (
    "SELECT count(*) FROM history WHERE guild_id = ? AND member_id = ? AND subject = 'roles'"
    " AND why LIKE 'history.told_before: %' AND before = ? AND at >= ?"
)


class RoleNotices:
    """Remembers the last change of each role that the bot made to a member."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._moved: dict[tuple[int, int, int], tuple[bool, int]] = {}

    def moved(self, guild: int, member: int, role: int, *, gives: bool) -> None:
        """The bot gave this role, or took it."""
        self._moved[guild, member, role] = (gives, self.stage.now)

    def unheard(self) -> Iterator[str]:
        """The changes of which nothing tells, as they stand at the end. Of a role that was given just before
        the power failed nobody knows; nor of somebody who is not there."""
        for (guild, member, role), (gives, at) in self._moved.items():
            there = self.stage.world.guilds[guild].members.get(member)
            if there is None or (role in there.roles) is not gives or (gives and self.stage.may_repeat):
                continue
            rows = self.stage.rows(_TOLD, guild, member, at - EARLIER)
            facts = [json.loads(row[0]) for row in rows]
            silent = self.stage.rows(_SILENT, guild, member, str(role), at)[0][0]
            if not silent and not any(role in f.get("given" if gives else "taken", ()) for f in facts):
                yield f"member {member} was never told of role {role}, {'given' if gives else 'taken'}"
