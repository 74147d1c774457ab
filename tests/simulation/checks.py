"""Conditions that hold after every step, and conditions that hold at the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from billing.model import Ended, IntentOutcome, Notice, SubscriptionKey
from standins.discord.permissions import MANAGE_ROLES, guild_permissions, top_position
from standins.stripe.state import Obj
from tests.simulation import paypal_rules
from tests.simulation.model import Decision, PlanFacts
from tests.simulation.role_notices import RoleNotices
from tests.simulation.stage import Stage

_PENDING = """
    SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL) + (SELECT count(*) FROM stale)
        + (SELECT count(*) FROM members WHERE next_try_at IS NOT NULL)
        + (SELECT count(*) FROM intents WHERE state = 'pending')
"""
KEEPS = ("bot", "unclear")
BILLED = ("trialing", "active", "past_due", "unpaid", "ACTIVE")
STATUSES = (*BILLED, "incomplete", "incomplete_expired", "canceled", "paused", *paypal_rules.STATUSES)
ONCE = ("started", "ended", "revoked")  # of one subscription, or of one decision


class Checks:
    """Watches a stage. Problems are sentences in `stage.problems`."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.model = stage, stage.model
        self._ended: set[str] = set()
        self._said: set[tuple[str, object]] = set()
        self._words = RoleNotices(stage)
        self._in_step()
        stage.on_roles = self._roles_changed  # a stand-in is opened up
        stage.on_told = self._told  # a stand-in is opened up

    def _problem(self, text: str) -> None:
        self.stage.problems.append(text)

    # -- at every change of a role ------------------------------------------------------------------------

    def _roles_changed(self, facts: dict[str, Any]) -> None:
        guild, member = self.stage.world.guilds[facts["guild_id"]], facts["user_id"]
        ids = {role.name: role.id for role in guild.roles.values()}
        by_bot = facts["by"] == self.stage.app.bot.id
        for name in facts["added"]:
            (self._given if by_bot else self._handed)(guild.id, member, ids[name])
        for name in facts["removed"]:
            (self._taken if by_bot else self._snatched)(guild.id, member, ids[name])

    def _handed(self, guild: int, member: int, role: int) -> None:
        was = self.model.whose.get((guild, member, role))
        self.model.whose[guild, member, role] = "unclear" if was or self.stage.is_vague else "hand"

    def _snatched(self, guild: int, member: int, role: int) -> None:
        self.model.whose[guild, member, role] = "taken"

    def _given(self, guild: int, member: int, role: int) -> None:
        self.model.whose[guild, member, role] = "bot"
        self._words.moved(guild, member, role, gives=True)
        if role not in self._possible(guild, member, self._barred):
            self._problem(f"member {member} gained role {role}, which nothing gives them")

    def _taken(self, guild: int, member: int, role: int) -> None:
        was = self.model.whose.pop((guild, member, role), None)
        self._words.moved(guild, member, role, gives=False)
        if was not in KEEPS:
            self._problem(f"role {role} was taken from member {member}, and not given by the bot ({was})")
        if role in self._certain(guild, member):
            self._problem(f"member {member} lost role {role}, to which they are entitled for certain")
        elif role in self._paid_unasked(guild, member):
            self._problem(f"member {member} lost role {role}, and their provider has not said that it ended")

    def _versions(self, sub: Obj) -> list[Obj]:
        """Each way in which the program may know it; a status that nobody knows neither gives nor takes."""
        known = [*self._known.get(sub["id"], []), *self.stage.heard.seen.get(sub["id"], [])]
        return [sub, *(version for version in known if version["status"] in STATUSES)]

    def _possible(self, guild: int, member: int, barred: Callable[[int, int, int, str], bool]) -> set[int]:
        """Roles for which there was any reason since all was last in step."""
        now, found = self.stage.now, set()
        for sub in self._own(guild, member):
            for version in self._versions(sub):
                plan, gives = self.model.paid_plan(version), self.model.gives_undisputed(version, now)
                if plan is not None and gives is not False and not barred(guild, member, plan.id, sub["id"]):
                    found |= plan.roles | self._plans[plan.id].roles
        for days in self.model.days_of(guild, member):
            if now < days.most and not barred(guild, member, days.plan, ""):
                found |= self.model.plans[days.plan].roles | self._plans[days.plan].roles
        return found

    def _certain(self, guild: int, member: int) -> set[int]:
        """Roles for which there was a reason all the time since then."""
        now, found = self.stage.now, set()
        for sub in self._own(guild, member):
            disputed = sub["id"] in self.model.disputes or sub["id"] in self._disputed
            versions = self._versions(sub)
            plan = self.model.paid_plan(sub)
            same = all(self.model.paid_plan(v) is plan for v in versions) and sub["id"] in self._known
            if plan is None or disputed or not same:
                continue
            gives = all(self.model.gives_undisputed(v, now) for v in versions)
            if gives and not self._maybe_barred(guild, member, plan.id, sub["id"]):
                found |= plan.roles & self._plans[plan.id].roles
        return found

    def _paid_unasked(self, guild: int, member: int) -> set[int]:
        """Roles that are paid for; that they are not was not heard since all was in step."""
        found = set()
        for sub in self._own(guild, member) if not self.stage.unsure else ():
            plan, heard = self.model.paid_plan(sub), self.stage.heard.seen.get(sub["id"], [])
            if plan is None or sub["id"] not in self._known:
                continue
            if not all(self.model.gives(version, self.stage.now) for version in heard):
                continue
            same = all(self.model.paid_plan(v) is plan for v in (*heard, *self._known[sub["id"]]))
            paid = same and self.model.gives(sub, self.stage.now)
            if paid and not self._maybe_barred(guild, member, plan.id, sub["id"]):
                found |= plan.roles & self._plans[plan.id].roles
        return found

    def _own(self, guild: int, member: int) -> list[Obj]:
        return self.model.own(guild, member)

    def _barred(self, guild: int, member: int, plan: int, sub: str) -> bool:
        """Now and when all was last in step, by a decision that nobody is about to lift."""
        now, known, lifting = self.model.decisions, self._decisions, self.model.lifting
        own = [d for d in known.values() if (d.guild, d.member) == (guild, member)]
        then = any(d.covers(plan, self._since, sub) for d in own)
        left = [
            d for name, d in now.items() if (d.guild, d.member) == (guild, member) and name not in lifting
        ]
        return then and any(d.covers(plan, self.stage.now, sub) for d in left)

    def _barred_now(self, guild: int, member: int, plan: int, sub: str) -> bool:
        return self.model.blocked(guild, member, plan, self.stage.now, sub)

    def _maybe_barred(self, guild: int, member: int, plan: int, sub: str) -> bool:
        """At any time since then, or about to be."""
        known = {**self._decisions, **self.model.decisions}
        own = [d for d in known.values() if (d.guild, d.member) == (guild, member)]
        return any(d.covers(plan, self.stage.now, sub) for d in own) or self.stage.revoking > 0

    # -- what people are told -----------------------------------------------------------------------------

    def _told(self, notice: Notice) -> None:
        about = _about(notice)
        if notice.body.kind in ONCE and not self.stage.may_repeat:
            if (notice.body.kind, about) in self._said:
                self._problem(f"'{notice.body.kind}' was said of {about} twice")
            self._said.add((notice.body.kind, about))
        if isinstance(notice.body, IntentOutcome):
            query = "SELECT kind, state, subscription_id FROM intents WHERE id = ?"
            ((kind, state, sub_id),) = self.stage.rows(query, notice.body.intent)
            if kind.startswith("cancel") and state == "done" and not self.stage.heard.confirmed[sub_id]:
                self._problem(f"'cancelled' was said of {sub_id}, and its provider never said so")
        if isinstance(notice.body, Ended) and not self.stage.heard.confirmed[about]:
            self._problem(f"'ended' was said of {about}, and its provider never said so")

    # -- after every step ---------------------------------------------------------------------------------

    def after_step(self) -> None:
        """Nobody is at work just now, unless word of something is still on its way."""
        self._check_ended()
        self._check_requests()
        self._check_revoked()
        if self._all_done():
            if not self.stage.is_vague:
                self._check_roles()
            self._in_step()

    def _check_ended(self) -> None:
        ended = {row[0] for row in self.stage.rows("SELECT id FROM subscriptions WHERE status = 'ended'")}
        for back in self._ended - ended:
            self._problem(f"{back} had ended, and the ledger shows it alive again")
        self._ended |= ended

    def _check_requests(self) -> None:
        for method, sub_id in self.stage.heard.changes:
            if sub_id not in self.model.requested and not self._shut_out(sub_id):
                self._problem(f"{method} {sub_id}, and nobody had asked for a change of it")
        worlds = (self.stage.server.world, self.stage.paypal.world)
        refunds = sum(len(world.all("refund")) for world in worlds) - self.model.refunds_by_owner
        refunds -= sum(
            sale.reversed for sale in self.stage.paypal.world.all("sale")
        )  # PayPal shows them alike
        if refunds > self.model.refunds_ordered:
            self._problem(f"{refunds} refunds, and {self.model.refunds_ordered} ordered")

    def _shut_out(self, sub_id: str) -> bool:
        """Bought beside a revocation: the admin's order stops its billing too."""
        plan = self.model.paid_plan(self.model.truth()[sub_id])
        found = plan is not None and self.model.blocked(*self.model.owners[sub_id], plan.id, math.inf, sub_id)
        found = found or self.model.lost_beside(sub_id)
        self.model.requested |= {sub_id} if found else set()
        return found

    def _check_revoked(self) -> None:
        """At once, whatever the provider does; later only where Discord itself fails."""
        now = self.stage.now
        waits = set(self.stage.rows("SELECT guild_id, member_id FROM members WHERE next_try_at IS NOT NULL"))
        for decision in self.model.decisions.values():
            guild, member = decision.guild, decision.member
            if (guild, member) in waits or not self.stage.is_up:
                continue
            left = {r for p in self.model.plans.values() if p.guild == guild for r in p.roles
                    if decision.covers(p.id, now)}  # fmt: skip
            for role in left & self._has(guild, member) - self._possible(guild, member, self._barred_now):
                if self.model.whose.get((guild, member, role)) == "bot" and self._settable(guild, role):
                    self._problem(f"member {member} is revoked and has role {role}")

    def _all_done(self) -> bool:
        under_way = self.stage.mail.busy() or not self.stage.is_up
        return not under_way and self.stage.rows(_PENDING) == [(0,)]

    def _in_step(self) -> None:
        """From here on is remembered what may have been known."""
        self._since = self.stage.now
        self._known = {name: [_kept(sub)] for name, sub in self.model.truth().items()}
        self._disputed = set(self.model.disputes)
        self._plans = {p.id: PlanFacts(p.id, p.guild, set(p.roles), p.products)
                       for p in self.model.plans.values()}  # fmt: skip
        self._decisions: dict[str, Decision] = dict(self.model.decisions)
        self.stage.heard.seen.clear()

    # -- what the roles must be ---------------------------------------------------------------------------

    def _has(self, guild: int, member: int) -> set[int]:
        found = self.stage.world.guilds[guild].members.get(member)
        return set(found.roles) if found else set()

    def _settable(self, guild_id: int, role_id: int) -> bool:
        guild = self.stage.world.guilds[guild_id]
        own, role = guild.members[self.stage.app.bot.id], guild.roles.get(role_id)
        allowed = bool(guild_permissions(guild, own) & MANAGE_ROLES)
        return role is not None and allowed and role.position < top_position(guild, own)

    def _check_roles(self) -> None:
        for guild in self.stage.guilds:
            for member in self.stage.members:
                if member.id in guild.members and (guild.id, member.id) not in self.stage.unnoticed:
                    self._check_member(guild.id, member.id)

    def _check_member(self, guild: int, member: int) -> None:
        sure, open_ = self.model.roles(guild, member, self.stage.now)
        if any(sub["id"] in self.stage.heard.lies for sub in self._own(guild, member)):
            return
        has = self._has(guild, member)
        for role in self.model.sold[guild] - open_:
            whose = self.model.whose.get((guild, member, role))
            if not self._settable(guild, role) or whose in ("taken", "unclear"):
                continue
            if role in sure and role not in has:
                self._problem(f"member {member} lacks role {role}")
            if role not in sure and role in has and whose == "bot":
                self._problem(f"member {member} still has role {role}")

    def at_the_end(self) -> None:
        """All has arrived, no fault is left, and where sweeps are made one has been: it gives back what was
        taken by hand.
        """
        if self.stage.sweeps < 86_400:
            self.stage.unnoticed.clear()
            self.stage.mail.lost = 0
            for key in [k for k, whose in self.model.whose.items() if whose == "taken"]:
                del self.model.whose[key]
        self._check_ended()
        self._check_requests()
        if not self._all_done():
            self._problem(f"work is left: {self._left()}")
        self._check_roles()
        self._check_stopped()
        self.stage.problems += self._words.unheard()

    def _check_stopped(self) -> None:
        """A member who is blocked, will be, or lost a dispute is not billed again."""
        truth = self.model.truth()
        for sub_id, (guild, member) in self.model.owners.items():
            sub = truth[sub_id]
            plan = self.model.paid_plan(sub)
            renews = sub["status"] in BILLED and sub.get("cancel_at") is None
            if renews and plan is not None and self.model.blocked(guild, member, plan.id, math.inf, sub_id):
                self._problem(f"{sub_id} goes on being billed, and its payer {member} is revoked")
            if renews and self.model.disputes.get(sub_id) == "lost":
                self._problem(f"{sub_id} goes on being billed, and gives nothing, as a dispute was lost")

    def _left(self) -> dict[str, list[Any]]:
        queries = {
            "inbox": "SELECT kind, subject_id, error FROM inbox WHERE done_at IS NULL",
            "stale": "SELECT subscription_id, error FROM stale",
            "members": "SELECT member_id, why, error FROM members WHERE next_try_at IS NOT NULL",
            "intents": "SELECT kind, outcome FROM intents WHERE state = 'pending'",
        }
        return {name: rows for name, query in queries.items() if (rows := self.stage.rows(query))}


def _kept(sub: Obj) -> Obj:
    """As much of it as decides anything, as it is now."""
    if "provider" in sub:
        return sub
    item = sub["items"]["data"][0]
    names = ("id", "status", "cancel_at", "pause_collection")
    return {name: sub[name] for name in names} | {"items": {"data": [dict(item)]}}


def _about(notice: Notice) -> str:
    """The id of the subscription, or of the decision, that it is about."""
    key = getattr(notice.body, "subscription", None)
    return key.id if isinstance(key, SubscriptionKey) else getattr(notice.body, "decision", "")
