"""From what a member is entitled to, to which roles change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.model import Entitlement, Plan


@dataclass(frozen=True, slots=True)
class Changes:
    """Role ids to give and to take. Gives are applied before takes."""

    give: tuple[int, ...] = ()
    take: tuple[int, ...] = ()


def roles_of(entitlements: Iterable[Entitlement], plans: Sequence[Plan], *, held: bool) -> frozenset[int]:
    """The roles that these entitlements stand for: the held ones, or the certain ones."""
    wanted = {e.plan_id for e in entitlements if e.held is held}
    return frozenset(role for plan in plans if plan.id in wanted for role in plan.role_ids)


def diff(
    desired: frozenset[int], held: frozenset[int], actual: frozenset[int], granted_by_us: frozenset[int]
) -> Changes:
    """What to change so that `actual` becomes `desired`.

    Only a role in `granted_by_us` can come out as one to take, whatever else goes in; a role in `held` is
    neither given nor taken.
    """
    give = desired - actual
    take = (granted_by_us & actual) - desired - held
    return Changes(tuple(sorted(give)), tuple(sorted(take)))
