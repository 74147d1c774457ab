"""Settles pending requests of a restored ledger, which may already have been done or even undone again."""

from __future__ import annotations

from dataclasses import replace

from billing.errors import ProviderError
from billing.model import (
    Intent,
    IntentKind,
    IntentState,
    Notice,
    NotRepeated,
    Payment,
    Subscription,
)
from billing.model.translatable_text import Text
from billing.ports import Ports, Provider, SyncResult
from billing.use_cases.intent_already_done import is_fulfilled

OUTCOME = Text("error.asked_before_restore")


async def settle_unseen(ports: Ports, intent: Intent, subscription: Subscription) -> Intent:
    """Settle the intent without executing it: DONE if the provider shows it as done, otherwise FAILED.

    If it is FAILED, the person who asked is notified. Raises ProviderError if the provider cannot be asked
    right now.
    """
    provider = ports.provider_of(intent.key)
    snapshot = await provider.fetch_subscription(intent.key.id)
    attempt = replace(intent, attempts=intent.attempts + 1)
    synced = SyncResult(
        replace(snapshot, binding=subscription.binding, bound_by=subscription.bound_by),
        "provider",
        "fetched",
        f"intent {intent.id}",
        ports.now(),
    )
    if await _is_done(provider, intent, snapshot):
        done = replace(attempt, state=IntentState.DONE, outcome="")
        await ports.ledger.record_intent_outcome(done, synced, [], ports.now())
        return done
    left = replace(attempt, state=IntentState.FAILED, outcome=OUTCOME)
    await ports.ledger.record_intent_outcome(left, synced, _told(left, subscription, ports.now()))
    return left


async def _is_done(provider: Provider, intent: Intent, snapshot: Subscription) -> bool:
    if intent.kind is not IntentKind.REFUND_LAST_PAYMENT:
        return is_fulfilled(intent.kind, snapshot)
    try:
        payment: Payment | None = await provider.fetch_last_payment(snapshot)
    except ProviderError as error:
        if error.retry:
            raise
        return False
    asked = payment is not None and intent.payment_id in (None, payment.id)
    return asked and payment is not None and payment.refundable.amount <= 0


def _told(intent: Intent, subscription: Subscription, now: int) -> list[Notice]:
    whose = subscription.binding
    if whose is None:
        return []
    member = whose.member_id if intent.by == whose.member_id else None
    body = NotRepeated(intent.id, whose.member_id, intent.key)
    return [Notice(f"not_repeated:{intent.id}", whose.guild_id, member, body, now)]
