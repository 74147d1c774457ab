"""Says which roles are right, by the rules in docs/access.md and the provider's data.

It is written without billing/: it reads the providers' own objects and what people did, and never the ledger.
Answers are yes, no, or None if the rules leave it open.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from standins.stripe.state import Obj, World
from tests.simulation.paypal_rules import OVER, PayPalRules

DAY = 86_400
GRACE = 7 * DAY
PAYING = ("trialing", "active")
DISPUTED = ("open", "lost")


@dataclass(frozen=True)
class Block:
    """A part of an admin's decision. `plan` None: every plan of the server. `subs`: what paid for that plan
    then, whichever it is switched to."""

    plan: int | None
    starts_at: int
    subs: frozenset[str] = frozenset()


@dataclass
class Decision:
    """An admin's decision about a member; its blocks are lifted together. `paid`: the end of the paid time
    of a subscription that the decision ended at once, if that is certain; `gone`: the subscriptions that
    were known to have ended before; `beside`: those that the ledger did not know when the admin decided, so
    that it may have shut their payer out at once."""

    guild: int
    member: int
    blocks: list[Block]
    paid: dict[str, int] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()

    def covers(self, plan: int, now: float, sub: str = "") -> bool:
        begun = [b for b in self.blocks if b.starts_at <= now]
        return any(b.plan in (None, plan) or sub in b.subs for b in begun)


@dataclass(frozen=True)
class Days:
    """Paid days that the lifting of a decision gives back, of one subscription. `sure`: until when at least;
    `most`: until when at most."""

    plan: int
    sure: int
    most: int


@dataclass
class PlanFacts:
    """A plan as its admins want it; `products` are those whose prices it sells."""

    id: int
    guild: int
    roles: set[int]
    products: set[str]


@dataclass
class Model:
    """Purchases, decisions, and the source of each role.

    `owners`: subscription -> (guild, member), by whose page was paid. `whose`: the giver of a member's role:
    the bot, a hand, or unclear; for an absent role: requested in vain, taken by hand, or lost by leaving.
    `days`: subscription -> the days of it that were given back; `lifting`: decisions that are being lifted.
    """

    stripe: World
    paypal: PayPalRules
    plans: dict[int, PlanFacts] = field(default_factory=dict)
    owners: dict[str, tuple[int, int]] = field(default_factory=dict)
    disputes: dict[str, str] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    days: dict[str, Days] = field(default_factory=dict)
    lifting: set[str] = field(default_factory=set)
    whose: dict[tuple[int, int, int], str] = field(default_factory=dict)
    refunds_ordered: int = 0
    refunds_by_owner: int = 0
    requested: set[str] = field(default_factory=set)
    sold: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def truth(self) -> dict[str, Obj]:
        """The providers' subscriptions as they are now."""
        return {**self.at_stripe(), **self.paypal.truth()}

    def at_stripe(self) -> dict[str, Obj]:
        """Stripe's own."""
        return self.stripe.tables.get("subscription", {})

    def own(self, guild: int, member: int) -> list[Obj]:
        """The subscriptions that this member bought in that server."""
        truth = self.truth()
        return [truth[name] for name, owner in self.owners.items() if owner == (guild, member)]

    def is_over(self, sub: Obj, now: float) -> bool:
        """Nothing is left of it that could be ended."""
        if "provider" in sub:
            return sub["status"] in OVER and self.paypal.paid_until(sub)[0] <= now
        return bool(sub["status"] == "canceled")

    def add_plan(self, plan: PlanFacts) -> None:
        self.plans[plan.id] = plan
        self.sold[plan.guild] |= plan.roles

    # -- what a subscription gives ----------------------------------------------------------------------

    def gives(self, sub: Obj, now: float) -> bool | None:
        """Access at that moment, by the table in docs/access.md."""
        if self.disputes.get(sub["id"]) in DISPUTED:
            return False
        return self.gives_undisputed(sub, now)

    def gives_undisputed(self, sub: Obj, now: float) -> bool | None:
        """The same, for whoever has not heard of the dispute."""
        if "provider" in sub:
            return self.paypal.gives(sub, now)
        if sub["status"] in PAYING:
            given: bool | None = True
        elif sub["status"] == "past_due":
            given = self._in_grace(sub["id"], now)
        else:
            return False
        if sub["cancel_at"] is not None and sub["cancel_at"] <= now:
            return False
        return given

    def _in_grace(self, sub_id: str, now: float) -> bool | None:
        """From when the invoice that could not be paid was made."""
        owed = [i["due_date"] or i["created"] for i in self.invoices_of(sub_id) if i["status"] == "open"]
        return now < min(owed) + GRACE if owed else None

    def invoices_of(self, sub_id: str) -> list[Obj]:
        def about(invoice: Obj) -> Any:
            return invoice["parent"]["subscription_details"]["subscription"]

        return [i for i in self.stripe.all("invoice") if about(i) == sub_id]

    def _plan_with(self, guild: int, product: str) -> PlanFacts | None:
        return next((p for p in self.plans.values() if p.guild == guild and product in p.products), None)

    def paid_plan(self, sub: Obj) -> PlanFacts | None:
        """By the price of its item, in the server that it was bought for."""
        if sub["id"] not in self.owners:
            return None
        guild, _ = self.owners[sub["id"]]
        if "provider" in sub:
            return self._plan_with(guild, self.paypal.world.get("plan", sub["plan_id"])["product_id"])
        price = sub["items"]["data"][0]["price"]
        price_id = price if isinstance(price, str) else price["id"]
        return self._plan_with(guild, self.stripe.by_id[price_id]["product"])

    # -- what a member may have -------------------------------------------------------------------------

    def entitled(self, guild: int, member: int, now: float) -> dict[int, bool | None]:
        """Plan -> yes or None; plans that are not in it: no."""
        found: dict[int, bool | None] = {}
        for sub in self.own(guild, member):
            plan, given = self.paid_plan(sub), self.gives(sub, now)
            if given and self.lost_beside(sub["id"]):
                given = None  # bought before or after that was heard of
            if given and any(sub["id"] in decision.beside for decision in self.decisions.values()):
                given = None
            if plan is None or given is False or self.blocked(guild, member, plan.id, now, sub["id"]):
                continue
            found[plan.id] = found.get(plan.id) or given
        for days in self.days_of(guild, member):
            if now < days.most and not self.blocked(guild, member, days.plan, now):
                found[days.plan] = found.get(days.plan) or (True if now < days.sure else None)
        return found

    def days_of(self, guild: int, member: int) -> list[Days]:
        """The days that were given back to them there."""
        return [days for name, days in self.days.items() if self.owners[name] == (guild, member)]

    def lost_beside(self, sub_id: str) -> bool:
        """Whether its payer lost a dispute about another one there, and so may be shut out by that."""
        lost = [name for name, state in self.disputes.items() if state == "lost" and name != sub_id]
        return any(self.owners.get(name) == self.owners.get(sub_id) for name in lost)

    def blocked(self, guild: int, member: int, plan: int, now: float, sub: str = "") -> bool:
        own = (d for d in self.decisions.values() if (d.guild, d.member) == (guild, member))
        return any(d.covers(plan, now, sub) for d in own)

    def roles(self, guild: int, member: int, now: float) -> tuple[set[int], set[int]]:
        """Roles that they must have, and roles that the rules leave open."""
        plans = self.entitled(guild, member, now)
        sure = {r for p, given in plans.items() if given for r in self.plans[p].roles}
        open_ = {r for p, given in plans.items() if given is None for r in self.plans[p].roles}
        return sure, open_ - sure

    # -- what people decide -----------------------------------------------------------------------------

    def revoked(
        self, decision: str, guild: int, member: int, plan: int | None, at_once: bool, now: int
    ) -> None:
        """An admin's order as CONTRACT.md has it: at once, or at the end of what is paid."""
        ends: dict[int, int] = {}
        subs: dict[int | None, set[str]] = defaultdict(set)
        for sub in self.own(guild, member):
            paid = self.paid_plan(sub)
            if paid is not None and plan in (None, paid.id) and not self.is_over(sub, now):
                ends[paid.id] = max(ends.get(paid.id, now), self._paid_until(sub, now))
                self.paypal.cut |= {sub["id"]} if at_once else set()
                subs[paid.id].add(sub["id"])
        for days in self.days_of(guild, member):
            if plan in (None, days.plan) and now < days.most:
                ends[days.plan] = max(ends.get(days.plan, now), days.most)
        if at_once or not ends:
            blocks = [Block(plan, now, frozenset(subs[plan]))]
        else:
            blocks = [Block(p, end, frozenset(subs[p])) for p, end in ends.items()]
            blocks += [Block(None, max(ends.values()))] if plan is None else []
        self.decisions[decision] = Decision(guild, member, blocks)

    def ended(self, guild: int, member: int) -> frozenset[str]:
        """Which of what they bought there has ended."""
        return frozenset(sub["id"] for sub in self.own(guild, member) if self._is_ended(sub))

    def paid_days(self, guild: int, member: int, plan: int | None, now: int) -> dict[str, int]:
        """Until when the time is paid that goes with an order at once: not that of a trial, nor what is owed,
        disputed, or refunded in part or whole."""
        found = {}
        for sub in self.own(guild, member):
            paid = self.paid_plan(sub)
            active = sub["status"] in ("active", "ACTIVE") and not sub.get("pause_collection")
            owed = sub.get("failed") is not None or ("provider" in sub and sub["last"] is None)
            if active and not owed and paid is not None and plan in (None, paid.id):
                found[sub["id"]] = self._paid_until(sub, now)
        return found

    def lifted(self, name: str, now: int, *, sure: bool) -> None:
        """An admin takes the decision back: the days come back that were paid and not given back as money."""
        made = self.decisions[name]
        for sub in self.own(made.guild, made.member):
            plan, most = self.paid_plan(sub), self._most_paid(sub)
            runs_on = sure and not self._is_ended(sub)
            if plan is None or most <= now or runs_on or sub["id"] in made.gone:
                continue
            least = made.paid.get(sub["id"], 0) if sure and not self._is_in_doubt(sub) else 0
            self.days[sub["id"]] = Days(plan.id, min(least, most), most)

    def _is_in_doubt(self, sub: Obj) -> bool:
        """It runs on, or its money went back or may do so."""
        return not self._is_ended(sub) or sub["id"] in self.disputes or self._refunds_of(sub)

    def _is_ended(self, sub: Obj) -> bool:
        return sub["status"] in ("canceled", *OVER)

    def _refunds_of(self, sub: Obj) -> bool:
        if "provider" in sub:
            sales = self.paypal.world.all("sale")
            return any(s.refunded for s in sales if s.subscription.id == sub["id"])
        return bool(self.stripe.all("refund"))

    def _most_paid(self, sub: Obj) -> int:
        if "provider" in sub:
            return self.paypal.paid_until(sub)[1]
        end: int = sub["items"]["data"][0]["current_period_end"]
        return end

    def _paid_until(self, sub: Obj, now: int) -> int:
        if "provider" in sub:
            return max(now, self.paypal.paid_until(sub)[0])
        if sub["status"] not in PAYING:
            return now
        ends: list[int | None] = [sub["items"]["data"][0]["current_period_end"], sub["cancel_at"]]
        return max(now, min(e for e in ends if e is not None))
