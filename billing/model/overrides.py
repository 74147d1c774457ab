"""Admins' decisions, and the entitlements that follow from decisions and payments."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.model.subscriptions import SubscriptionKey

PAID = "-paid"  # suffix of the ids of decisions that give back paid days


class OverrideKind(StrEnum):
    """A kind of admins' decisions; each overrides every payment."""

    BLOCK = "block"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Override:
    """An admin's grant or block for a member.

    `plan_id` None: every plan of the server. Rows with the same `decision_id` form one decision and are
    lifted together. A block also covers its `subscriptions`, which it ended, even if they switch to
    another plan.
    """

    id: int
    decision_id: str
    guild_id: int
    member_id: int
    plan_id: int | None
    kind: OverrideKind
    starts_at: int
    until: int | None
    reason: str
    by: int
    created_at: int
    subscriptions: tuple[SubscriptionKey, ...] = ()

    def in_force(self, now: float) -> bool:
        """Return True if the override is in force at the moment `now`."""
        return self.starts_at <= now and (self.until is None or now < self.until)

    @property
    def is_paid(self) -> bool:
        """True if this gives back paid days that a revocation took, as opposed to free days."""
        return self.kind is OverrideKind.GRANT and self.decision_id.endswith(PAID)

    def covers(self, plan_id: int, now: float) -> bool:
        """Return True if the override decides about this plan at the moment `now`."""
        return self.in_force(now) and self.plan_id in (None, plan_id)

    def bars(self, key: SubscriptionKey, now: float) -> bool:
        """Return True if this block suspends this particular subscription at time `now`.

        It does so whichever plan the subscription pays for.
        """
        return self.kind is OverrideKind.BLOCK and self.in_force(now) and key in self.subscriptions


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A member's derived right to a plan until a moment (None: no end in sight).

    `why`: the code of a text in i18n/, or the reason that an admin gave. `held`: the current state is not
    known; the member keeps their roles and gets no new ones.
    """

    plan_id: int
    until: int | None
    why: str
    held: bool = False
