"""The card of one member, for admins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from billing.model import Cause, OverrideKind
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.access import decide_right, plans_of
from billing.rules.member_roles import RoleReason, RoleState
from billing.rules.role_causes import Why
from billing.use_cases.member_overview import MemberOverview
from cogs.views import layout
from cogs.views.changes import change_line
from cogs.views.charges import sums_words
from cogs.views.reader import Audience
from cogs.views.subscription import with_reason
from cogs.views.text import day, escaped, fit_lines, reason_words, status_text
from i18n import tr

SUBSCRIPTIONS_SHOWN = 6

_WHY = {
    Cause.PAID: "why.paid",
    Cause.GRANTED: "why.granted",
    Cause.RESTORED: "why.paid",
    Cause.PAST_GRACE: "why.past_grace",
    Cause.UNPAID: "why.unpaid",
    Cause.PAUSED: "why.paused",
    Cause.DISPUTE_OPEN: "why.dispute_open",
    Cause.DISPUTE_LOST: "why.dispute_lost",
    Cause.ENDED: "why.ended",
    Cause.SWITCHED: "why.switched",
    Cause.REVOKED: "why.revoked",
    Cause.GRANT_ENDED: "why.grant_ended",
    Cause.PLAN_EDITED: "why.plan_edited",
    Cause.OTHER: "why.other",
}


def overview_text(
    seen: MemberOverview, audience: Audience, ports: Ports, unanswered: Sequence[str] = ()
) -> str:
    """Return the text of the card; if it is too long, older changes are left out first. `unanswered`:
    providers that were just asked and did not answer."""
    names = {plan.id: plan.name for plan in seen.state.plans}
    title = f"### {tr('member.title', member=f'<@{seen.member_id}>')}"
    changes = [change_line(event, names, audience.locale) for event in seen.changes]
    lines = [
        (0, title),
        *((0, line) for line in _notes(seen, unanswered)),
        *((1, line) for line in _subscriptions(seen, audience, ports)),
        *((1, line) for line in _roles(seen, audience)),
        *((1, line) for line in _decisions(seen, names, ports.now())),
        (0, tr("member.changes")),
        *((2 + n, line) for n, line in enumerate(changes or [tr("member.no_change")])),
    ]
    return fit_lines(layout.TEXT_LIMIT, lines)


def _notes(seen: MemberOverview, unanswered: Sequence[str]) -> list[str]:
    said = [tr("member.gone")] if seen.gone else []
    if seen.actual is None and not seen.gone:
        said.append(tr("member.roles_unread"))
    if seen.state.parked:
        said.append(tr("member.parked", why=" ".join(reason_words(why, 150) for why in seen.state.parked)))
    if seen.state.stale:
        said.append(tr("member.stale"))
    silent = sorted({display_name(provider) for provider in unanswered})
    return said + [tr("member.unanswered", provider=provider) for provider in silent]


def _subscriptions(seen: MemberOverview, audience: Audience, ports: Ports) -> list[str]:
    if not seen.subscriptions:
        return [tr("member.subscriptions"), tr("member.no_subscription")]
    said = [tr("member.subscriptions")]
    for sub in seen.subscriptions[:SUBSCRIPTIONS_SHOWN]:
        price = tr(
            "card.price", price=sums_words(sub, audience.locale), provider=display_name(sub.key.provider)
        )
        status = status_text(sub, decide_right(sub, ports.now(), ports.grace))
        plans = " + ".join(escaped(plan.name) for plan in plans_of(sub, seen.state.plans)) or tr(
            "card.no_plan"
        )
        said.append(
            tr(
                "member.subscription",
                plans=plans,
                status=status,
                price=price,
                subscription=escaped(sub.key.id),
            )
        )
    more = len(seen.subscriptions) - SUBSCRIPTIONS_SHOWN
    return said + ([tr("member.more_subscriptions", n=more)] if more > 0 else [])


def _roles(seen: MemberOverview, audience: Audience) -> list[str]:
    said = [role_line(reason, seen, audience) for reason in seen.roles]
    return [tr("member.roles"), *(said or [tr("member.no_role")])]


def roles_text(seen: MemberOverview, audience: Audience) -> str:
    """Return a member's roles with the reasons, for an admin."""
    title = f"### {tr('member.title', member=f'<@{seen.member_id}>')}"
    lines = [title, *_notes(seen, ()), *_roles(seen, audience)]
    return fit_lines(layout.TEXT_LIMIT, list(enumerate(lines)))


def role_line(reason: RoleReason, seen: MemberOverview, audience: Audience, *, own: bool = False) -> str:
    """Return a role with the reason why the member has it, gets it, or no longer has it.

    `own`: the member reads it, not an admin.
    """
    role, why = audience.roles(seen.guild_id, [reason.role_id]), why_words(reason.why)
    there = seen.actual is not None and reason.role_id in seen.actual
    missing = "why.own_role_missing" if own else "member.role_missing"
    match reason.state:
        case RoleState.OWED:
            absent = seen.actual is not None and not there
            said = tr(missing if absent else "member.role_owed", role=role, why=why)
            return f"{said} {tr('member.until', day=day(reason.until))}" if reason.until else said
        case RoleState.HELD:
            return tr("member.role_held", role=role)
        case RoleState.LEAVING if there or seen.actual is None:
            return tr("member.role_leaving", role=role, why=why)
        case _ if there:
            return tr("why.own_role_stays" if own else "member.role_lost_has", role=role, why=why)
        case _:
            return tr("member.role_lost", role=role, why=why)


def own_roles_text(servers: Sequence[MemberOverview], audience: Audience) -> str:
    """Return the member's own roles in each server, with the reasons."""
    said = [f"### {tr('why.title')}"]
    for seen in servers:
        lines = [role_line(reason, seen, audience, own=True) for reason in seen.roles]
        said.append(f"**{escaped(audience.server(seen.guild_id))}**")
        said += lines or [tr("why.own_none")]
        said += [tr("why.own_gone")] if seen.gone else []
    return fit_lines(layout.TEXT_LIMIT, [(place, line) for place, line in enumerate(said)])


def why_words(why: Why) -> str:
    """Return the reason in words, such as 'Gold is paid.'"""
    return tr(_WHY[why.cause], plan=escaped(why.plan) or tr("notice.your_plan"))


def _decisions(seen: MemberOverview, names: Mapping[int, str], now: int) -> list[str]:
    said = []
    for one in seen.decisions:
        plans = escaped(names.get(one.plan_id or 0, "")) or tr("revoke.every_plan")
        if one.kind is OverrideKind.BLOCK:
            later = one.starts_at > now
            line = (
                tr("member.revoked_from", day=day(one.starts_at), plans=plans)
                if later
                else tr("member.revoked", plans=plans)
            )
        elif one.until is None:
            line = tr("member.granted", plans=plans)
        else:
            line = tr("member.granted_until", day=day(one.until), plans=plans)
        said.append(with_reason(line, one))
    return [tr("member.decisions"), *said] if said else []
