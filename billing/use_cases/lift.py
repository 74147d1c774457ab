"""Lets an admin undo a revocation.

Cancellations are undone where the provider still can, and paid days return.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from billing.errors import Conflict, NotFound, ProviderError
from billing.model import (
    PAID,
    DisputeState,
    Intent,
    IntentKind,
    IntentState,
    Lifted,
    MemberState,
    Notice,
    Override,
    OverrideKind,
    Payment,
    Status,
    Subscription,
    SubscriptionKey,
)
from billing.model.translatable_text import Text
from billing.ports import Ports
from billing.priority import Priority
from billing.rules.access import block_on, decide_right, plans_of
from billing.use_cases.cancel import PATIENCE
from billing.use_cases.execute_intent import stopping
from billing.use_cases.revoke import LOOK_AGAIN, PAID_DAYS, execute_or_join
from billing.use_cases.who_stopped_renewal import is_of_admins, stopped_by_admins, wants_out

SLACK = 3_600  # seconds by which a payment may precede the period that it pays for
STOPS = (IntentKind.CANCEL_AT_PERIOD_END, IntentKind.CANCEL_NOW)


@dataclass(frozen=True, slots=True)
class Undone:
    """The result of lifting a revocation.

    `until`: end of the paid days that the member gets back, in unix seconds; `unasked`: the provider did not
    answer, so a refund made there is not known; `still`: id of another decision in force; `ended`: a
    subscription stays ended; `kept`: a subscription is still going to end because its member cancelled it
    themselves.
    """

    member_id: int
    intents: tuple[Intent, ...]
    until: int | None = None
    unasked: bool = False
    still: str | None = None
    ended: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class PaidBack:
    """The paid days to give back for one subscription that was ended immediately.

    `until`: when they end, in unix seconds; `drops`: ids of the grants that are replaced; `gives`: the grants
    that replace them; `answered`: the provider answered when asked about refunds; `unheard`: the provider has
    ended the subscription but the ledger does not know it yet.
    """

    key: SubscriptionKey
    until: int | None = None
    drops: tuple[str, ...] = ()
    gives: tuple[Override, ...] = ()
    answered: bool = True
    unheard: bool = False


async def lift(ports: Ports, guild_id: int, decision_id: str, by: int) -> Undone:
    """Lift a revocation and undo its effects.

    Undo cancellations where the provider still can, drop requests that it has not received yet, and return
    days that were paid and not refunded as a grant. Raises Conflict if the revocation was already lifted, and
    NotFound if it belongs to another server.
    """
    rows = await ports.ledger.load_decision(decision_id)
    if any(row.guild_id != guild_id or row.kind is not OverrideKind.BLOCK for row in rows):
        raise NotFound(Text("error.no_such_decision"))
    if not rows:
        raise Conflict(Text("error.lifted_already"))
    member_id, now = rows[0].member_id, ports.now()
    state = await ports.ledger.load_member_state(guild_id, member_id)
    standing = await ports.ledger.load_overrides(guild_id, member_id, now)
    others = [o for o in standing if o.kind is OverrideKind.BLOCK and o.decision_id != decision_id]
    free = [
        s
        for s in state.subscriptions
        if block_on([p.id for p in plans_of(s, state.plans)], others, s.key) is None
    ]
    requests, kept = [], False
    for subscription in state.subscriptions:
        intents = await ports.ledger.load_intents_of(subscription.key)
        if subscription in free and stopped_by_admins(subscription, intents):
            requests.append(_resuming(subscription, decision_id, by, now))
        elif subscription in free and subscription.status is not Status.ENDED and wants_out(intents):
            kept = True
            requests += [_cancelling(subscription, member_id, now)] if subscription.renews else []
        await _let_go(ports, subscription, decision_id, stops=subscription in free)
    asked = (_paid_back(ports, s, state, rows[0], by) for s in state.subscriptions)
    back = await asyncio.gather(*asked)
    keys = [s.key for s in free]
    ends = [*(one.until for one in back if one.key in keys), *(_keeps(ports, s) for s in free)]
    until = max((end for end in ends if end is not None), default=None)
    resumed = [w.key for w in requests if w.kind is IntentKind.RESUME]
    body = _lifted(rows, state, others=others, until=until, resumed=resumed, kept=kept)
    lifted = await ports.ledger.record_lifted(
        decision_id,
        by,
        "history.lifted",
        now,
        requests,
        [Notice(f"lifted:{decision_id}", guild_id, member_id, body, now)],
        replaces=[row for one in back for row in one.drops],
        overrides=[grant for one in back for grant in one.gives],
    )
    if not lifted:
        raise Conflict(Text("error.lifted_already"))
    unheard = [one.key for one in back if one.unheard]
    await ports.ledger.record_stale(unheard, "undo", now, Priority.PERSON)
    done = [await execute_or_join(ports, intent) for intent in requests if is_of_admins(intent)]
    return Undone(
        member_id,
        tuple(done),
        until,
        unasked=any(one.until is not None and not one.answered for one in back),
        still=others[0].decision_id if others else None,
        ended=any(s.status is Status.ENDED for s in state.subscriptions),
        kept=kept,
    )


def _keeps(ports: Ports, subscription: Subscription) -> int | None:
    """Return when an ended subscription's access ends, in unix seconds, at a provider that keeps no period.

    Returns None if it no longer gives access.
    """
    ended = subscription.status is Status.ENDED
    right = decide_right(subscription, ports.now(), ports.grace) if ended else None
    return None if right is None else right.until


def _lifted(
    rows: Sequence[Override],
    state: MemberState,
    *,
    others: Sequence[Override],
    until: int | None,
    resumed: Sequence[SubscriptionKey],
    kept: bool,
) -> Lifted:
    """Return the notice to the member, which above all must say whether they will be billed again."""
    ids = {row.plan_id for row in rows}
    theirs = [p for s in state.subscriptions for p in plans_of(s, state.plans) if ids & {None, p.id}]
    again = next((p.id for p in theirs if p.prices and p.removed_at is None), None)
    return Lifted(
        ", ".join(plan.name for plan in state.plans if plan.id in ids),
        still=bool(others),
        subscription=resumed[0] if resumed else None,
        until=until,
        again=None if resumed or kept or others else again,
        kept=kept,
    )


async def _let_go(ports: Ports, subscription: Subscription, decision_id: str, *, stops: bool) -> None:
    """Drop the pending requests of this decision, including refunds.

    `stops`: no other decision requires the billing to stop.
    """
    async with ports.locks.lock(subscription.key):
        for intent in await ports.ledger.load_intents_of(subscription.key):
            waits = intent.state is IntentState.PENDING and is_of_admins(intent)
            own = intent.id.startswith(f"{decision_id}-")
            if waits and (stops if intent.kind in STOPS else own):
                await ports.ledger.record_intent_outcome(replace(intent, state=IntentState.DROPPED), None, [])


async def _paid_back(
    ports: Ports, subscription: Subscription, state: MemberState, block: Override, by: int
) -> PaidBack:
    """Return the unrefunded paid days of a subscription that a revocation ended immediately."""
    key, intents = subscription.key, await ports.ledger.load_intents_of(subscription.key)
    name = f"{block.decision_id}-{key.id}"
    rows = [o for o in state.overrides if o.is_paid and o.decision_id.endswith(f"-{key.id}{PAID}")]
    stopped = [i for i in intents if i.kind is IntentKind.CANCEL_NOW and is_of_admins(i)]
    late = any(i.id.startswith(name) and i.state is IntentState.DONE for i in stopped)
    if not rows and not late:
        return PaidBack(key)
    answer = await _ask(ports, subscription)
    ended = subscription.status is Status.ENDED or (answer is not None and answer[0].status is Status.ENDED)
    until = max((row.until for row in rows if row.until is not None), default=None)
    if not ended and (answer is not None or not any(i.attempts for i in stopped)):
        until = None  # it continues, so nothing was lost
    elif subscription.dispute in (DisputeState.OPEN, DisputeState.LOST):
        until = None
    elif answer is None:
        refunds = (i for i in intents if i.kind is IntentKind.REFUND_LAST_PAYMENT)
        until = None if any(i.state is IntentState.DONE for i in refunds) else until
    elif rows:
        until = _less_refunded(subscription, until, answer[1])
    elif _paid_this_period(subscription, answer[1]):
        until = _less_refunded(subscription, subscription.period_end, answer[1])
    now = ports.now()
    until = until if until is not None and until > now else None
    drops = [row.decision_id for row in rows if row.until != until]
    plan_ids = {row.plan_id for row in rows if row.until != until}
    if not rows:
        plan_ids = {p.id for p in plans_of(subscription, state.plans)}
    gives = [
        replace(
            block,
            decision_id=f"{name}{PAID}",
            plan_id=plan_id,
            kind=OverrideKind.GRANT,
            subscriptions=(),
            starts_at=now,
            until=until,
            reason=PAID_DAYS,
            by=by,
            created_at=now,
        )
        for plan_id in sorted(plan_ids, key=str)
        if until is not None
    ]
    return PaidBack(
        key,
        until,
        tuple(drops),
        tuple(gives),
        answer is not None,
        ended and subscription.status is not Status.ENDED,
    )


async def _ask(ports: Ports, subscription: Subscription) -> tuple[Subscription, Payment | None] | None:
    """Fetch the current subscription and its last payment from the provider.

    Returns None if it does not answer within LOOK_AGAIN seconds, because an Undo must not wait.
    """
    try:
        async with asyncio.timeout(LOOK_AGAIN):
            provider = ports.provider_of(subscription.key)
            latest = await provider.fetch_subscription(subscription.key.id)
            return latest, await provider.fetch_last_payment(latest)
    except (ProviderError, TimeoutError):
        return None


def _paid_this_period(subscription: Subscription, payment: Payment | None) -> bool:
    start = subscription.period_start
    return payment is not None and start is not None and payment.paid_at >= start - SLACK


def _less_refunded(subscription: Subscription, until: int | None, payment: Payment | None) -> int | None:
    """Return the end of the paid days, less the refunded ones, in unix seconds.

    After a partial refund, the same share of the period counts as unpaid, taken from its end. Refunds of an
    earlier period change nothing.
    """
    start = subscription.period_start
    if until is None or start is None or payment is None or not _paid_this_period(subscription, payment):
        return until
    return start + (until - start) * (payment.amount - payment.refunded) // max(payment.amount, 1)


def _resuming(subscription: Subscription, decision_id: str, by: int, now: int) -> Intent:
    return Intent(
        id=f"{decision_id}-{subscription.key.id}-undo",
        kind=IntentKind.RESUME,
        key=subscription.key,
        by=by,
        reason="history.lifted",
        created_at=now,
        next_attempt_at=now + PATIENCE,
    )


def _cancelling(subscription: Subscription, member_id: int, now: int) -> Intent:
    """Return the member's own cancellation, which an immediate revocation had made unnecessary."""
    return Intent(
        id=secrets.token_hex(8),
        kind=stopping(subscription),
        key=subscription.key,
        by=member_id,
        reason="history.cancelled",
        created_at=now,
        next_attempt_at=now,
        receipt=True,
    )
