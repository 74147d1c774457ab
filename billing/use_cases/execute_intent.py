"""Do at the provider what somebody wished, and say it is done only once the provider has confirmed it."""

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
    Money,
    Notice,
    Payment,
    Status,
    Subscription,
)
from billing.model.texts import Text
from billing.ports import Ports, Provider, SyncResult
from billing.rules.backoff import next_try, next_try_by_age
from billing.use_cases.blocks import load_block
from billing.use_cases.intent_fulfilment import is_fulfilled
from billing.use_cases.late_cancellation import at_once_if_late, charged_late
from billing.use_cases.renewal_stops import is_of_admins
from billing.use_cases.restored_intents import settle_unseen

log = logging.getLogger(__name__)

STOPPED_ALREADY = Text("error.stopped_already")
_UNCLEAR = ("", ProviderUnavailable.user_message, ProviderMisread.user_message)


async def execute_intent(ports: Ports, intent: Intent, *, tell: bool = True) -> Intent:
    """One attempt; the intent as it stands afterwards.

    PENDING: the provider gave no clear answer, and it is tried again. `tell`: whoever wished it hears of
    the outcome by message, as nobody waits for the answer.
    """
    async with ports.turns.lock(intent.key):
        latest = await ports.ledger.load_intent(intent.id) or intent
        if latest.state is not IntentState.PENDING:
            return latest
        known = await ports.ledger.load_subscription(intent.key)
        if known is None:
            raise NotFound(Text("error.subscription_unknown"))
        if await ports.ledger.load_unasked_intent(latest.id):
            if latest.by != RULE:
                return await _settle(ports, latest, known)
            if (held := await _hold_unless_lost(ports, latest, known)) is not None:
                return held
        latest = await at_once_if_late(ports, latest, known)
        return await _found_stopped(ports, latest, known) or await _attempt(ports, latest, known, tell=tell)


async def execute_intent_shielded(ports: Ports, intent: Intent) -> Intent:
    """The first attempt at a wish that is kept already, while somebody waits for the answer. A ledger that
    cannot be written just now leaves it PENDING: whatever the provider did is found out by the next try."""
    try:
        return await execute_intent(ports, intent, tell=False)
    except LedgerError:
        return intent


def why_held(intent: Intent) -> Text | str:
    """Why a pending request cannot be carried out until a person acts, such as a key that lacks a permission.
    Empty where the provider is only silent, or nothing is wrong."""
    held = intent.state is IntentState.PENDING and intent.outcome not in _UNCLEAR
    return intent.outcome if held else ""


async def _found_stopped(ports: Ports, intent: Intent, known: Subscription) -> Intent | None:
    """A revocation's stop that was never asked for yet. DROPPED where the member has stopped the renewal at
    the provider themselves, so that an Undo does not bill them; PENDING while the provider does not answer;
    None where it is to be asked for."""
    first = not intent.attempts and intent.kind is IntentKind.CANCEL_AT_PERIOD_END and is_of_admins(intent)
    if not first:
        return None
    try:
        latest = await ports.provider_of(intent.key).fetch_subscription(intent.key.id)
    except ProviderUnavailable as error:
        at = next_try_by_age(intent.created_at, ports.now())
        found = replace(intent, next_attempt_at=at, outcome=error.user_message)
        await ports.ledger.record_intent_outcome(found, None, [])
        return found
    except ProviderError:
        return None  # the attempt meets it too, and says what is against it
    if not is_fulfilled(intent.kind, latest):
        return None
    found = replace(intent, state=IntentState.DROPPED, outcome=STOPPED_ALREADY)
    latest, evidence = replace(latest, binding=known.binding), f"intent {intent.id}"
    synced = SyncResult(latest, "provider", "fetched", evidence, ports.now())
    await ports.ledger.record_intent_outcome(found, synced, [])
    return found


async def _settle(ports: Ports, intent: Intent, subscription: Subscription) -> Intent:
    """One that a restored ledger shows as open: it is looked up, and never carried out unseen."""
    try:
        return await settle_unseen(ports, intent, subscription)
    except ProviderError as error:
        attempt = replace(intent, attempts=intent.attempts + 1)
        if error.retry:
            return await _keep(ports, attempt, error)
        failed = replace(attempt, state=IntentState.FAILED, outcome=error.user_message)
        await ports.ledger.record_intent_outcome(failed, None, _told(ports, failed, subscription))
        return failed


async def _hold_unless_lost(ports: Ports, intent: Intent, known: Subscription) -> Intent | None:
    """A restored ledger's stop of what lost a dispute: it waits until the provider was asked about that
    dispute, and is DROPPED where it is not lost any more. None where it is to be done."""
    if known.binding is None:
        return None
    state = await ports.ledger.load_member_state(known.binding.guild_id, known.binding.member_id)
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
        attempt = await _with_payment(ports, provider, attempt, subscription)
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
    synced = None
    if snapshot is not None:
        snapshot = replace(snapshot, binding=subscription.binding)
        synced = _synced(ports, done, snapshot)
        notices += await charged_late(ports, done, snapshot)
    await ports.ledger.record_intent_outcome(done, synced, notices)
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
    """Until when it is paid is on disk before a provider that keeps no period ends the agreement at once."""
    if intent.kind is IntentKind.CANCEL_AT_PERIOD_END and not provider.keeps_period:
        latest = await provider.fetch_subscription(intent.key.id)
        latest = replace(latest, binding=subscription.binding)
        evidence = f"intent {intent.id}"
        await ports.ledger.record_synced(SyncResult(latest, "provider", "fetched", evidence, ports.now()))


async def _fetch_if_done(ports: Ports, intent: Intent) -> Subscription | None:
    """The subscription, where the provider did what was asked although its answer was lost."""
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
    """Fix which payment a refund is about before it is asked for: should the answer be lost, the next try
    must not give back a later one too."""
    if attempt.kind is not IntentKind.REFUND_LAST_PAYMENT or attempt.payment_id is not None:
        return attempt
    payment = await provider.fetch_last_payment(subscription)
    if payment is not None:
        attempt = replace(attempt, payment_id=payment.id)
        await ports.ledger.record_intent_outcome(attempt, None, [])
    return attempt


async def _refund(provider: Provider, done: Intent, subscription: Subscription, key: str) -> Intent:
    """Give back what is left of the payment, as the provider finds it by its id."""
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
    """How its billing is stopped: at the end of what is paid; at once where nothing is, so that no further
    charge is tried."""
    paid = subscription.status in (Status.TRIALING, Status.ACTIVE, Status.UNKNOWN)
    paid = paid or (subscription.status is Status.PAUSED and subscription.paid_through is not None)
    return IntentKind.CANCEL_AT_PERIOD_END if paid else IntentKind.CANCEL_NOW
