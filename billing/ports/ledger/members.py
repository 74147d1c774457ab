"""The ledger port: members to reconcile, and the brake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import Binding, Change, MemberState, Notice, QueuedMember
from billing.model.translatable_text import Reasons, Text
from billing.rules.brake import Brake


class MemberLedger(Protocol):
    """Members whose roles need to be reconciled, their roles, and the brake."""

    async def record_queued_members(self, members: Sequence[Binding], why: str, at: int) -> None:
        """Queue members to be reconciled; parked members become active again."""

    async def load_queued_members(self, at: int, limit: int) -> list[QueuedMember]:
        """Return up to `limit` queued members whose next attempt is due, longest waiting first."""

    async def load_member_state(self, guild_id: int, member_id: int) -> MemberState:
        """Return all data that decides this member's roles, in one consistent read."""

    async def load_member_states(self, members: Sequence[Binding]) -> list[MemberState]:
        """Return all data that decides the roles of each of these members, in the given order."""

    async def record_granting(self, guild_id: int, member_id: int, role_id: int, at: int) -> None:
        """Record that the bot is about to give a role; from now on the bot may take it."""

    async def record_reconciled(
        self,
        queued: QueuedMember,
        gone: Sequence[int],
        due_at: int | None,
        parked: Sequence[Text | str],
        changes: Sequence[Change],
        notices: Sequence[Notice],
        at: int,
        *,
        braked: bool = False,
    ) -> None:
        """Record that the member's roles are correct, or cannot be set for the reasons in `parked`.

        `gone`: roles that the bot no longer grants. `due_at`: when time alone will change something.
        `braked`: parked because of `record_taking`; otherwise the brake releases the member. The member
        leaves the queue only if the entry's version is still that of `queued`.
        """

    async def record_reconcile_failed(self, queued: QueuedMember, error: str, next_try_at: int) -> None:
        """Postpone a queued member whose roles could not be reconciled."""

    async def record_due(self, at: int) -> int:
        """Queue the members whose roles change by time, and their subscriptions to be fetched.

        Returns the number of members. Writes nothing if there are none.
        """

    async def load_next_due(self, after: int) -> int | None:
        """Return the next moment after `after` at which `record_due` or any retry has work to do.

        In unix seconds; None if there is none.
        """

    async def load_members_to_check(self, at: int, limit: int) -> list[Binding]:
        """Return up to `limit` members last reconciled before `at` (unix seconds), longest unchecked first.

        Only members who have roles from the bot or rights, or who are parked; queued members are left out.
        """

    async def record_checked(self, members: Sequence[Binding], at: int) -> None:
        """Record that these members were checked and found consistent."""

    async def load_drifted_members(self, after: Binding, at: int, grace: int, limit: int) -> list[Binding]:
        """Return up to `limit` members whose granted roles differ from what their subscriptions give at `at`.

        Includes all members with overrides. Covers all servers, ordered by server and member, each greater
        than `after`. Queued and parked members are left out. The list may contain members who turn out to be
        consistent, but never misses one who is not.
        """

    async def load_parked(self, guild_id: int, after: int, limit: int) -> list[tuple[int, Reasons]]:
        """Return up to `limit` ids of members whose roles could not be set, each with the reasons.

        They are ordered, each greater than `after`.
        """

    async def load_retried(
        self, guild_id: int, queued_before: int, after: int, limit: int
    ) -> list[tuple[int, str]]:
        """Return up to `limit` ids of members queued before `queued_before` (unix seconds).

        Each comes with the error of the last attempt. The ids are ordered, each greater than `after`.
        """

    async def record_taking(self, guild_id: int, member_id: int, at: int) -> int | None:
        """Ask the brake before taking roles from a queued member.

        Returns None if the roles may be taken; the member is then counted. Otherwise the brake is on and the
        member keeps their roles; returns `Brake.asked_at`, which identifies the question put to the admins. A
        member counts once within the window, however often this is called.
        """

    async def load_brake(self, guild_id: int) -> Brake | None:
        """Return the server's brake; None if it is off."""

    async def record_released(self, guild_id: int, asked_at: int, by: int, at: int) -> int:
        """Record that an admin releases the brake: queue the braked members, and brake nobody for a day.

        Returns the number of braked members; 0 if `asked_at` no longer identifies the current question.
        """

    async def record_kept(self, guild_id: int, asked_at: int, by: int, at: int) -> int | None:
        """Record that an admin keeps the brake on.

        Returns when admins are asked again (unix seconds); None if `asked_at` no longer identifies the
        current question.
        """
