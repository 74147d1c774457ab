"""Derives role changes from a member's entitlements. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.model import Entitlement, Plan


@dataclass(frozen=True, slots=True)
class Changes:
    """Role ids to give and to take. Roles are given before others are taken."""

    give: tuple[int, ...] = ()
    take: tuple[int, ...] = ()


def roles_of(entitlements: Iterable[Entitlement], plans: Sequence[Plan], *, held: bool) -> frozenset[int]:
    """Return the roles of the entitlements that are on hold (`held`) or certain (not `held`)."""
    wanted = {e.plan_id for e in entitlements if e.held is held}
    return frozenset(role for plan in plans if plan.id in wanted for role in plan.role_ids)


def diff(
    desired: frozenset[int], held: frozenset[int], actual: frozenset[int], granted_by_us: frozenset[int]
) -> Changes:
    """Return the changes that turn `actual` into `desired`.

    Only a role in `granted_by_us` is ever taken; a role in `held` is neither given nor taken.
    """
    give = desired - actual
    take = (granted_by_us & actual) - desired - held
    return Changes(tuple(sorted(give)), tuple(sorted(take)))
