"""The texts of notices to members about their subscriptions and roles, and the buttons below them."""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

from discord import ui

from billing.model import (
    Cause,
    DisputeState,
    Ended,
    GraceReminder,
    LongRenewal,
    Notice,
    PaymentDisputed,
    PaymentFailed,
    PaymentRecovered,
    PaymentWaits,
    Refunded,
    RenewalResumed,
    RenewalStopped,
    RoleNews,
    RolesChanged,
    Started,
    Status,
    Switched,
    TrialEnding,
)
from billing.model.stored_texts import from_stored
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.access import decide
from billing.rules.roles import roles_of
from cogs.core.subscription_keys import key_text
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.layout import titled
from cogs.views.reader import Audience
from cogs.views.receipt import others
from cogs.views.subscription import SubscriptionView, ask_button, back_button, buttons, describe
from cogs.views.text import day, escaped, moment, reason_words
from i18n import tr
from i18n.money import format_money

MemberBody: TypeAlias = (
    RolesChanged
    | Started
    | PaymentFailed
    | PaymentWaits
    | GraceReminder
    | TrialEnding
    | LongRenewal
    | PaymentRecovered
    | Switched
    | RenewalStopped
    | RenewalResumed
    | PaymentDisputed
    | Refunded
    | Ended
)


def member_text(  # noqa: C901, PLR0911, PLR0912 - one case a kind
    notice: Notice, body: MemberBody, shown: SubscriptionView | None, audience: Audience
) -> str:
    """Return the text about the change itself; `roles_text` describes the roles that came or went with it."""
    plan, server = _plan(body), _server(notice, audience)
    match body:
        case RolesChanged():
            return _roles_changed(notice, body, audience)
        case Started():
            what = describe(shown, audience) if shown else tr("notice.bought_in", server=server)
            return titled(tr("notice.thanks_title"), tr("notice.started", sub=_sub(body)), what)
        case PaymentFailed():
            return _payment_failed(notice, body, shown, audience)
        case PaymentWaits():
            return _payment_waits(notice, body, shown, audience)
        case GraceReminder():
            roles, until = _its_roles(notice, shown, audience), moment(body.until)
            lost = tr("notice.grace", until=until, roles=roles, server=server)
            return titled(tr("notice.grace_title", plan=plan), lost)
        case TrialEnding() | LongRenewal():
            return _charge_ahead(body, shown, audience)
        case PaymentRecovered():
            return titled(tr("notice.recovered_title", plan=plan), tr("notice.recovered"))
        case Switched():
            return _switched(body, server, shown, audience)
        case RenewalStopped():
            return _stopped(notice, body, shown, audience)
        case RenewalResumed():
            return _resumed(body, server)
        case PaymentDisputed():
            title, said = _DISPUTES[body.state]
            return titled(tr(title, plan=plan), tr(said))
        case Refunded():
            return _refunded(body, server, shown, audience)
        case Ended():
            why = tr("notice.ended_unpaid", provider=_title(body)) if body.unpaid else ""
            title = tr("notice.ended_title", sub=_sub(body), server=escaped(audience.server(notice.guild_id)))
            return titled(title, f"{_not_again(shown, audience)} {why}".rstrip())
        case other:
            assert_never(other)


def _server(notice: Notice, audience: Audience) -> str:
    return f"**{escaped(audience.server(notice.guild_id))}**"


def _plan(body: MemberBody) -> str:
    """Return the name of the plan, for the middle of a sentence."""
    return escaped(body.plan, 300) or tr("notice.your_plan")


def _sub(body: MemberBody) -> str:
    """Return the subscription in words, such as 'Gold subscription'."""
    return tr("notice.sub_of", plan=escaped(body.plan, 300)) if body.plan else tr("notice.sub")


def _title(body: PaymentFailed | RenewalStopped | RenewalResumed | Refunded | Ended) -> str:
    return display_name(body.subscription.provider)


def _its_roles(notice: Notice, shown: SubscriptionView | None, audience: Audience) -> str:
    if shown is None or not shown.role_ids:
        return tr("notice.your_access")
    return audience.roles(notice.guild_id, shown.role_ids)


_CAUSES = {
    Cause.PAID: "notice.cause_paid",
    Cause.GRANTED: "notice.cause_granted",
    Cause.RESTORED: "notice.cause_restored",
    Cause.PAST_GRACE: "notice.cause_past_grace",
    Cause.UNPAID: "notice.cause_unpaid",
    Cause.PAUSED: "notice.cause_paused",
    Cause.DISPUTE_OPEN: "notice.cause_dispute_open",
    Cause.DISPUTE_LOST: "notice.cause_dispute_lost",
    Cause.ENDED: "notice.cause_ended",
    Cause.SWITCHED: "notice.cause_switched",
    Cause.REVOKED: "notice.cause_revoked",
    Cause.GRANT_ENDED: "notice.cause_grant_ended",
    Cause.PLAN_EDITED: "notice.cause_plan_edited",
    Cause.OTHER: "notice.cause_other",
}


def _roles_changed(notice: Notice, body: RolesChanged, audience: Audience) -> str:
    """Return the notice about roles alone: its heading names the roles, its text gives the reason."""
    if body.given:
        code = "notice.roles_back_title" if body.cause is Cause.RESTORED else "notice.roles_given_title"
        heading = tr(code, roles=audience.roles(notice.guild_id, body.given))
    else:
        heading = tr("notice.roles_taken_title", roles=audience.roles(notice.guild_id, body.taken))
    return titled(
        heading, tr(_CAUSES[body.cause], plan=_plan(body), sub=_sub(body), server=_server(notice, audience))
    )


def _payment_failed(
    notice: Notice, body: PaymentFailed, shown: SubscriptionView | None, audience: Audience
) -> str:
    server, title = _server(notice, audience), _title(body)
    failed = tr("notice.payment_failed", provider=title, server=server)
    if body.amount:
        amount = format_money(body.amount, audience.locale)
        failed = tr("notice.payment_failed_of", provider=title, server=server, amount=amount)
    next_steps = []
    if body.until and not body.taken:
        roles = _its_roles(notice, shown, audience)
        next_steps.append(tr("notice.keep_roles_until", roles=roles, until=moment(body.until)))
    if body.next_try_at:
        next_steps.append(tr("notice.next_try", provider=title, day=day(body.next_try_at)))
    next_steps.append(tr("notice.check_payment_method"))
    reason = reason_words(from_stored(body.reason), 200)
    return titled(
        tr("notice.payment_failed_title", plan=_plan(body)),
        f"{failed} {reason}".rstrip(),
        " ".join(next_steps),
    )


def _payment_waits(
    notice: Notice, body: PaymentWaits, shown: SubscriptionView | None, audience: Audience
) -> str:
    roles = _its_roles(notice, shown, audience)
    how = tr("notice.confirm_by_button", button=tr("button.update_payment"))
    if shown is not None and shown.sums.pay_url is not None:
        how = f"[{tr('notice.confirm_by_link')}]({shown.sums.pay_url})"
    stay = tr("notice.get_roles_once_paid", roles=roles)
    if body.until:
        stay = tr("notice.keep_roles_until", roles=roles, until=moment(body.until))
    what = tr("notice.payment_waits_for", plan=_plan(body), server=_server(notice, audience))
    return titled(tr("notice.payment_waits_title"), f"{what} {stay}", how)


def _switched(body: Switched, server: str, shown: SubscriptionView | None, audience: Audience) -> str:
    plan, before = escaped(body.plan, 300), escaped(body.before, 300)
    if not body.plan:
        return titled(
            tr("notice.switched_gone_title", before=before), tr("notice.switched_gone", server=server)
        )
    title = tr("notice.switched_title", before=before, plan=plan)
    said = tr("notice.switched", server=server)
    if plan == before:
        title = tr("notice.switched_same_title", plan=plan)
        said = tr("notice.switched_same", server=server)
    costs = tr("notice.it_costs", price=sums_words(shown.subscription, audience.locale)) if shown else ""
    return titled(title, f"{said} {costs}".rstrip())


def _resumed(body: RenewalResumed, server: str) -> str:
    provider = _title(body)
    said = tr("notice.resumed", server=server, provider=provider)
    if body.until:
        said = tr("notice.resumed_on", server=server, provider=provider, day=day(body.until))
    return titled(tr("notice.resumed_title", sub=_sub(body)), said)


def _charge_ahead(body: TrialEnding | LongRenewal, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the announcement of a charge: when, how much, and how not to be charged."""
    plan, on = _plan(body), day(body.charge_at)
    price = sums_words(shown.subscription, audience.locale, shown.sums.charges) if shown else ""
    if isinstance(body, TrialEnding):
        title, said = tr("notice.trial_ends_title", plan=plan, day=on), tr("notice.trial_ends")
    else:
        title, said = tr("notice.renews_title", plan=plan, day=on), tr("notice.renews", day=on)
    return titled(
        title, said, tr("notice.charge_ahead", price=price) if price else "", tr("notice.cancel_before")
    )


def _not_again(shown: SubscriptionView | None, audience: Audience) -> str:
    """Return a sentence that this subscription will not be charged again.

    It also says if other subscriptions for the same roles continue.
    """
    goes_on = others(shown, audience) if shown else []
    if goes_on:
        return " ".join([tr("sum.not_again"), *goes_on])
    return tr("notice.not_charged_again")


def _stopped(notice: Notice, body: RenewalStopped, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the notice about a stopped renewal, in the form of the receipt of /cancel."""
    roles, server = _its_roles(notice, shown, audience), _server(notice, audience)
    title = tr("notice.cancelled_title", sub=_sub(body))
    said = [tr("notice.cancelled", provider=_title(body))]
    if body.complete:
        title, said = tr("notice.complete_title", sub=_sub(body)), [tr("notice.complete")]
    if body.until:
        said.append(tr("notice.keep_in_until", roles=roles, server=server, day=day(body.until)))
    else:
        said.append(tr("notice.keep_in", roles=roles, server=server))
    if shown is None or not shown.subscription.renews:
        said.append(_not_again(shown, audience))
    receipt = tr("notice.receipt", id=f"`{body.subscription.id}`", moment=moment(notice.created_at))
    return titled(title, " ".join(said), receipt)


# The heading and the sentence below it, for each state of a dispute.
_DISPUTES = {
    DisputeState.NONE: ("notice.disputed_closed_title", "notice.disputed_closed"),
    DisputeState.OPEN: ("notice.disputed_open_title", "notice.disputed_open"),
    DisputeState.WON: ("notice.disputed_settled_title", "notice.disputed_won"),
    DisputeState.LOST: ("notice.disputed_settled_title", "notice.disputed_lost"),
}


def _refunded(body: Refunded, server: str, shown: SubscriptionView | None, audience: Audience) -> str:
    said = tr("notice.refunded", server=server)
    if body.amount:
        said = tr("notice.refunded_of", server=server, amount=format_money(body.amount, audience.locale))
    stands = ""
    if shown is not None and shown.subscription.renews:
        at = shown.subscription.period_end
        stands = tr("notice.continues_on", day=day(at)) if at else tr("notice.continues")
    elif shown is not None and shown.right is not None:
        until = shown.right.until
        stands = tr("notice.keep_access_until", day=day(until)) if until else tr("notice.keep_access")
    return titled(tr("notice.refunded_title", plan=_plan(body)), f"{said} {stands}".rstrip())


async def roles_text(ports: Ports, notice: Notice, audience: Audience) -> str:
    """Return the roles that the member got and lost with the change, and those that they still have."""
    body = notice.body
    if not isinstance(body, RoleNews):
        return ""
    lines = []
    if body.given and not isinstance(body, Started | RolesChanged):
        lines.append(tr("notice.roles_given", roles=audience.roles(notice.guild_id, body.given)))
    if body.taken and not (isinstance(body, RolesChanged) and not body.given):
        lines.append(tr("notice.roles_taken", roles=audience.roles(notice.guild_id, body.taken)))
    if body.taken:
        left = await _left(ports, notice)
        left -= {*body.taken, *body.given}
        if left:
            lines.append(tr("notice.roles_left", roles=audience.roles(notice.guild_id, sorted(left))))
    return "\n".join(lines)


async def _left(ports: Ports, notice: Notice) -> set[int]:
    state = await ports.ledger.load_member_state(notice.guild_id, notice.member_id or 0)
    rights = decide(state.subscriptions, state.overrides, state.plans, ports.now(), ports.grace)
    entitled = roles_of(rights, state.plans, held=False) | roles_of(rights, state.plans, held=True)
    return set(entitled & state.granted)


async def member_button(  # noqa: PLR0911 - one case a kind
    ports: Ports, notice: Notice, body: MemberBody, shown: SubscriptionView | None
) -> layout.Row | None:
    """Return the button with which the member can act on the notice; None if there is nothing to do.

    Below a new subscription, all its buttons are shown.
    """
    if isinstance(body, Started):
        return buttons(shown) if shown else None
    if shown is not None and shown.block is not None:
        return layout.row(ask_button(shown.block, shown.binding.member_id))
    if shown is None:
        return layout.row(await _again(ports, notice, body))
    match body:
        case RenewalStopped():
            return layout.row(back_button(shown))
        case RenewalResumed() | Refunded() | TrialEnding() | LongRenewal() if shown.can_cancel:
            return layout.row(_own_button(tr("button.cancel"), "cancel", shown))
        case Ended() | PaymentDisputed(state=DisputeState.LOST):
            return layout.row(None if shown.elsewhere.charging else await _again(ports, notice, body))
        case RolesChanged() if shown.subscription.status is Status.ENDED:
            return layout.row(await _again(ports, notice, body))
        case (
            PaymentFailed()
            | PaymentWaits()
            | GraceReminder()
            | RolesChanged(cause=Cause.PAST_GRACE | Cause.UNPAID)
        ):
            return layout.row(_own_button(tr("button.update_payment"), "manage", shown))
        case Switched() | RolesChanged(cause=Cause.PAUSED | Cause.SWITCHED):
            return layout.row(_own_button(tr("button.manage"), "manage", shown))
        case _:
            return None


def _own_button(label: str, action: str, shown: SubscriptionView) -> ui.Item[Any]:
    return layout.button(label, action, shown.binding.member_id, key_text(shown.subscription.key))


async def _again(ports: Ports, notice: Notice, body: MemberBody) -> ui.Item[Any] | None:
    """Return the button to buy the plan if it is on sale, or to ask the admins if they revoked it."""
    who, names = notice.member_id or 0, set(body.plan.split(", "))
    if isinstance(body, RolesChanged) and body.cause is Cause.REVOKED:
        return layout.button(tr("button.ask_admins"), "ask", who, f"{notice.guild_id}:{body.decision}")
    if isinstance(body, RolesChanged) and body.given:
        return None
    plans = await ports.ledger.load_plans(notice.guild_id)
    plan = next((p for p in plans if p.name in names and p.prices and not p.hidden), None)
    if plan is None:
        return None
    had_none = isinstance(body, RolesChanged) and body.subscription is None
    label = tr("button.subscribe") if had_none else tr("button.subscribe_again")
    return layout.button(label, "buy", who, f"{plan.guild_id}:{plan.id}")
