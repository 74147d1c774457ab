"""Says what an agreement with PayPal gives, by docs/access.md and PayPal's data.

A view is an agreement as it is, or as an answer showed it: those of its fields that decide anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from standins.paypal.state import Obj, Subscription, World
from standins.paypal.subscription_terms import cycles_of, period_end
from standins.paypal.times import after, parse

DAY = 86_400
SHORT_MONTH = 3 * DAY
GRACE = 7 * DAY
RUNNING = ("ACTIVE", "SUSPENDED")
OVER = ("CANCELLED", "EXPIRED")
STATUSES = ("APPROVAL_PENDING", "APPROVED", *RUNNING, *OVER)


def view_of(found: Subscription) -> Obj:
    """As PayPal holds it."""
    failed = found.last_failed["time"] if found.last_failed else None
    last = found.last_payment[1] if found.last_payment else None
    return _view(found.id, found.status, found.plan_id, found.created, found.start, last, failed)


def view_in(answer: Obj) -> Obj:
    """As an answer shows it."""
    money: Obj = answer.get("billing_info", {})
    last = money.get("last_payment", {}).get("time")
    failed = money.get("last_failed_payment", {}).get("time")
    created, start = parse(answer["create_time"]), parse(answer["start_time"])
    paid = None if last is None else parse(last)
    return _view(answer["id"], answer["status"], answer["plan_id"], created, start, paid, failed)


def _view(
    name: str, status: str, plan: str, created: int, start: int, last: int | None, failed: str | None
) -> Obj:
    at = None if failed is None else parse(failed)
    owed = at if at is not None and (last is None or at > last) else None
    return {
        "id": name,
        "provider": "paypal",
        "status": status,
        "plan_id": plan,
        "created": created,
        "start": start,
        "last": last,
        "failed": owed,
    }


@dataclass
class PayPalRules:
    """`moved`: when an agreement changed to another plan; `cut`: those whose time went with an admin's order
    that ends all at once; `failures`: of each agreement, the failed payments that the program was shown."""

    world: World
    moved: dict[str, int] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    failures: dict[str, set[int]] = field(default_factory=dict)

    def truth(self) -> dict[str, Obj]:
        """The agreements that somebody has agreed to."""
        found: dict[str, Any] = self.world.tables.get("subscription", {})
        return {name: view_of(one) for name, one in found.items() if one.buyer is not None}

    def gives(self, sub: Obj, now: float) -> bool | None:
        """Access at that moment; None if the rules leave it open."""
        if sub["status"] in RUNNING and sub["failed"] is not None:
            return self._in_grace(sub, now)
        if sub["status"] == "ACTIVE":
            return True
        if sub["status"] not in (*RUNNING, *OVER):
            return False
        least, most = self.paid_until(sub)
        if now < least and sub["id"] not in self.cut:
            return True
        return None if now < most else False

    def _in_grace(self, sub: Obj, now: float) -> bool | None:
        """The days of grace begin with the first failed payment, or when it fell due within the day
        before. A program that was shown only a later failure may count from that one."""
        if sub["last"] is None and sub["failed"] - sub["created"] < DAY:
            return False
        first = min(self._declined(sub), default=sub["failed"])
        if now < min(first, max(self.paid_until(sub)[0], first - DAY)) + GRACE:
            return True
        if now < first + GRACE:
            return None
        known = self.failures.get(sub["id"], set())
        return False if first in known or now >= sub["failed"] + GRACE else None

    def _declined(self, sub: Obj) -> list[int]:
        since = sub["last"] or 0
        sales = (s for s in self.world.all("sale") if s.subscription.id == sub["id"])
        return [s.created for s in sales if s.status == "DECLINED" and since < s.created <= sub["failed"]]

    def paid_until(self, sub: Obj) -> tuple[int, int]:
        """One interval of the plan after the last payment; sooner where PayPal takes the next one sooner, and
        at most later by the days that a short month lacks."""
        if sub["last"] is None:
            return sub["start"], sub["start"]
        if self.moved.get(sub["id"], 0) >= sub["last"]:
            return after(sub["last"], "month", 1), after(sub["last"], "year", 1)
        frequency = self._cycle(sub)["frequency"]
        paid = after(sub["last"], frequency["interval_unit"].lower(), frequency["interval_count"])
        due = self._due(sub) or paid
        by_day = frequency["interval_unit"] in ("DAY", "WEEK")
        return min(paid, due), due if not by_day and paid < due <= paid + SHORT_MONTH else paid

    def _cycle(self, sub: Obj) -> Obj:
        return cycles_of(self.world.get("plan", sub["plan_id"]))[-1]

    def _due(self, sub: Obj) -> int | None:
        """When the period ends that was billed last."""
        found = self.world.subscription(sub["id"])
        return period_end(found.anchor, self._cycle(sub), found.periods) if found.anchor else None

    def hear(self, answer: Obj) -> None:
        """The program was shown this."""
        shown = view_in(answer)
        if shown["failed"] is not None:
            self.failures.setdefault(shown["id"], set()).add(shown["failed"])
