"""Executes a request at the provider, and reports it as done only once the provider has confirmed it."""

from __future__ import annotations

import logging
from dataclasses import replace

from billing.errors import (
    LedgerError,
    NotFound,
    ProviderError,
    ProviderMisread,
    ProviderRefused,
    ProviderUnavailable,
)
from billing.model import (
    RULE,
    DisputeState,
    Intent,
    IntentKind,
    IntentOutcome,
    IntentState,
    MemberState,
    Money,
    Notice,
    Payment,
    Status,
    Subscription,
)
from billing.model.translatable_text import Text
from billing.ports import Ports, Provider, SyncResult
from billing.rules.backoff import next_try, next_try_by_age
from billing.use_cases.find_block import load_block
from billing.use_cases.intent_already_done import is_fulfilled
from billing.use_cases.late_cancellation import at_once_if_late, charged_late
from billing.use_cases.refunds import refund_notices
from billing.use_cases.restored_intents import settle_unseen
from billing.use_cases.who_stopped_renewal import is_of_admins

log = logging.getLogger(__name__)

# A subscription, and all data that decides its member's roles if it has an owner, from one read.
Known = tuple[Subscription, MemberState | None]

STOPPED_ALREADY = Text("error.stopped_already")
_UNCLEAR = ("", ProviderUnavailable.user_message, ProviderMisread.user_message)


async def execute_intent(
    ports: Ports, intent: Intent, known: Known | None = None, *, tell: bool = True
) -> Intent:
    """Make one attempt at an intent, and return the intent as it stands afterwards.

    It is PENDING if the provider gave no clear answer; the worker then tries again. `known`: the subscription
    and its member's data as the caller has just read them; None: read them now. `tell`: send the outcome to
    the person who asked, because nobody is waiting for the return value. Raises NotFound if the ledger does
    not know the subscription.
    """
    async with ports.locks.lock(intent.key):
        latest = await ports.ledger.load_intent(intent.id) or intent
        if latest.state is not IntentState.PENDING:
            return latest
        subscription, state = known or await ports.ledger.load_with_member(intent.key)
        if subscription is None:
            raise NotFound(Text("error.subscription_unknown"))
        if await ports.ledger.load_unasked_intent(latest.id):
            if latest.by != RULE:
                return await _settle(ports, latest, subscription)
            if (held := await _hold_unless_lost(ports, latest, subscription, state)) is not None:
                return held
        latest = await at_once_if_late(ports, latest, subscription, state)
        stops = latest.kind is IntentKind.CANCEL_AT_PERIOD_END and is_of_admins(latest)
        if stops and not latest.attempts:
            found = await _found_stopped(ports, latest, subscription)
            if found is not None:
                return found
        return await _attempt(ports, latest, subscription, tell=tell)


async def execute_intent_shielded(ports: Ports, intent: Intent, known: Known | None = None) -> Intent:
    """Make the first attempt at a saved intent while somebody waits for the answer.

    If the ledger cannot be written to, the intent stays PENDING; the next attempt finds out what the provider
    did.
    """
    try:
        return await execute_intent(ports, intent, known, tell=False)
    except LedgerError:
        return intent


def why_held(intent: Intent) -> Text | str:
    """Return why a pending request waits for a person to act, for example because a key lacks a permission.

    Returns an empty string if nothing is wrong or the provider merely did not answer.
    """
    held = intent.state is IntentState.PENDING and intent.outcome not in _UNCLEAR
    return intent.outcome if held else ""


async def _found_stopped(ports: Ports, intent: Intent, known: Subscription) -> Intent | None:
    """Check before a revocation's first cancellation attempt whether the member has already cancelled.

    Returns the intent as DROPPED if they have, so that an Undo does not bill them; as PENDING while the
    provider does not answer; None if the attempt should be made.
    """
    try:
        latest = await ports.provider_of(intent.key).fetch_subscription(intent.key.id)
    except ProviderUnavailable as error:
        at = next_try_by_age(intent.created_at, ports.now())
        found = replace(intent, next_attempt_at=at, outcome=error.user_message)
        await ports.ledger.record_intent_outcome(found, None, [])
        return found
    except ProviderError:
        return None  # the attempt meets the same error and reports it
    if not is_fulfilled(intent.kind, latest):
        return None
    found = replace(intent, state=IntentState.DROPPED, outcome=STOPPED_ALREADY)
    latest, evidence = replace(latest, binding=known.binding), f"intent {intent.id}"
    synced = SyncResult(latest, "provider", "fetched", evidence, ports.now())
    await ports.ledger.record_intent_outcome(found, synced, [])
    return found


async def _settle(ports: Ports, intent: Intent, subscription: Subscription) -> Intent:
    """Settle a pending intent of a restored ledger by looking up whether it was done; never execute it."""
    try:
        return await settle_unseen(ports, intent, subscription)
    except ProviderError as error:
        attempt = replace(intent, attempts=intent.attempts + 1)
        if error.retry:
            return await _keep(ports, attempt, error)
        failed = replace(attempt, state=IntentState.FAILED, outcome=error.user_message)
        await ports.ledger.record_intent_outcome(failed, None, _told(ports, failed, subscription))
        return failed


async def _hold_unless_lost(
    ports: Ports, intent: Intent, known: Subscription, state: MemberState | None
) -> Intent | None:
    """Hold a restored ledger's cancellation after a lost dispute until the dispute is looked up again.

    Returns the intent as DROPPED if the dispute is no longer lost; None if the intent should be executed.
    """
    if state is None:
        return None
    if intent.key in state.unasked:
        return await _keep(ports, replace(intent, attempts=intent.attempts + 1), ProviderUnavailable())
    if known.dispute is DisputeState.LOST:
        return None
    dropped = replace(intent, state=IntentState.DROPPED, outcome=Text("error.dispute_not_lost"))
    await ports.ledger.record_intent_outcome(dropped, None, [])
    return dropped


async def _attempt(ports: Ports, intent: Intent, subscription: Subscription, *, tell: bool) -> Intent:
    attempt = replace(intent, attempts=intent.attempts + 1)
    snapshot: Subscription | None = None
    try:
        if intent.kind is IntentKind.RESUME and await load_block(ports, subscription):
            raise ProviderRefused(Text("error.not_resumed_revoked"))
        provider = ports.provider_of(intent.key)
        if intent.kind is IntentKind.REFUND_LAST_PAYMENT and intent.payment_id is None:
            attempt = await _with_payment(ports, provider, attempt, subscription)
        if intent.kind is IntentKind.CANCEL_AT_PERIOD_END and not provider.keeps_period:
            await _keep_what_is_paid(ports, provider, attempt, subscription)
        done, snapshot = await _act(provider, attempt, subscription, f"{intent.id}.{intent.attempts}")
        if snapshot is not None and not is_fulfilled(intent.kind, snapshot):
            raise ProviderUnavailable(detail=f"{intent.kind}: accepted, and nothing changed")
    except ProviderError as error:
        barred = error.retry and isinstance(error, ProviderRefused)
        level = logging.WARNING if barred else logging.INFO
        log.log(level, "%s of %s: %s", intent.kind, intent.key.id, error)
        snapshot = await _fetch_if_done(ports, attempt)
        if snapshot is not None:
            done = replace(attempt, state=IntentState.DONE, outcome="")
        elif not error.retry:
            done = replace(attempt, state=IntentState.FAILED, outcome=error.user_message)
        else:
            return await _keep(ports, attempt, error)
    notices = _told(ports, done, subscription) if tell or done.state is IntentState.FAILED else []
    if done.kind is IntentKind.REFUND_LAST_PAYMENT:
        notices += await refund_notices(ports, done, subscription)
    synced = None
    if snapshot is not None:
        snapshot = replace(snapshot, binding=subscription.binding)
        synced = _synced(ports, done, snapshot)
        notices += await charged_late(ports, done, snapshot)
    await ports.ledger.record_intent_outcome(done, synced, notices, ports.now())
    return done


async def _keep(ports: Ports, attempt: Intent, error: ProviderError) -> Intent:
    waiting = replace(
        attempt, next_attempt_at=next_try(ports.now(), attempt.attempts), outcome=error.user_message
    )
    await ports.ledger.record_intent_outcome(waiting, None, [])
    return waiting


async def _keep_what_is_paid(
    ports: Ports, provider: Provider, intent: Intent, subscription: Subscription
) -> None:
    """Save how long the subscription is paid for, before the provider ends the agreement immediately."""
    latest = await provider.fetch_subscription(intent.key.id)
    latest = replace(latest, binding=subscription.binding)
    evidence = f"intent {intent.id}"
    await ports.ledger.record_synced(SyncResult(latest, "provider", "fetched", evidence, ports.now()))


async def _fetch_if_done(ports: Ports, intent: Intent) -> Subscription | None:
    """Return the fetched subscription if the provider did what was asked although its answer was lost.

    Returns None otherwise.
    """
    if intent.kind is IntentKind.REFUND_LAST_PAYMENT:
        return None
    try:
        snapshot = await ports.provider_of(intent.key).fetch_subscription(intent.key.id)
    except ProviderError:
        return None
    return snapshot if is_fulfilled(intent.kind, snapshot) else None


async def _act(
    provider: Provider, intent: Intent, subscription: Subscription, key: str
) -> tuple[Intent, Subscription | None]:
    done = replace(intent, state=IntentState.DONE, outcome="")
    match intent.kind:
        case IntentKind.CANCEL_AT_PERIOD_END:
            return done, await provider.cancel_at_period_end(subscription, key)
        case IntentKind.CANCEL_NOW:
            return done, await provider.cancel_now(subscription, key)
        case IntentKind.RESUME:
            return done, await provider.resume(subscription, key)
        case IntentKind.REFUND_LAST_PAYMENT:
            return await _refund(provider, done, subscription, key), None


async def _with_payment(
    ports: Ports, provider: Provider, attempt: Intent, subscription: Subscription
) -> Intent:
    """Record which payment to refund before asking for the refund.

    Otherwise, if the answer is lost, the next attempt could refund a later payment too.
    """
    payment = await provider.fetch_last_payment(subscription)
    if payment is not None:
        attempt = replace(attempt, payment_id=payment.id)
        await ports.ledger.record_intent_outcome(attempt, None, [])
    return attempt


async def _refund(provider: Provider, done: Intent, subscription: Subscription, key: str) -> Intent:
    """Refund what is left of the payment, which the provider finds by its id."""
    if done.payment_id is None:
        return replace(done, state=IntentState.FAILED, outcome=Text("error.no_payment"))
    after = await provider.refund(Payment(done.payment_id, 0, 0, subscription.price.currency, 0), key)
    return replace(done, refunded=Money(after.refunded, after.currency))


def _synced(ports: Ports, intent: Intent, snapshot: Subscription) -> SyncResult:
    return SyncResult(
        snapshot=snapshot,
        who="rule" if intent.by == RULE else str(intent.by),
        why=intent.reason or str(intent.kind),
        evidence=f"intent {intent.id}",
        at=ports.now(),
        at_once=intent.kind is IntentKind.CANCEL_NOW,
    )


def _told(ports: Ports, intent: Intent, subscription: Subscription) -> list[Notice]:
    if subscription.binding is None:
        return []
    own = intent.by == subscription.binding.member_id
    if not own and intent.state is IntentState.DONE and intent.kind is not IntentKind.REFUND_LAST_PAYMENT:
        return []
    return [
        Notice(
            key=f"intent:{intent.id}:{intent.state}",
            guild_id=subscription.binding.guild_id,
            member_id=subscription.binding.member_id if own else None,
            body=IntentOutcome(intent.id, subscription.binding.member_id),
            created_at=ports.now(),
        )
    ]


def stopping(subscription: Subscription) -> IntentKind:
    """Return the kind of intent that stops the billing.

    It takes effect at the end of the paid time, or immediately if nothing is paid, so that no further charge
    is tried.
    """
    paid = subscription.status in (Status.TRIALING, Status.ACTIVE, Status.UNKNOWN)
    paid = paid or (subscription.status is Status.PAUSED and subscription.paid_through is not None)
    return IntentKind.CANCEL_AT_PERIOD_END if paid else IntentKind.CANCEL_NOW
