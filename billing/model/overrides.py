"""Admins' own decisions, and the entitlements that follow from these and from payments."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.model.subscriptions import SubscriptionKey

PAID = "-paid"  # the end of a decision's id, where it is about days that were paid


class OverrideKind(StrEnum):
    """An admin's own decision, above whatever is paid."""

    BLOCK = "block"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Override:
    """An admin's grant or block for a member; `plan_id` None means every plan of the server. Rows of one
    decision share `decision_id`, and are lifted together. A block also covers its `subscriptions`, those that
    it ended, whichever plan they are switched to."""

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
        """Whether that moment lies within it."""
        return self.starts_at <= now and (self.until is None or now < self.until)

    @property
    def is_paid(self) -> bool:
        """Whether it gives back days that were paid and lost to a revocation, rather than free ones."""
        return self.kind is OverrideKind.GRANT and self.decision_id.endswith(PAID)

    def covers(self, plan_id: int, now: float) -> bool:
        """Whether it rules this plan at that moment."""
        return self.in_force(now) and self.plan_id in (None, plan_id)

    def bars(self, key: SubscriptionKey, now: float) -> bool:
        """Whether this very subscription gives nothing at that moment, whatever it pays for by then."""
        return self.kind is OverrideKind.BLOCK and self.in_force(now) and key in self.subscriptions


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A member's derived right to a plan until a moment (None: no end in sight).

    `held`: the truth is not known just now; what the member has stays, nothing is added.
    """

    plan_id: int
    until: int | None
    why: str
    held: bool = False
