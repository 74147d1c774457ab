"""The ledger: members to reconcile, and the brake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import Binding, Change, MemberMark, MemberState, Notice
from billing.model.texts import Reasons, Text
from billing.rules.brake import Brake


class MemberLedger(Protocol):
    """Members to reconcile, their roles, and the brake."""

    async def record_marks(self, members: Sequence[Binding], why: str, at: int) -> None:
        """Members to converge; also takes them out of parking."""

    async def load_marked(self, at: int, limit: int) -> list[MemberMark]:
        """Marked members whose next try is due, longest waiting first."""

    async def load_member_state(self, guild_id: int, member_id: int) -> MemberState:
        """All that decides this member's roles, in one consistent read."""

    async def record_granting(self, guild_id: int, member_id: int, role_id: int, at: int) -> None:
        """Before a role is given: from now on it is ours to take."""

    async def record_reconciled(
        self,
        mark: MemberMark,
        gone: Sequence[int],
        due_at: int | None,
        parked: Sequence[Text | str],
        changes: Sequence[Change],
        notices: Sequence[Notice],
        at: int,
        *,
        braked: bool = False,
    ) -> None:
        """The member's roles are as they should be, or cannot be set for the reasons in `parked`.

        `gone`: roles that are no longer granted by us. `due_at`: when time alone will change something.
        `braked`: parked because of `record_taking`; otherwise the brake lets go of the member.
        The mark is cleared only where its version is still that of `mark`.
        """

    async def record_reconcile_failed(self, mark: MemberMark, error: str, next_try_at: int) -> None:
        """Keep the mark for another try."""

    async def record_due(self, at: int) -> int:
        """Mark the members whose moment has come and their subscriptions stale; how many. Writes nothing
        when there are none."""

    async def load_next_due(self, after: int) -> int | None:
        """The next moment later than `after` at which `record_due`, or a retry of any kind, has something
        to do."""

    async def load_members_to_check(self, at: int, limit: int) -> list[Binding]:
        """Members with roles from us, rights, or parked, who are not marked and were last converged before
        that moment; those longest unchecked first."""

    async def record_checked(self, members: Sequence[Binding], at: int) -> None:
        """These were looked at and are as they should be, or as was known."""

    async def load_drifted_members(self, guild_id: int, at: int, grace: int) -> list[int]:
        """Member ids whose granted roles are not what their subscriptions give at that moment, and those with
        overrides; the marked and the parked left out. Some have a reason that is not looked at here: who is
        named is to be looked at, who is not named needs no look."""

    async def load_parked(self, guild_id: int) -> list[tuple[int, Reasons]]:
        """The ids of members whose roles could not be set, with the reasons."""

    async def load_retried(self, guild_id: int, marked_before: int) -> list[tuple[int, str]]:
        """Member ids, marked since before that moment, with what the last try met."""

    async def record_taking(self, guild_id: int, member_id: int, at: int) -> int | None:
        """Before roles are taken from a marked member: None where they may be, and the member counts.

        Otherwise the brake is on, this member's roles stay, and the answer names the question that the
        admins are asked: `Brake.asked_at`. A member counts once within the window, however often tried.
        """

    async def load_brake(self, guild_id: int) -> Brake | None:
        """None where it is off."""

    async def record_released(self, guild_id: int, asked_at: int, by: int, at: int) -> int:
        """An admin lets the roles go: the braked members are marked, and none is braked for a day.

        How many there were; 0 when this question is no longer the one that stands.
        """

    async def record_kept(self, guild_id: int, asked_at: int, by: int, at: int) -> int | None:
        """An admin leaves the brake on; when it is asked again. None as 0 in `record_released`."""
