"""Describes events of the outbox to an admin, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from billing.model import DisputeState, Status
from billing.model.outbox import (
    AccessGiven,
    AccessTaken,
    DecisionEvent,
    EndReason,
    GrantMade,
    GrantWithdrawn,
    NoticeQueued,
    OutboxEvent,
    PaymentDisputed,
    PaymentRefunded,
    PlanChanged,
    PlanCreated,
    PlanRemoved,
    RevocationLifted,
    RevocationMade,
    SubscriptionChanged,
    SubscriptionEnded,
    SubscriptionEvent,
    SubscriptionFacts,
    SubscriptionLinked,
    SubscriptionPaymentFailed,
    SubscriptionRecovered,
    SubscriptionRenewalResumed,
    SubscriptionRenewalStopped,
    SubscriptionRenewed,
    SubscriptionStarted,
    SubscriptionSwitched,
    SubscriptionTrialStarted,
    SubscriptionUnlinked,
    UnknownEvent,
)
from cogs.views.charges import recurring_price
from cogs.views.text import day, escaped, roles
from i18n import tr
from i18n.money import format_money
from i18n.plain import history_words

Names = Mapping[int, str]
REASON_LIMIT = 100


def change_line(event: OutboxEvent, plans: Names, locale: str) -> str:
    """Return the change with its date. `plans`: the names of the server's plans by their ids."""
    return f"- <t:{event.at}:d> {change_words(event, plans, locale)}"


def change_words(  # noqa: PLR0911 - one case a type
    event: OutboxEvent, plans: Names, locale: str
) -> str:
    """Return the change in words, such as 'Gold renewed'."""
    body = event.body
    match body:
        case AccessGiven() | AccessTaken():
            code = "change.roles_given" if isinstance(body, AccessGiven) else "change.roles_taken"
            return _with_reason(tr(code, roles=roles(body.roles)), body.why)
        case GrantMade() | GrantWithdrawn() | RevocationMade() | RevocationLifted():
            return _by(_with_reason(_decision(body, plans), body.reason), body.by)
        case PaymentRefunded():
            return _by(_refund(body, locale), body.by)
        case PlanCreated():
            return tr("change.plan_created", plan=escaped(body.name))
        case PlanChanged():
            return tr("change.plan_changed", plan=escaped(body.name))
        case PlanRemoved():
            return tr("change.plan_removed", plan=escaped(body.name))
        case NoticeQueued():
            return tr("change.notice")
        case UnknownEvent():
            return tr("change.unknown")
        case (
            SubscriptionStarted()
            | SubscriptionTrialStarted()
            | SubscriptionLinked()
            | SubscriptionUnlinked()
            | SubscriptionRenewed()
            | SubscriptionPaymentFailed()
            | SubscriptionRecovered()
            | SubscriptionRenewalStopped()
            | SubscriptionRenewalResumed()
            | SubscriptionSwitched()
            | SubscriptionEnded()
            | SubscriptionChanged()
            | PaymentDisputed()
        ):
            said = _subscription(body, plans, locale)
            return said if body.by == event.member_id else _by(said, body.by)
        case other:
            assert_never(other)


def _by(said: str, by: int | None) -> str:
    return tr("change.by", change=said, member=f"<@{by}>") if by else said


def _with_reason(said: str, reason: str) -> str:
    if not reason:
        return said
    return tr("change.reason", change=said, reason=escaped(history_words(reason), REASON_LIMIT))


def _names(ids: tuple[int, ...], plans: Names) -> str:
    return " + ".join(escaped(plans.get(plan, "?"), 60) for plan in ids)


def _of(facts: SubscriptionFacts, plans: Names) -> str:
    return _names(facts.plans, plans) or tr("change.no_plan")


def _price(facts: SubscriptionFacts, locale: str) -> str:
    charges = [(c, c.amount) for c in facts.charges if c.amount is not None]
    if len(charges) < len(facts.charges):
        return ""
    return " + ".join(
        recurring_price(format_money(amount, locale), charge.interval, charge.interval_count)
        for charge, amount in charges
    )


def _refund(body: PaymentRefunded, locale: str) -> str:
    if body.amount is None:
        return tr("change.refunded")
    return tr("change.refunded_of", amount=format_money(body.amount, locale))


def _decision(body: DecisionEvent, plans: Names) -> str:
    names = _names(body.plans, plans) or tr("revoke.every_plan")
    match body:
        case GrantMade(until=None):
            return tr("change.grant_made", plans=names)
        case GrantMade(until=int(until)):
            return tr("change.grant_made_until", plans=names, day=day(until))
        case GrantWithdrawn():
            return tr("change.grant_withdrawn", plans=names)
        case RevocationMade():
            return tr("change.revoked", plans=names)
        case _:
            return tr("change.revocation_lifted", plans=names)


def _subscription(body: SubscriptionEvent, plans: Names, locale: str) -> str:
    facts = body.subscription
    names = _of(facts, plans)
    match body:
        case SubscriptionStarted():
            price = _price(facts, locale)
            return (
                tr("change.started", plans=names, price=price)
                if price
                else tr("change.started_unknown", plans=names)
            )
        case SubscriptionRenewalStopped():
            if facts.ends_at is None:
                return tr("change.renewal_stopped_undated", plans=names)
            return tr("change.renewal_stopped", plans=names, day=day(facts.ends_at))
        case SubscriptionSwitched():
            return tr("change.switched", before=_names(body.plans_before, plans), plans=names)
        case SubscriptionEnded():
            return tr(_ENDED[body.reason], plans=names)
        case PaymentDisputed():
            return tr(_DISPUTES[facts.dispute], plans=names)
        case SubscriptionChanged():
            return tr("change.changed", plans=names, status=tr(_STATUS[facts.status]))
        case _:
            return tr(_PLAIN[type(body)], plans=names)


_PLAIN: dict[type, str] = {
    SubscriptionTrialStarted: "change.trial_started",
    SubscriptionLinked: "change.linked",
    SubscriptionUnlinked: "change.unlinked",
    SubscriptionRenewed: "change.renewed",
    SubscriptionPaymentFailed: "change.payment_failed",
    SubscriptionRecovered: "change.recovered",
    SubscriptionRenewalResumed: "change.renewal_resumed",
}
_ENDED = {
    EndReason.WANTED: "change.ended_wanted",
    EndReason.UNPAID: "change.ended_unpaid",
    EndReason.REVOKED: "change.ended_revoked",
    EndReason.DISPUTED: "change.ended_disputed",
    EndReason.COMPLETED: "change.ended_completed",
}
_DISPUTES = {
    DisputeState.NONE: "change.dispute_none",
    DisputeState.OPEN: "change.dispute_open",
    DisputeState.WON: "change.dispute_won",
    DisputeState.LOST: "change.dispute_lost",
}
_STATUS = {
    Status.PENDING: "change.status_pending",
    Status.TRIALING: "change.status_trialing",
    Status.ACTIVE: "change.status_active",
    Status.PAST_DUE: "change.status_past_due",
    Status.UNPAID: "change.status_unpaid",
    Status.PAUSED: "change.status_paused",
    Status.ENDED: "change.status_ended",
    Status.UNKNOWN: "change.status_unknown",
}
