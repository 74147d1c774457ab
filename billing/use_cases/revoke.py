"""Lets an admin end a member's access and stop the billing; use_cases/lift.py undoes the decision."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from billing.errors import ProviderError
from billing.model import (
    PAID,
    Intent,
    IntentKind,
    IntentState,
    Money,
    Notice,
    Override,
    OverrideKind,
    Payment,
    Plan,
    Revoked,
    Status,
    Subscription,
    SubscriptionKey,
)
from billing.model.translatable_text import Text
from billing.ports import Ports
from billing.rules.access import decide_paid, plans_of
from billing.use_cases.cancel import PATIENCE
from billing.use_cases.execute_intent import execute_intent, execute_intent_shielded, stopping
from billing.use_cases.expire_checkouts import expire_checkouts
from billing.use_cases.sync import record_snapshot

LOOK_AGAIN = 5.0  # real seconds
PAID_DAYS = "history.paid_days"


@dataclass(frozen=True, slots=True)
class RevokeRequest:
    """An admin's request to revoke access.

    `plan_id` None: every plan of the server. `at_once`: `when:now`, so not only at the end of the period.
    """

    guild_id: int
    member_id: int
    plan_id: int | None
    at_once: bool
    refund: bool
    reason: str
    by: int


@dataclass(frozen=True, slots=True)
class AffectedSubscription:
    """A subscription that a revocation would stop.

    `payment`: its last payment, if a refund was asked for; `fault`: why the payment could not be looked up.
    """

    subscription: Subscription
    plans: tuple[Plan, ...]
    payment: Payment | None = None
    fault: Text | str = ""

    @property
    def refundable(self) -> Money | None:
        """The amount that a refund would return; None if there is nothing to refund."""
        if self.payment is None or self.payment.refundable.amount <= 0:
            return None
        return self.payment.refundable


@dataclass(frozen=True, slots=True)
class Revocation:
    """A recorded revocation.

    Intents that are still PENDING are executed later by the worker. `until`: the end of what access the
    member keeps, in unix seconds; None: they keep nothing.
    """

    decision_id: str
    order: RevokeRequest
    affected: tuple[AffectedSubscription, ...]
    intents: tuple[Intent, ...]
    ended_grants: bool = False
    until: int | None = None


async def preview_revoke(ports: Ports, order: RevokeRequest) -> list[AffectedSubscription]:
    """Return the subscriptions that the revocation would stop, with their refundable payments.

    Empty if the member has none; in that case the revocation only keeps them from subscribing.

    To revoke at the end of the period, that end must be right, so the provider is asked first; if it does not
    answer, the recorded data counts.
    """
    affected = await _load_affected(ports, order)
    if not order.at_once:
        await asyncio.gather(*(_look_again(ports, one.subscription.key) for one in affected))
        affected = await _load_affected(ports, order)
    if not order.refund:
        return affected
    return list(await asyncio.gather(*(with_payment(ports, one) for one in affected)))


async def _load_affected(ports: Ports, order: RevokeRequest) -> list[AffectedSubscription]:
    state = await ports.ledger.load_member_state(order.guild_id, order.member_id)
    affected = []
    for subscription in state.subscriptions:
        plans = tuple(plans_of(subscription, state.plans))
        wanted = order.plan_id is None or order.plan_id in {p.id for p in plans}
        if wanted and _has_time_left(subscription, ports.now()):
            affected.append(AffectedSubscription(subscription, plans))
    return affected


async def load_grants(ports: Ports, order: RevokeRequest) -> list[Override]:
    """Return the member's grants that the revocation would end, or shorten if their days were paid."""
    standing = await ports.ledger.load_overrides(order.guild_id, order.member_id, ports.now())
    return [o for o in standing if o.kind is OverrideKind.GRANT and order.plan_id in (None, o.plan_id)]


async def _look_again(ports: Ports, key: SubscriptionKey) -> None:
    try:
        async with ports.locks.lock(key):
            provider = ports.provider_of(key)
            snapshot = await provider.fetch_subscription(key.id)
            await record_snapshot(ports, provider, snapshot, "provider", "fetched", "/revoke")
    except ProviderError:
        return


def _has_time_left(subscription: Subscription, now: int) -> bool:
    return subscription.status is not Status.ENDED or (subscription.paid_through or 0) > now


async def with_payment(ports: Ports, affected: AffectedSubscription) -> AffectedSubscription:
    """Return the subscription with its last payment, or with the reason why the payment is not known."""
    subscription = affected.subscription
    try:
        payment = await ports.provider_of(subscription.key).fetch_last_payment(subscription)
    except ProviderError as error:
        return replace(affected, fault=error.user_message)
    return replace(affected, payment=payment)


async def _as_seen(
    ports: Ports, order: RevokeRequest, seen: Sequence[AffectedSubscription]
) -> list[AffectedSubscription]:
    """Return the subscriptions that the revocation would stop now, with the payments that the admin saw.

    Payments that were not shown are looked up when they are refunded.
    """
    unseen = Text("error.payment_not_looked_up") if order.refund else ""
    shown = {one.subscription.key: (one.payment, one.fault) for one in seen}
    affected = []
    for one in await _load_affected(ports, order):
        payment, fault = shown.get(one.subscription.key, (None, unseen))
        affected.append(replace(one, payment=payment, fault=fault))
    return affected


async def is_refund_changed(ports: Ports, order: RevokeRequest, seen: Sequence[AffectedSubscription]) -> bool:
    """Return True if the refund would now differ from what the admin saw.

    A provider that does not answer soon does not delay the decision; in that case the shown amounts count.
    """
    if not order.refund:
        return False
    try:
        async with asyncio.timeout(LOOK_AGAIN):
            now = await asyncio.gather(*(with_payment(ports, one) for one in seen))
    except TimeoutError:
        return False
    pairs = zip(seen, now, strict=True)
    return any(not new.fault and not old.fault and new.payment != old.payment for old, new in pairs)


async def revoke(
    ports: Ports, order: RevokeRequest, seen: Sequence[AffectedSubscription] | None = None
) -> Revocation:
    """Record the decision, which by itself ends the access; then stop the billing and refund.

    If the provider does not answer, the worker tries again later. `seen`: the subscriptions that the admin
    was shown; with them, the decision does not wait for a provider.
    """
    affected = await preview_revoke(ports, order) if seen is None else await _as_seen(ports, order, seen)
    decision = secrets.token_hex(8)
    now = ports.now()
    intents = [i for a in affected for i in _intents(order, a, decision, now)]
    grants = await load_grants(ports, order)
    free = [o.decision_id for o in grants if not o.is_paid]
    blocks = _blocks(order, affected, decision, now, grants)
    notice = Notice(
        key=f"revoked:{decision}",
        guild_id=order.guild_id,
        member_id=order.member_id,
        body=Revoked(
            decision,
            order.reason,
            await _names(ports, order, affected, grants),
            _until(blocks, now),
            *_given_back(intents, affected),
            shut_out=not affected and not grants,
        ),
        created_at=now,
    )
    decided = blocks + _paid_days(order, affected, decision, now)
    await ports.ledger.record_overrides(decided, intents, [notice], now, replaces=free)
    done = [await execute_or_join(ports, intent) for intent in intents]
    plan_ids = None if order.plan_id is None else [order.plan_id]
    await expire_checkouts(ports, order.guild_id, order.member_id, plan_ids)
    return Revocation(decision, order, tuple(affected), tuple(done), bool(grants), _until(blocks, now))


def stays_until(
    order: RevokeRequest, affected: Sequence[AffectedSubscription], grants: Sequence[Override], now: int
) -> int | None:
    """Return when the last of the access would end, in unix seconds; None if all would end immediately."""
    return _until(_blocks(order, affected, "", now, grants), now)


async def _names(
    ports: Ports, order: RevokeRequest, affected: Sequence[AffectedSubscription], grants: Sequence[Override]
) -> str:
    touched = {order.plan_id, *(p.id for a in affected for p in a.plans), *(o.plan_id for o in grants)}
    plans = await ports.ledger.load_plans(order.guild_id, removed=True)
    return ", ".join(plan.name for plan in plans if plan.id in touched)


def _given_back(
    intents: Sequence[Intent], affected: Sequence[AffectedSubscription]
) -> tuple[int, Money | None]:
    """Return the number of payments to be refunded, and the amount if it is a single, known one."""
    keys = [i.key for i in intents if i.kind is IntentKind.REFUND_LAST_PAYMENT]
    amounts = [a.refundable for a in affected if a.subscription.key in keys and a.refundable is not None]
    return len(keys), amounts[0] if len(keys) == 1 and amounts else None


async def execute_or_join(ports: Ports, intent: Intent) -> Intent:
    """Execute an intent, or the older pending intent of the same kind in its place.

    The ledger keeps only one pending intent of a kind for each subscription.
    """
    if await ports.ledger.load_intent(intent.id) is None:
        others = await ports.ledger.load_intents_of(intent.key)
        waits = (i for i in others if i.kind is intent.kind and i.state is IntentState.PENDING)
        return await execute_intent(ports, next(waits, intent))
    return await execute_intent_shielded(ports, intent)


def _blocks(
    order: RevokeRequest,
    affected: Sequence[AffectedSubscription],
    decision: str,
    now: int,
    grants: Sequence[Override] = (),
) -> list[Override]:
    """Return the blocks of a revocation.

    An immediate one has a single block. One at the end of the period has a block for each plan from the end
    of its paid time and, if all plans are meant, one for everything from the last of these ends.
    """
    ends: dict[int, int] = {}
    for one in affected:
        for plan in one.plans:
            if order.plan_id in (None, plan.id):
                ends[plan.id] = max(ends.get(plan.id, now), end_of_paid(one.subscription, now))
    for paid in grants:
        if paid.is_paid and paid.plan_id is not None:
            ends[paid.plan_id] = max(ends.get(paid.plan_id, now), paid.until or now)
    if order.at_once or not ends:
        return [_barring(_block(order, decision, order.plan_id, now, now), affected)]
    blocks = [_block(order, decision, plan_id, end, now) for plan_id, end in ends.items()]
    if order.plan_id is None:
        blocks.append(_block(order, decision, None, max(ends.values()), now))
    return [_barring(block, affected) for block in blocks]


def _barring(block: Override, affected: Sequence[AffectedSubscription]) -> Override:
    """Return the block, extended to the subscriptions that pay for its plan now.

    It then still applies if they switch to another plan.
    """
    keys = (one.subscription.key for one in affected if block.plan_id in {p.id for p in one.plans})
    return replace(block, subscriptions=tuple(keys))


def _paid_days(
    order: RevokeRequest, affected: Sequence[AffectedSubscription], decision: str, now: int
) -> list[Override]:
    """Return the remaining paid days of subscriptions that are ended immediately, as grants.

    Grants under the block wait for an Undo. A plan that the request does not name, but that the same
    subscription paid for, keeps its days.
    """
    grants = []
    for one in affected:
        until = decide_paid(one.subscription) if one.refundable is None else None
        if stop_of(one.subscription, order) is IntentKind.CANCEL_NOW and until is not None and until > now:
            named = [p for p in one.plans if order.plan_id in (None, p.id)]
            for plan in named if order.refund else one.plans:
                made = _block(order, f"{decision}-{one.subscription.key.id}{PAID}", plan.id, now, now)
                grants.append(replace(made, kind=OverrideKind.GRANT, until=until, reason=PAID_DAYS))
    return grants


def _block(order: RevokeRequest, decision: str, plan_id: int | None, starts_at: int, now: int) -> Override:
    return Override(
        id=0,
        decision_id=decision,
        guild_id=order.guild_id,
        member_id=order.member_id,
        plan_id=plan_id,
        kind=OverrideKind.BLOCK,
        starts_at=starts_at,
        until=None,
        reason=order.reason,
        by=order.by,
        created_at=now,
    )


def end_of_paid(subscription: Subscription, now: int) -> int:
    """Return the end of the paid or free trial time, in unix seconds; `now` if there is none."""
    if subscription.paid_through is not None:
        return max(subscription.paid_through, now)
    if subscription.status in (Status.TRIALING, Status.ACTIVE, Status.UNKNOWN):
        ends = [t for t in (subscription.ends_at, subscription.period_end) if t is not None]
        return max(min(ends, default=now), now)
    return now


def _until(blocks: Sequence[Override], now: int) -> int | None:
    """Return when the last of these blocks begins, in unix seconds; None if all have begun."""
    last = max(block.starts_at for block in blocks)
    return last if last > now else None


def stop_of(subscription: Subscription, order: RevokeRequest) -> IntentKind | None:
    """Return the kind of intent that stops the billing; None if the billing is already ending."""
    if order.at_once and subscription.status is not Status.ENDED:
        return IntentKind.CANCEL_NOW
    if subscription.renews or subscription.status in (Status.PENDING, Status.PAUSED):
        return stopping(subscription)
    return None


def _intents(order: RevokeRequest, affected: AffectedSubscription, decision: str, now: int) -> list[Intent]:
    subscription = affected.subscription
    stop = stop_of(subscription, order)
    kinds = [stop] if stop is not None else []
    if order.refund and (affected.fault or affected.refundable is not None):
        kinds.append(IntentKind.REFUND_LAST_PAYMENT)
    return [
        Intent(
            id=f"{decision}-{subscription.key.id}-{kind}",
            kind=kind,
            key=subscription.key,
            by=order.by,
            reason=f"history.revoked: {order.reason}" if order.reason else "history.revoked",
            created_at=now,
            next_attempt_at=now + PATIENCE,
            payment_id=affected.payment.id if affected.payment else None,
        )
        for kind in kinds
    ]
