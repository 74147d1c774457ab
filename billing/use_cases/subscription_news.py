"""Builds notices to a member about changes of their subscription, by comparing the record with a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from billing.errors import ProviderError
from billing.model import (
    Binding,
    DisputeState,
    Ended,
    GraceReminder,
    IntentKind,
    IntentState,
    LongRenewal,
    Notice,
    NoticeBody,
    PaymentFailed,
    PaymentRecovered,
    PaymentWaits,
    Plan,
    RenewalResumed,
    RenewalStopped,
    Started,
    Status,
    Subscription,
    Switched,
    TrialEnding,
)
from billing.model.stored_texts import to_stored
from billing.ports import Failure, Ports, Provider
from billing.rules.access import SubscriptionAccess, decide_right, paid_plans
from billing.rules.notice_calendar import LONG_RENEWAL, TRIAL_ENDS, due_notice, is_due

DAY = 86_400
OWED = (Status.PAST_DUE, Status.UNPAID)


async def milestones(
    ports: Ports,
    provider: Provider,
    known: Subscription | None,
    snapshot: Subscription,
    plans: Sequence[Plan],
    *,
    started: bool,
    blocked: bool,
) -> tuple[Notice, ...]:
    """Return the notices to the member about a subscription's changes, including future reminders.

    `started`: the subscription is new. `blocked`: an admin has revoked it and the member was notified of what
    that ends; its renewal is stopped again.
    """
    binding, now = snapshot.binding, ports.now()
    assert binding is not None
    plan = plan_names(snapshot, plans)
    told: list[tuple[NoticeBody, int]] = []
    if started:
        told.append((Started(plan, snapshot.key), 0))
    if snapshot.status is Status.PAST_DUE and (known is None or known.status is not Status.PAST_DUE):
        told += await _failed(ports, provider, snapshot, plan)
    elif snapshot.needs_action and not (known is not None and known.needs_action):
        told.append((_waits(ports, snapshot, plan), snapshot.unpaid_since or snapshot.created_at))
    if known is not None and known.binding is not None:
        changed = await _changed(ports, known, snapshot, plans)
        told += [(body, now) for body in changed if not (blocked and isinstance(body, RenewalResumed))]
        if not blocked and _is_over(ports, known, snapshot, now):
            unpaid = known.status in OWED and known.dispute is not DisputeState.LOST
            told.append((Ended(plan, snapshot.key, unpaid), 0))
    notices = [_notice(body, snapshot, binding, moment, now) for body, moment in told]
    return (*notices, *calendar_of(snapshot, plans, now))


def calendar_of(subscription: Subscription, plans: Sequence[Plan], now: int) -> list[Notice]:
    """Return the calendar's notice before the next charge of a member's subscription, if one is planned."""
    due, binding = due_notice(subscription, now), subscription.binding
    if due is None or binding is None:
        return []
    kind = TrialEnding if due.row is TRIAL_ENDS else LongRenewal
    body = kind(plan_names(subscription, plans), subscription.key, due.charge_at)
    return [_notice(body, subscription, binding, due.at, now)]


def _notice(body: NoticeBody, snapshot: Subscription, binding: Binding, moment: int, now: int) -> Notice:
    """Return the notice with its key; `moment` distinguishes it from the same notice at another time.

    A reminder is sent at that moment (unix seconds); any other notice is sent now.
    """
    at = moment if isinstance(body, GraceReminder | TrialEnding | LongRenewal) else now
    return Notice(f"{body.kind}:{snapshot.key}:{moment}", binding.guild_id, binding.member_id, body, at)


def plan_names(subscription: Subscription, plans: Sequence[Plan]) -> str:
    """Return the names of the plans that the subscription pays for."""
    return ", ".join(plan.name for plan in paid_plans(subscription, plans))


async def _failed(
    ports: Ports, provider: Provider, snapshot: Subscription, plan: str
) -> list[tuple[NoticeBody, int]]:
    """Return a notice that a payment failed, and reminders until the grace period ends.

    The reminders are sent halfway through the grace period and one day before its end.
    """
    now, key = ports.now(), snapshot.key
    try:
        failure = await provider.fetch_failure(snapshot)
    except ProviderError:
        failure = None  # the payment failed all the same; report what is known
    failure = failure or Failure()
    owed = snapshot.unpaid_since or now
    right = decide_right(replace(snapshot, unpaid_since=owed), now, ports.grace)
    until = right.until if right and right.until else owed + ports.grace
    body: NoticeBody = PaymentFailed(
        plan, key, until, failure.amount, to_stored(failure.reason), failure.next_try_at
    )
    if snapshot.needs_action:
        body = PaymentWaits(plan, key, until)
    moments = sorted({owed + (until - owed) // 2, until - DAY})
    return [(body, owed), *((GraceReminder(plan, key, until), at) for at in moments if at > now)]


def _waits(ports: Ports, snapshot: Subscription, plan: str) -> NoticeBody:
    """Return a notice that the customer has to confirm a payment: a first one, or one that had failed."""
    right = decide_right(snapshot, ports.now(), ports.grace)
    return PaymentWaits(plan, snapshot.key, right.until if right else None)


def is_moot(
    reminder: GraceReminder | TrialEnding | LongRenewal,
    subscription: Subscription | None,
    now: int,
    grace: int,
) -> bool:
    """Return True if a reminder no longer applies.

    The payment was made, the subscription was cancelled, or the moment has changed.
    """
    if not isinstance(reminder, GraceReminder):
        row = TRIAL_ENDS if isinstance(reminder, TrialEnding) else LONG_RENEWAL
        return not is_due(subscription, row, reminder.charge_at, now)
    if subscription is None or subscription.status is not Status.PAST_DUE:
        return True
    right = decide_right(subscription, now, grace)
    return right is None or right.until != reminder.until


async def _changed(
    ports: Ports, known: Subscription, snapshot: Subscription, plans: Sequence[Plan]
) -> list[NoticeBody]:
    """Return notices about changes made at the provider.

    The subscription was paid after all, switched, cancelled or resumed.
    """
    if Status.PENDING in (known.status, snapshot.status) or known.status is Status.ENDED:
        return []
    key, plan, before = snapshot.key, plan_names(snapshot, plans), plan_names(known, plans)
    told: list[NoticeBody] = []
    if known.status in OWED and snapshot.status is Status.ACTIVE:
        told.append(PaymentRecovered(plan, key))
    if snapshot.status is not Status.ENDED and before and _prices(known) != _prices(snapshot):
        told.append(Switched(plan, before, key))
    right = decide_right(snapshot, ports.now(), ports.grace)
    if right is None or await _is_ours(ports, snapshot):
        return told
    stops = known.ends_at is None and (snapshot.ends_at is not None or snapshot.status is Status.ENDED)
    if stops or _stops_anew(known, snapshot):
        told.append(RenewalStopped(plan, key, right.until, snapshot.terms.complete))
    if known.ends_at is not None and snapshot.ends_at is None and snapshot.renews:
        told.append(RenewalResumed(plan, key, snapshot.period_end))
    return told


def _stops_anew(known: Subscription, snapshot: Subscription) -> bool:
    """Return True if the subscription was resumed, renewed and cancelled again since it was last recorded."""
    if known.ends_at is None or snapshot.ends_at is None or snapshot.period_start is None:
        return False
    return known.ends_at <= snapshot.period_start < snapshot.ends_at


def _prices(subscription: Subscription) -> set[str]:
    return {item.price.id for item in subscription.items if item.quantity}


async def _is_ours(ports: Ports, snapshot: Subscription) -> bool:
    """Return True if a pending request of the bot is about to change the subscription.

    The request's receipt informs the member, so no notice is needed.
    """
    kinds = (IntentKind.CANCEL_AT_PERIOD_END, IntentKind.CANCEL_NOW, IntentKind.RESUME)
    intents = await ports.ledger.load_intents_of(snapshot.key)
    return any(i.kind in kinds and i.state is IntentState.PENDING for i in intents)


def _is_over(ports: Ports, known: Subscription, snapshot: Subscription, now: int) -> bool:
    """Return True if the subscription has ended and the member had access by it or still owed a payment."""
    had = decide_right(known, known_at(known, now), ports.grace) is not None or known.status in OWED
    return had and snapshot.status is Status.ENDED and _right_left(ports, known, snapshot, now) is None


def _right_left(
    ports: Ports, known: Subscription, snapshot: Subscription, now: int
) -> SubscriptionAccess | None:
    """Return the access that an ended subscription still gives; None if it gives none.

    If the member was already notified of when it ends, it ends then.
    """
    told = known.paid_through if known.status is Status.ENDED else None
    kept = snapshot if told is None else replace(snapshot, paid_through=told)
    return decide_right(kept, now, ports.grace)


def known_at(known: Subscription, now: int) -> int:
    """Return a moment, in unix seconds, at which the recorded subscription was still running.

    This way, a scheduled end is no surprise later.
    """
    end = known.paid_through if known.status is Status.ENDED else known.ends_at
    return min(now, end - 1) if end else now
