"""Handles cancellations at the period's end that reach the provider only after the access has ended."""

from __future__ import annotations

from dataclasses import replace

from billing.errors import ProviderError
from billing.model import (
    ChargedLate,
    Intent,
    IntentKind,
    MemberState,
    Money,
    Notice,
    Override,
    OverrideKind,
    Subscription,
)
from billing.ports import Ports
from billing.rules.access import plans_of


async def at_once_if_late(
    ports: Ports, intent: Intent, subscription: Subscription, state: MemberState | None
) -> Intent:
    """Return the intent that makes sense now: the given one, or an immediate end in its place.

    If an admin's block began after the request was made, waiting for the end of the next period would take
    too long, so the subscription is ended immediately instead.
    """
    if intent.kind is not IntentKind.CANCEL_AT_PERIOD_END:
        return intent
    if state is None or _begun_since(intent, subscription, state, ports.now()) is None:
        return intent
    stop = replace(intent, id=f"{intent.id}-now", kind=IntentKind.CANCEL_NOW, attempts=0, outcome="")
    return await ports.ledger.record_intent(stop)


def _begun_since(intent: Intent, subscription: Subscription, state: MemberState, now: int) -> Override | None:
    """Return a block in force on the subscription's plans that began after the intent was created.

    Returns None if there is none.
    """
    touched = {None, *(plan.id for plan in plans_of(subscription, state.plans))}
    standing = [o for o in state.overrides if o.until is None or o.until > now]
    blocks = [o for o in standing if o.kind is OverrideKind.BLOCK]
    mine = (b for b in blocks if b.plan_id in touched or subscription.key in b.subscriptions)
    return next((b for b in mine if intent.created_at < b.starts_at <= now), None)


async def charged_late(ports: Ports, done: Intent, snapshot: Subscription) -> list[Notice]:
    """Return a notice to the admins if a renewal was charged before the subscription could be ended.

    The admins can then refund it.
    """
    whose = snapshot.binding
    if done.kind is not IntentKind.CANCEL_NOW or whose is None:
        return []
    state = await ports.ledger.load_member_state(whose.guild_id, whose.member_id)
    block = _begun_since(done, snapshot, state, ports.now())
    if block is None:
        return []
    amount = None
    try:
        payment = await ports.provider_of(done.key).fetch_last_payment(snapshot)
    except ProviderError:
        charged_at = snapshot.period_start or 0  # it has ended all the same; report what is known
    else:
        charged_at = payment.paid_at if payment else 0
        amount = Money(payment.amount, payment.currency) if payment else None
    if charged_at < block.starts_at:
        return []
    body = ChargedLate(whose.member_id, snapshot.key, amount)
    return [Notice(f"charged_late:{done.id}", block.guild_id, None, body, ports.now())]
