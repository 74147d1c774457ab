"""Made-up nouns: everything that a test does not name is the same each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from billing.model import (
    Binding,
    Checkout,
    DisputeState,
    Ended,
    Event,
    Intent,
    IntentKind,
    Item,
    Notice,
    Override,
    OverrideKind,
    Plan,
    Price,
    QueuedMember,
    Status,
    Subject,
    Subscription,
    SubscriptionKey,
)
from billing.ports import Dispute, Ledger, StaleSubscription, SyncResult

GUILD, OTHER_GUILD = 2**62 + 1, 2**62 + 2
ANNA, BERT = Binding(GUILD, 2**62 + 11), Binding(GUILD, 2**62 + 12)
ADMIN = 2**62 + 99
FAR = 10_000_000


def price(id_: str = "price_1", product: str = "prod_1", **fields: Any) -> Price:
    return replace(Price("stripe", "acct", id_, product, 500, "eur", "month"), **fields)


def subscription(id_: str = "sub_1", **fields: Any) -> Subscription:
    plain = Subscription(
        SubscriptionKey("stripe", "acct", id_), f"cus_{id_}", Status.ACTIVE, "active", (Item(price()),), 5
    )
    return replace(plain, **fields)


KEY = subscription().key


def event(id_: str = "evt_1", subject: str | None = "sub_1", **fields: Any) -> Event:
    about = Subject("subscription", subject) if subject else None
    return replace(Event("stripe", "acct", id_, "customer.subscription.updated", about, 5), **fields)


def dispute(id_: str = "dp_1", state: DisputeState = DisputeState.OPEN, **fields: Any) -> Dispute:
    return replace(Dispute("stripe", "acct", id_, KEY, state), **fields)


def plan(name: str = "Gold", **fields: Any) -> Plan:
    return replace(Plan(0, GUILD, name, (71, 72), (price(),)), **fields)


def intent(
    id_: str = "intent_1", kind: IntentKind = IntentKind.CANCEL_AT_PERIOD_END, **fields: Any
) -> Intent:
    return replace(Intent(id_, kind, KEY, ANNA.member_id, "too dear", 10, next_attempt_at=10), **fields)


def notice(key: str = "told_1", **fields: Any) -> Notice:
    plain = Notice(key, GUILD, ANNA.member_id, Ended("Gold", KEY), 10)
    return replace(plain, **fields)


def override(decision: str = "dec_1", **fields: Any) -> Override:
    plain = Override(
        0, decision, GUILD, ANNA.member_id, None, OverrideKind.BLOCK, 10, None, "rude", ADMIN, created_at=10
    )
    return replace(plain, **fields)


def checkout(id_: str = "co_1", **fields: Any) -> Checkout:
    plain = Checkout(id_, "stripe", "acct", GUILD, ANNA.member_id, 1, "price_1", 10)
    return replace(plain, **fields)


async def sync(
    ledger: Ledger, snapshot: Subscription | None, at: int = 20, version: int | None = None, **fields: Any
) -> bool:
    """Record a look at the provider."""
    return await ledger.record_synced(
        SyncResult(snapshot, "provider", "fetched", "evt_1", at, version, **fields)
    )


async def ring(ledger: Ledger, event: Event, keys: list[SubscriptionKey], at: int) -> None:
    """An event comes in and is found to be about these subscriptions."""
    await ledger.record_events([event], at)
    await ledger.record_located(event, keys, at)


async def the_stale(ledger: Ledger, at: int = FAR) -> StaleSubscription:
    """The one mark there is."""
    (stale,) = await ledger.load_stale(at, 9)
    return stale


async def marks(ledger: Ledger, at: int = FAR) -> dict[Binding, QueuedMember]:
    """Every marked member."""
    return {Binding(m.guild_id, m.member_id): m for m in await ledger.load_queued_members(at, 99)}


async def reconcile(
    ledger: Ledger, mark: QueuedMember, at: int = 30, gone: tuple[int, ...] = (), **fields: Any
) -> None:
    """The member's roles are as they should be."""
    said = {"due_at": None, "parked": (), "changes": (), "notices": (), **fields}
    await ledger.record_reconciled(mark, gone, at=at, **said)


async def settle(ledger: Ledger, at: int = 30) -> None:
    """Everybody marked is reconciled."""
    for mark in (await marks(ledger)).values():
        await reconcile(ledger, mark, at)
