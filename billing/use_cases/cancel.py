"""Lets a member stop their own subscription from renewing, and undo that until it ends."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from billing.errors import Conflict
from billing.model import (
    Intent,
    IntentKind,
    IntentState,
    MemberState,
    Status,
    Subscription,
    SubscriptionKey,
)
from billing.model.translatable_text import Day, Text
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.access import SubscriptionAccess, decide_right
from billing.use_cases.execute_intent import Known, execute_intent_shielded, stopping
from billing.use_cases.find_block import load_block
from billing.use_cases.ownership import load_owned_with_member
from billing.use_cases.who_stopped_renewal import is_of_admins, stopped_by_admins

PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """The effect of a cancellation.

    `stays_until`: when the roles will be removed, in unix seconds; None: immediately. `final`: the provider
    ends the agreement immediately, so it cannot be undone although the roles stay. `by_admins`: a revocation
    has already stopped the renewal, but the member's own cancellation stays in force if the admins undo
    theirs. `state`: the member's data, read together with the subscription.
    """

    subscription: Subscription
    kind: IntentKind
    stays_until: int | None
    final: bool = False
    by_admins: bool = False
    state: MemberState | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A request and its outcome.

    The intent's id is the receipt's number. `stays_until`: when the roles will be removed, in unix seconds.
    `state`: the member's data, read together with the subscription afterwards.
    """

    intent: Intent
    subscription: Subscription
    stays_until: int | None
    state: MemberState | None


def preview(subscription: Subscription, now: int, grace: int) -> Preview:
    """Preview a cancellation at the end of the paid time, or immediately if nothing is paid.

    The roles stay until the period or the access ends, whichever comes first.
    """
    kind = stopping(subscription)
    right = decide_right(subscription, now, grace)
    if subscription.paid_through is not None:
        return _final(subscription, kind, right, now)
    if kind is IntentKind.CANCEL_NOW or right is None:
        return Preview(subscription, kind, None)
    ends = [moment for moment in (subscription.period_end, right.until) if moment is not None]
    return Preview(subscription, kind, min(ends, default=None))


def _final(
    subscription: Subscription, kind: IntentKind, right: SubscriptionAccess | None, now: int
) -> Preview:
    """Preview a cancellation at a provider that ends the agreement at once.

    The roles stay for the rest of the paid time, if there is any.
    """
    if kind is IntentKind.CANCEL_NOW or right is None:
        return Preview(subscription, IntentKind.CANCEL_NOW, None)
    paid = min((t for t in (subscription.paid_through, right.until) if t is not None), default=now)
    if paid <= now:
        return Preview(subscription, IntentKind.CANCEL_NOW, None)
    return Preview(subscription, kind, paid, final=True)


async def preview_cancel(ports: Ports, member_id: int, key: SubscriptionKey) -> Preview:
    """Return the terms to confirm with the member.

    Raises Conflict if there is nothing left to cancel, and the errors of `load_owned`.
    """
    subscription, state = await load_owned_with_member(ports, member_id, key)
    if subscription.status is Status.ENDED:
        raise Conflict(Text("error.already_ended"))
    by_admins = stopped_by_admins(subscription, await ports.ledger.load_intents_of(key))
    ends = subscription.ends_at if subscription.ends_with_period else None
    if subscription.terms.complete and ends is not None:
        raise Conflict(Text("error.all_paid", day=Day(ends)))
    if ends is not None and not by_admins:
        raise Conflict(Text("error.already_cancelled", day=Day(ends)))
    return replace(preview(subscription, ports.now(), ports.grace), by_admins=by_admins, state=state)


async def cancel(ports: Ports, member_id: int, key: SubscriptionKey) -> Receipt:
    """Preview and cancel in one step. Raises the errors of `preview_cancel`."""
    return await confirm_cancel(ports, member_id, await preview_cancel(ports, member_id, key))


async def confirm_cancel(ports: Ports, member_id: int, shown: Preview) -> Receipt:
    """Cancel as previewed; the preview must have just been made for this member.

    If the provider does not answer, the request is saved and `receipt.intent` is PENDING.
    """
    done = shown.by_admins and shown.subscription.ends_with_period
    if shown.by_admins:
        await _take_over(ports, shown.subscription.key)
    return await submit_intent(
        ports, shown.kind, (shown.subscription, shown.state), member_id, "history.cancelled", done=done
    )


async def _take_over(ports: Ports, key: SubscriptionKey) -> None:
    """Drop the admins' pending cancellation in favor of the member's own.

    The ledger keeps only one request of a kind, and the admins' would be dropped if they lift the revocation.
    """
    async with ports.locks.lock(key):
        for intent in await ports.ledger.load_intents_of(key):
            if intent.kind is IntentKind.CANCEL_AT_PERIOD_END and is_open(intent) and is_of_admins(intent):
                await ports.ledger.record_intent_outcome(replace(intent, state=IntentState.DROPPED), None, [])


async def resume(ports: Ports, member_id: int, key: SubscriptionKey) -> Receipt:
    """Let the subscription renew again, or undo a cancellation that the provider has not confirmed yet.

    Raises Conflict if an admin revoked it, if it is too late, if it was not cancelled, or if the provider
    cannot resume it.
    """
    subscription, state = await load_owned_with_member(ports, member_id, key)
    if await load_block(ports, subscription):
        raise Conflict(Text("error.revoked_not_resumable"))
    right = decide_right(subscription, ports.now(), ports.grace)
    if right is None or subscription.status is Status.ENDED:
        raise Conflict(Text("error.over_not_resumable"))
    waits = await _cancel_waits(ports, key)
    if subscription.ends_at is None and not waits:
        raise Conflict(Text("error.not_cancelled"))
    if not waits and not ports.provider_of(key).keeps_period:
        raise Conflict(Text("error.provider_cannot_resume", provider=display_name(key.provider)))
    known = (subscription, state)
    return await submit_intent(ports, IntentKind.RESUME, known, member_id, "history.resumed")


async def _cancel_waits(ports: Ports, key: SubscriptionKey) -> bool:
    intents = await ports.ledger.load_intents_of(key)
    return any(i.kind is IntentKind.CANCEL_AT_PERIOD_END and is_open(i) for i in intents)


async def submit_intent(
    ports: Ports, kind: IntentKind, known: Known, by: int, reason: str, *, done: bool = False
) -> Receipt:
    """Record a request, then try it at once.

    No worker tries it until `PATIENCE` seconds have passed. `known`: the subscription and its member's data,
    as just read. `done`: the provider has already done it, at somebody else's request.
    """
    now, (subscription, _) = ports.now(), known
    intent = Intent(
        id=secrets.token_hex(8),
        kind=kind,
        key=subscription.key,
        by=by,
        reason=reason,
        created_at=now,
        state=IntentState.DONE if done else IntentState.PENDING,
        next_attempt_at=now + PATIENCE,
        receipt=True,
    )
    kept = await ports.ledger.record_intent(intent)
    if kept.id == intent.id and not done:
        kept = await execute_intent_shielded(ports, kept, known)
    latest, state = await ports.ledger.load_with_member(subscription.key)
    right = decide_right(latest or subscription, ports.now(), ports.grace)
    return Receipt(kept, latest or subscription, right.until if right else None, state)


def is_open(intent: Intent) -> bool:
    """Return True while the request is pending."""
    return intent.state is IntentState.PENDING
