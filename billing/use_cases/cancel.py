"""A member ends the renewal of their own subscription, and may take that back until it ends."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from billing.errors import Conflict
from billing.model import Intent, IntentKind, IntentState, Status, Subscription, SubscriptionKey
from billing.ports import Ports
from billing.rules.access import SubscriptionAccess, decide_right
from billing.use_cases.blocks import load_block
from billing.use_cases.execute_intent import execute_intent_shielded, stopping
from billing.use_cases.ownership import load_owned
from billing.use_cases.renewal_stops import is_of_admins, stopped_by_admins

PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """What a cancellation would do. `stays_until`: roles stay until then; None: they go at once. `final`: the
    provider ends the agreement at once, so that it cannot be taken back although the roles stay. `by_admins`:
    a revocation stops the renewal already, and the member's own word outlives its undoing."""

    subscription: Subscription
    kind: IntentKind
    stays_until: int | None
    final: bool = False
    by_admins: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was wished and what came of it; the intent's id is the receipt's number."""

    intent: Intent
    subscription: Subscription
    stays_until: int | None


def preview(subscription: Subscription, now: int, grace: int) -> Preview:
    """At the end of what is paid; at once where nothing is. Roles stay as long as both period and right."""
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
    """At a provider that ends it at once: the roles stay for what is paid, if anything is."""
    if kind is IntentKind.CANCEL_NOW or right is None:
        return Preview(subscription, IntentKind.CANCEL_NOW, None)
    paid = min((t for t in (subscription.paid_through, right.until) if t is not None), default=now)
    if paid <= now:
        return Preview(subscription, IntentKind.CANCEL_NOW, None)
    return Preview(subscription, kind, paid, final=True)


async def preview_cancel(ports: Ports, member_id: int, key: SubscriptionKey) -> Preview:
    """What to ask the member; Conflict when there is nothing left to cancel."""
    subscription = await load_owned(ports, member_id, key)
    if subscription.status is Status.ENDED:
        raise Conflict("This subscription has ended already. You won't be charged for it again.")
    by_admins = stopped_by_admins(subscription, await ports.ledger.load_intents_of(key))
    if subscription.terms.complete and subscription.ends_with_period:
        raise Conflict(
            f"All its payments are made, so it ends by itself on <t:{subscription.ends_at}:D>. You won't be "
            "charged for it again."
        )
    if subscription.ends_with_period and not by_admins:
        raise Conflict(f"This subscription is cancelled already and ends <t:{subscription.ends_at}:D>.")
    return replace(preview(subscription, ports.now(), ports.grace), by_admins=by_admins)


async def cancel(ports: Ports, member_id: int, key: SubscriptionKey) -> Receipt:
    """Cancel now at the provider, or keep the wish until it answers: `receipt.intent.state` tells which."""
    shown = await preview_cancel(ports, member_id, key)
    done = shown.by_admins and shown.subscription.ends_with_period
    if shown.by_admins:
        await _take_over(ports, key)
    return await submit_intent(
        ports, shown.kind, shown.subscription, member_id, "cancelled by the member", done=done
    )


async def _take_over(ports: Ports, key: SubscriptionKey) -> None:
    """The ledger keeps one pending stop of a kind: the member's own takes the place of an admin's, which
    would go with its revocation."""
    async with ports.turns.lock(key):
        for intent in await ports.ledger.load_intents_of(key):
            if intent.kind is IntentKind.CANCEL_AT_PERIOD_END and is_open(intent) and is_of_admins(intent):
                await ports.ledger.record_intent_outcome(replace(intent, state=IntentState.DROPPED), None, [])


async def resume(ports: Ports, member_id: int, key: SubscriptionKey) -> Receipt:
    """Let it renew again, or take back a cancellation that the provider has not confirmed yet; Conflict when
    an admin revoked it or it is too late."""
    subscription = await load_owned(ports, member_id, key)
    if await load_block(ports, subscription):
        raise Conflict("The server's admins revoked this access, so it cannot be resumed. Please ask them.")
    right = decide_right(subscription, ports.now(), ports.grace)
    if right is None or subscription.status is Status.ENDED:
        raise Conflict("This subscription is over and cannot be resumed. Use /subscribe to start a new one.")
    waits = await _cancel_waits(ports, key)
    if subscription.ends_at is None and not waits:
        raise Conflict("This subscription is not cancelled; it renews as it is.")
    if not waits and not ports.provider_of(key).keeps_period:
        raise Conflict("This provider cannot take a cancellation back. Use /subscribe to start a new one.")
    return await submit_intent(ports, IntentKind.RESUME, subscription, member_id, "resumed by the member")


async def _cancel_waits(ports: Ports, key: SubscriptionKey) -> bool:
    intents = await ports.ledger.load_intents_of(key)
    return any(i.kind is IntentKind.CANCEL_AT_PERIOD_END and is_open(i) for i in intents)


async def submit_intent(
    ports: Ports, kind: IntentKind, subscription: Subscription, by: int, reason: str, *, done: bool = False
) -> Receipt:
    """Keep a wish, then try it at once. While somebody waits for the answer no worker takes it up. `done`:
    the provider has done it already, on somebody else's word."""
    now = ports.now()
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
        kept = await execute_intent_shielded(ports, kept)
    latest = await ports.ledger.load_subscription(subscription.key) or subscription
    return Receipt(kept, latest, stays_until(latest, ports.now(), ports.grace))


def stays_until(subscription: Subscription, now: int, grace: int) -> int | None:
    """Until when the roles stay, as it stands; None when they go at once or have no end."""
    right = decide_right(subscription, now, grace)
    return None if right is None else right.until


def is_open(intent: Intent) -> bool:
    """Whether the provider has not confirmed it yet."""
    return intent.state is IntentState.PENDING
