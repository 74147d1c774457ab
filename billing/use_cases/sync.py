"""Updates the ledger from the provider. An event only says where to look; the fetched object is the truth.

`locate_event` finds the subscriptions that an event is about; `sync_subscription` fetches one and records it,
with everything that follows, in one transaction.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace

from billing.errors import ProviderError, ProviderLimited, ProviderMisread, ProviderNotFound
from billing.model import (
    RULE,
    Binding,
    BoundBy,
    Disputed,
    DisputeState,
    Event,
    Intent,
    IntentKind,
    IntentState,
    Notice,
    Override,
    PaymentDisputed,
    Plan,
    Status,
    Subscription,
    SubscriptionKey,
    UnmappedProduct,
)
from billing.ports import Dispute, Ports, Provider, StaleSubscription, SyncResult
from billing.priority import priority_of
from billing.rules.access import decide_right, plans_of
from billing.rules.backoff import next_try, next_try_by_age, tries_by_age
from billing.use_cases.bind import confirm, find_payer, propose, write_payer
from billing.use_cases.chargebacks import bar_payer
from billing.use_cases.execute_intent import stopping
from billing.use_cases.expire_checkouts import expire_other_checkouts
from billing.use_cases.find_block import block_in
from billing.use_cases.missing_subscription import give_up_missing
from billing.use_cases.refresh_prices import refresh_price, refresh_product
from billing.use_cases.refunds import is_refund, is_reversal, tell_refund, tell_taken_back
from billing.use_cases.subscription_news import milestones, plan_names
from billing.use_cases.unparsable_subscription import give_up_unparsable
from billing.use_cases.unwanted_payments import paid_twice, paid_while_blocked
from billing.work_outcome import Ids, WorkOutcome, put_off

# As long as UNKNOWN_TRIES take.
UNKNOWN_SECONDS = 120
REFUSED_REST = 86_400


def names_subscription(event: Event) -> bool:
    """Return True if the event itself names its subscription."""
    return event.subject is not None and event.subject.kind == "subscription"


async def locate_events(ports: Ports, events: Sequence[Event]) -> WorkOutcome:
    """Locate each event independently; raise the first error once all are done."""
    done = await asyncio.gather(*(locate_event(ports, event) for event in events), return_exceptions=True)
    said = WorkOutcome(f"{len(events)} located")
    for one in done:
        if isinstance(one, BaseException):
            raise one
        said = one or said
    return said


async def locate_event(ports: Ports, event: Event) -> WorkOutcome | None:
    """Queue the subscriptions that an event is about.

    A failure postpones the event; only in that case is an outcome to log returned.
    """
    try:
        keys = await _located(ports, event)
        if keys and is_refund(event):
            await tell_refund(ports, ports.providers[event.provider], event, keys)
    except ProviderError as error:
        now = ports.now()
        young = not isinstance(error, ProviderNotFound) or now < event.occurred_at + UNKNOWN_SECONDS
        if young or (is_reversal(event) and not await tell_taken_back(ports, event)):
            at = next_try_by_age(event.occurred_at, now)
            await ports.ledger.record_event_failed(event, str(error), at)
            return put_off(error, tries_by_age(event.occurred_at, now), {"event": event.id})
        keys = []
    await ports.ledger.record_located(event, keys, ports.now(), priority_of(event.kind))
    ports.pace.locate(event.id, keys)
    return None


async def _located(ports: Ports, event: Event) -> list[SubscriptionKey]:
    assert event.subject is not None, "events without a subject are not stored"
    provider = ports.providers.get(event.provider)
    if provider is None or provider.account != event.account:
        return []
    match event.subject.kind:
        case "subscription":
            ids = [event.subject.id]
        case "price":
            ids = await refresh_price(ports, provider, event.subject.id)
        case "product":
            await refresh_product(ports, provider, event.subject.id)
            ids = []
        case "dispute":
            await record_dispute(ports, provider, event.subject.id, f"event {event.id}")
            ids = []  # it was fetched together with the dispute
        case _:
            ids = await provider.locate(event.subject)
    keys = [SubscriptionKey(event.provider, event.account, i) for i in ids]
    if event.subject.kind == "customer":
        keys += await ports.ledger.load_customer_subscriptions(
            event.provider, event.account, event.subject.id
        )
    return list(dict.fromkeys(keys))


async def record_dispute(ports: Ports, provider: Provider, dispute_id: str, evidence: str) -> None:
    """Fetch one dispute and its subscription, and record both.

    Raises ProviderError if either cannot be fetched.
    """
    where = (provider.name, provider.account)
    async with ports.locks.lock(("dispute", *where, dispute_id)):
        subscription_id, state = await provider.fetch_dispute(dispute_id)
        before = await ports.ledger.load_dispute(*where, dispute_id)
        if state is DisputeState.NONE and before is not None:
            state = DisputeState.WON if before is DisputeState.OPEN else before  # the dispute came to nothing
        key = None if subscription_id is None else SubscriptionKey(*where, subscription_id)
        if state is not DisputeState.NONE:
            await _record_disputed(ports, provider, Dispute(*where, dispute_id, key, state), evidence)


async def _record_disputed(ports: Ports, provider: Provider, dispute: Dispute, evidence: str) -> None:
    why = f"dispute {dispute.state}"
    if dispute.key is None:
        heard = SyncResult(None, "provider", why, evidence, ports.now(), dispute=dispute)
        await ports.ledger.record_synced(heard)
        return
    async with ports.locks.lock(dispute.key):
        fetched = await provider.fetch_subscription(dispute.key.id)
        snapshot = replace(fetched, dispute=dispute.state)
        synced = await _conclude(ports, provider, snapshot, "provider", why, evidence)
        bars: tuple[Override, ...] = ()
        if synced.snapshot is not None:
            bars = await bar_payer(ports, provider, synced.snapshot, dispute.id)
        synced = await _disputed(ports, replace(synced, overrides=bars), dispute.id)
        await ports.ledger.record_synced(replace(synced, dispute=dispute))


async def _disputed(ports: Ports, synced: SyncResult, dispute_id: str) -> SyncResult:
    """Add the consequences of a dispute to the result.

    These are notices to the admins and the member, and the end of the billing if the dispute was lost.
    """
    snapshot = synced.snapshot
    if snapshot is None or snapshot.binding is None:
        return synced
    ending = snapshot.ends_with_period or snapshot.status is Status.ENDED
    stops = snapshot.dispute is DisputeState.LOST and not ending
    decision = f"lost-{dispute_id}" if synced.overrides else None
    body = Disputed(snapshot.binding.member_id, snapshot.dispute, snapshot.key, stops, decision)
    key, guild_id = f"dispute:{dispute_id}:{snapshot.dispute}", snapshot.binding.guild_id
    notices = [Notice(key, guild_id, None, body, synced.at)]
    if stops or decide_right(replace(snapshot, dispute=DisputeState.NONE), synced.at, ports.grace):
        plans = await ports.ledger.load_plans(guild_id, removed=True)
        own = PaymentDisputed(plan_names(snapshot, plans), snapshot.key, snapshot.dispute)
        notices.append(Notice(f"{key}:member", guild_id, body.member, own, synced.at))
    stop = (_stop_lost(snapshot.key, dispute_id, synced.at),) if stops else ()
    return replace(synced, notices=(*synced.notices, *notices), intents=(*synced.intents, *stop))


def _stop_lost(key: SubscriptionKey, dispute_id: str, now: int) -> Intent:
    """Return an intent to stop billing for a subscription that no longer gives access."""
    reason = "history.dispute_lost"
    return Intent(f"lost-{dispute_id}", IntentKind.CANCEL_NOW, key, RULE, reason, now, next_attempt_at=now)


async def sync_subscription(ports: Ports, stale: StaleSubscription) -> WorkOutcome:
    """Fetch one subscription and record it. A failure postpones it and changes nothing."""
    async with ports.locks.lock(stale.key):
        try:
            provider = ports.provider_of(stale.key)
            snapshot = await provider.fetch_subscription(stale.key.id)
            synced = SyncResult(None, "provider", "nobody has agreed to it yet", stale.evidence, ports.now())
            if snapshot.customer_id:
                synced = await _conclude(ports, provider, snapshot, "provider", "fetched", stale.evidence)
        except ProviderError as error:
            if not await _gives_up(ports, stale, error):
                at = next_try(ports.now(), stale.attempts)
                if isinstance(error, ProviderLimited):
                    at = ports.now() + max(math.ceil(error.wait), 1)  # the account rests, not this one
                await ports.ledger.record_fetch_failed(stale, str(error), at)
                return put_off(error, stale.attempts)
            synced = SyncResult(None, "provider", str(error), stale.evidence, ports.now())
        changed = await _record_synced(ports, stale, synced)
        if synced.snapshot is None:
            return WorkOutcome(f"given up, {synced.why}")
    await expire_other_checkouts(ports, synced)
    whose = synced.snapshot.binding
    ids: Ids = {"server": whose.guild_id, "member": whose.member_id} if whose else {}
    return WorkOutcome("changed" if changed else "unchanged", ids)


async def record_listed(
    ports: Ports, provider: Provider, stale: StaleSubscription, snapshot: Subscription, at: int
) -> None:
    """Record a stale subscription as the provider's list showed it at the moment `at`, in unix seconds.

    The caller must make sure that nobody else has fetched it since.
    """
    async with ports.locks.lock(stale.key):
        found = await _conclude(ports, provider, snapshot, "provider", "fetched", stale.evidence)
        synced = replace(found, at=at)
        await _record_synced(ports, stale, synced)
    await expire_other_checkouts(ports, synced)


async def _record_synced(ports: Ports, stale: StaleSubscription, synced: SyncResult) -> bool:
    changed = await ports.ledger.record_synced(replace(synced, stale_version=stale.version))
    if synced.snapshot is not None:
        ports.pace.sync(stale.key, synced.snapshot.binding, synced.at)
        await write_payer(ports, synced.snapshot)
    return changed


async def _gives_up(ports: Ports, stale: StaleSubscription, error: ProviderError) -> bool:
    if isinstance(error, ProviderMisread):
        return await give_up_unparsable(ports, stale, error)
    return isinstance(error, ProviderNotFound) and await give_up_missing(ports, stale)


async def record_snapshot(
    ports: Ports, provider: Provider, snapshot: Subscription, who: str, why: str, evidence: str
) -> bool:
    """Record a snapshot fetched for a reason other than an event; return True if it changed anything.

    The caller must hold the subscription's lock.
    """
    synced = await _conclude(ports, provider, snapshot, who, why, evidence)
    changed = await ports.ledger.record_synced(synced)
    await expire_other_checkouts(ports, synced)
    return changed


async def _conclude(
    ports: Ports, provider: Provider, snapshot: Subscription, who: str, why: str, evidence: str
) -> SyncResult:
    known, state = await ports.ledger.load_with_member(snapshot.key)
    if known is None:
        ports.arrivals.see_sold(provider.name, snapshot.created_at, ports.clock.now())
    if known is None or known.binding is None:
        snapshot = await find_payer(ports, provider, snapshot)
    else:
        snapshot = confirm(known, snapshot)
    binding = snapshot.binding
    synced = SyncResult(snapshot, who, why, evidence, ports.now())
    if binding is None:
        return replace(synced, notices=await propose(ports, snapshot))
    if state is None:
        state = await ports.ledger.load_member_state(binding.guild_id, binding.member_id)
    now = ports.now()
    block = block_in(state, snapshot, now)
    begins = _begins(ports, known, snapshot)
    notices = (
        *_unmapped(snapshot, binding, state.plans, now),
        *await milestones(
            ports,
            provider,
            known,
            snapshot,
            state.plans,
            started=begins and snapshot.bound_by is BoundBy.PAGE and not _in_force(block, now),
            blocked=block is not None,
        ),
        *(paid_while_blocked(snapshot, binding, block, now) if begins else ()),
        *(paid_twice(state, known, snapshot, binding, now) if block is None else ()),
    )
    intents = () if block is None else await _stop_blocked(ports, snapshot, block)
    barred_by = block if begins and block and snapshot.key not in block.subscriptions else None
    return replace(synced, notices=notices, intents=intents, barred_by=barred_by)


def _begins(ports: Ports, known: Subscription | None, snapshot: Subscription) -> bool:
    """Return True if the subscription now gives access and was not an active one of this member before."""
    new = known is None or known.binding is None or known.status is Status.PENDING
    return new and decide_right(snapshot, ports.now(), ports.grace) is not None


def _in_force(block: Override | None, now: int) -> bool:
    return block is not None and block.starts_at <= now


def _unmapped(
    snapshot: Subscription, binding: Binding, plans: Sequence[Plan], now: int
) -> tuple[Notice, ...]:
    if snapshot.status is Status.ENDED:
        return ()
    products = {
        item.price.product_id: item.price
        for item in snapshot.items
        if not plans_of(replace(snapshot, items=(item,)), plans)
    }
    return tuple(
        Notice(
            key=f"unmapped:{binding.guild_id}:{price.provider}:{price.account}:{product}",
            guild_id=binding.guild_id,
            member_id=None,
            body=UnmappedProduct(binding.member_id, price.provider, price.id, product),
            created_at=now,
        )
        for product, price in products.items()
    )


async def _stop_blocked(ports: Ports, snapshot: Subscription, block: Override) -> tuple[Intent, ...]:
    """Return an intent to stop the renewal of a revoked subscription, even one resumed at the provider.

    Empty if it does not renew, or if an earlier request still stops it.
    """
    if not snapshot.renews:
        return ()
    now = ports.now()
    intents = await ports.ledger.load_intents_of(snapshot.key)
    if any(_still_stops(intent, now) for intent in intents):
        return ()
    stop = Intent(
        id=f"{block.decision_id}-{snapshot.key.id}-{len(intents)}",
        kind=stopping(snapshot),
        key=snapshot.key,
        by=block.by,
        reason=f"history.revoked: {block.reason}" if block.reason else "history.revoked",
        created_at=now,
        next_attempt_at=now,
    )
    return (stop,)


def _still_stops(intent: Intent, now: int) -> bool:
    """Return True if the intent is a cancellation that is pending, or was refused only recently.

    If it was refused recently, a new one would be refused too.
    """
    if intent.kind not in (IntentKind.CANCEL_AT_PERIOD_END, IntentKind.CANCEL_NOW):
        return False
    rests = intent.state is IntentState.FAILED and intent.next_attempt_at + REFUSED_REST > now
    return intent.state is IntentState.PENDING or rests
