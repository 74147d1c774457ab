"""Each change writes its events in the same transaction, and a repeated one writes none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.model import (
    Binding,
    BoundBy,
    Change,
    DisputeState,
    Ended,
    IntentKind,
    IntentState,
    Item,
    Money,
    OverrideKind,
    Refunded,
    Status,
    Subscription,
)
from billing.model.outbox import (
    AccessGiven,
    AccessTaken,
    EndReason,
    GrantMade,
    NoticeQueued,
    OutboxBody,
    PaymentDisputed,
    PaymentRefunded,
    PlanChanged,
    PlanCreated,
    PlanPrice,
    PlanRemoved,
    RevocationLifted,
    RevocationMade,
    SubscriptionChanged,
    SubscriptionEnded,
    SubscriptionLinked,
    SubscriptionPaymentFailed,
    SubscriptionRecovered,
    SubscriptionRenewalResumed,
    SubscriptionRenewalStopped,
    SubscriptionRenewed,
    SubscriptionStarted,
    SubscriptionSwitched,
    SubscriptionTrialStarted,
    SubscriptionUnlinked,
)
from billing.ports import Ledger
from tests.contract.ledger.nouns import (
    ADMIN,
    ANNA,
    BERT,
    GUILD,
    KEY,
    OTHER_GUILD,
    event,
    intent,
    marks,
    notice,
    override,
    plan,
    price,
    reconcile,
    subscription,
    sync,
)

PAID = subscription(binding=ANNA, period_start=10, period_end=50)
LATER = replace(PAID, period_start=50, period_end=90)


async def written(ledger: Ledger, after: int = 0) -> list[OutboxBody]:
    return [found.body for found in await ledger.load_outbox(after, 99)]


async def kinds(ledger: Ledger, after: int = 0) -> list[type]:
    return [type(body) for body in await written(ledger, after)]


async def newest(ledger: Ledger) -> int:
    return max((found.sequence for found in await ledger.load_outbox(0, 99)), default=0)


CHANGES: dict[str, tuple[Subscription, Subscription, list[type]]] = {
    "a renewal": (PAID, LATER, [SubscriptionRenewed]),
    "a failed payment": (PAID, replace(LATER, status=Status.PAST_DUE), [SubscriptionPaymentFailed]),
    "retries given up": (
        replace(PAID, status=Status.PAST_DUE, unpaid_since=20),
        replace(PAID, status=Status.UNPAID, unpaid_since=20),
        [SubscriptionChanged],
    ),
    "a payment after all": (
        replace(LATER, status=Status.PAST_DUE, unpaid_since=50),
        LATER,
        [SubscriptionRecovered],
    ),
    "a cancellation": (PAID, replace(PAID, ends_at=50), [SubscriptionRenewalStopped]),
    "a cancellation undone": (replace(PAID, ends_at=50), PAID, [SubscriptionRenewalResumed]),
    "a renewal and a cancellation": (
        replace(PAID, ends_at=50),
        replace(LATER, ends_at=90),
        [SubscriptionRenewed, SubscriptionRenewalStopped],
    ),
    "free days that end": (
        replace(PAID, status=Status.TRIALING, trial_end=50),
        replace(LATER, trial_end=50),
        [SubscriptionRenewed],
    ),
    "another plan": (PAID, replace(PAID, items=(Item(price("p2", "prod_2")),)), [SubscriptionSwitched]),
    "a dispute": (PAID, replace(PAID, dispute=DisputeState.OPEN), [PaymentDisputed]),
    "a pause": (PAID, replace(PAID, status=Status.PAUSED), [SubscriptionChanged]),
    "an end": (PAID, replace(PAID, status=Status.ENDED), [SubscriptionEnded]),
    "nothing that shows": (PAID, replace(PAID, provider_status="fine"), []),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_changed_snapshot_writes_the_events_that_describe_it(ledger: Ledger, what: str) -> None:
    await ledger.record_plan(plan(), "1", 10)
    await ledger.record_plan(plan("Silver", prices=(price("p2", "prod_2"),)), "1", 10)
    old, new, wanted = CHANGES[what]
    await sync(ledger, old)
    before = await newest(ledger)
    await sync(ledger, new, at=40)
    assert await kinds(ledger, before) == wanted
    await sync(ledger, new, at=41)
    assert await kinds(ledger, before) == wanted, "a repeated snapshot changes nothing"
    assert {found.at for found in await ledger.load_outbox(before, 9)} <= {40}


FIRST: dict[str, tuple[Subscription, list[type]]] = {
    "a purchase": (PAID, [SubscriptionStarted]),
    "free days": (replace(PAID, status=Status.TRIALING), [SubscriptionTrialStarted]),
    "one of before": (replace(PAID, bound_by=BoundBy.PROVIDER, ends_at=50), [SubscriptionLinked]),
    "an unpaid page": (replace(PAID, status=Status.PENDING), []),
    "a page that came to nothing": (replace(PAID, status=Status.ENDED), []),
    "paid and cancelled unseen": (
        replace(PAID, status=Status.ENDED, paid_through=50),
        [SubscriptionStarted, SubscriptionEnded],
    ),
    "of nobody": (replace(PAID, binding=None), []),
}


@pytest.mark.parametrize("what", FIRST)
async def test_a_first_snapshot_writes_how_the_subscription_began(ledger: Ledger, what: str) -> None:
    snapshot, wanted = FIRST[what]
    await sync(ledger, snapshot)
    assert await kinds(ledger) == wanted


async def test_an_event_names_server_member_plan_and_what_each_period_costs(ledger: Ledger) -> None:
    gold = await ledger.record_plan(plan(), str(ADMIN), 10)
    await sync(ledger, PAID, at=20)
    _, found = await ledger.load_outbox(0, 9)
    assert (found.guild_id, found.member_id, found.at) == (GUILD, ANNA.member_id, 20)
    assert isinstance(found.body, SubscriptionStarted)
    facts = found.body.subscription
    assert (facts.key, facts.plans, facts.prices) == (KEY, (gold.id,), ("price_1",))
    assert [charge.amount for charge in facts.charges] == [Money(500, "eur")]
    assert found.body.before is None
    await sync(ledger, LATER, at=40)
    renewed = (await written(ledger))[-1]
    assert isinstance(renewed, SubscriptionRenewed)
    assert renewed.before == facts


@pytest.mark.parametrize(
    ("old", "fields", "block", "reason"),
    [
        (PAID, {}, None, EndReason.WANTED),
        (replace(PAID, status=Status.PAST_DUE), {}, None, EndReason.UNPAID),
        (PAID, {}, override(), EndReason.REVOKED),
        (replace(PAID, dispute=DisputeState.LOST), {}, None, EndReason.DISPUTED),
    ],
)
async def test_the_end_of_a_subscription_says_why(
    ledger: Ledger, old: Subscription, fields: dict[str, Any], block: Any, reason: EndReason
) -> None:
    await ledger.record_plan(plan(), "1", 10)
    await sync(ledger, old)
    await ledger.record_overrides([block] if block else [], [], [], 30)
    await sync(ledger, replace(old, status=Status.ENDED, **fields), at=40)
    ended = (await written(ledger))[-1]
    assert isinstance(ended, SubscriptionEnded)
    assert ended.reason is reason


async def test_a_link_and_its_undoing_are_events_of_that_member(ledger: Ledger) -> None:
    await sync(ledger, replace(PAID, binding=None))
    assert await written(ledger) == []
    await ledger.record_binding(KEY, BERT, str(ADMIN), "cmd", 20, BoundBy.ADMIN)
    await ledger.record_binding(KEY, BERT, str(ADMIN), "cmd", 21, BoundBy.ADMIN)
    await ledger.record_unbound(KEY, GUILD, str(ADMIN), 22, [])
    linked, unlinked = await ledger.load_outbox(0, 9)
    assert [linked.member_id, unlinked.member_id] == [BERT.member_id] * 2
    assert isinstance(linked.body, SubscriptionLinked)
    assert isinstance(unlinked.body, SubscriptionUnlinked)
    assert linked.body.by == unlinked.body.by == ADMIN


async def test_given_and_taken_roles_are_events(ledger: Ledger) -> None:
    change = Change(30, GUILD, ANNA.member_id, "roles", "converge", "history.paid", "mark 1", "72", "71")
    await ledger.record_queued_members([ANNA], "test", 20)
    await reconcile(ledger, (await marks(ledger))[ANNA], changes=(replace(change, given=(71,), taken=(72,)),))
    await sync(ledger, None, changes=(replace(change, given=(73,)),))
    assert await written(ledger) == [
        AccessGiven(roles=(71,), why="history.paid"),
        AccessTaken(roles=(72,), why="history.paid"),
        AccessGiven(roles=(73,), why="history.paid"),
    ]


async def test_decisions_of_admins_are_one_event_each(ledger: Ledger) -> None:
    grant = override("free", kind=OverrideKind.GRANT, plan_id=1, until=90)
    blocks = [override(plan_id=1, starts_at=50), override(plan_id=2, starts_at=40)]
    await ledger.record_overrides([grant], [], [], 10)
    await ledger.record_overrides(blocks, [], [], 10)
    await ledger.record_lifted("dec_1", ADMIN, "sorry", 40)
    await ledger.record_lifted("dec_1", ADMIN, "again", 41)
    granted = GrantMade(decision="free", by=ADMIN, reason="rude", plans=(1,), starts_at=10, until=90)
    revoked = RevocationMade(decision="dec_1", by=ADMIN, reason="rude", plans=(1, 2), starts_at=40)
    lifted = RevocationLifted(decision="dec_1", by=ADMIN, reason="sorry", plans=(1, 2), starts_at=40)
    assert await written(ledger) == [granted, revoked, lifted]


async def test_a_plan_that_is_created_edited_and_removed_writes_an_event_each(ledger: Ledger) -> None:
    gold = await ledger.record_plan(plan(), str(ADMIN), 10)
    await ledger.record_plan(gold, str(ADMIN), 11)
    await ledger.record_plan(replace(gold, name="Golden"), str(ADMIN), 12)
    await ledger.record_plan(replace(gold, removed_at=13), str(ADMIN), 13)
    found = await ledger.load_outbox(0, 9, GUILD)
    assert [type(e.body) for e in found] == [PlanCreated, PlanChanged, PlanRemoved]
    sold = PlanPrice("stripe", "price_1", Money(500, "eur"), "month")
    assert found[0].body == PlanCreated(plan=gold.id, name="Gold", roles=(71, 72), prices=(sold,), by=ADMIN)
    assert [e.member_id for e in found] == [None] * 3


async def test_a_notice_is_an_event_once(ledger: Ledger) -> None:
    for _ in range(2):
        await ledger.record_notice(notice())
    await ledger.record_notice(notice(body=Ended("Gold", KEY, given=(71,))))
    assert await written(ledger) == [NoticeQueued(kind="ended", key="told_1")]


async def test_a_refund_is_an_event_once_it_is_done_and_only_once(ledger: Ledger) -> None:
    await sync(ledger, PAID)
    before = await newest(ledger)
    asked = intent(kind=IntentKind.REFUND_LAST_PAYMENT, by=ADMIN, payment_id="pay_1")
    await ledger.record_intent(asked)
    await ledger.record_intent_outcome(replace(asked, attempts=1), None, [], 30)
    assert await written(ledger, before) == []
    done = replace(asked, state=IntentState.DONE, refunded=Money(500, "eur"))
    for at in (31, 32):
        await ledger.record_intent_outcome(done, None, [], at)
    (refund,) = await ledger.load_outbox(before, 9)
    assert refund.at == 31
    assert refund.body == PaymentRefunded(
        subscription=KEY, payment="pay_1", amount=Money(500, "eur"), by=ADMIN
    )


async def test_a_refund_in_the_dashboard_is_an_event_with_its_notice(ledger: Ledger) -> None:
    body = Refunded("Gold", KEY, Money(200, "eur"), "pay_1")
    await ledger.record_notice(notice("refunded", body=body))
    assert (await written(ledger))[1:] == [
        PaymentRefunded(subscription=KEY, payment="pay_1", amount=Money(200, "eur"))
    ]


async def test_ingest_writes_no_event(ledger: Ledger) -> None:
    await ledger.record_events([event()], 10)
    await ledger.record_located(event(), [KEY], 10)
    assert await written(ledger) == []


async def test_events_are_read_in_order_from_a_cursor_by_server_and_member(ledger: Ledger) -> None:
    elsewhere = Binding(OTHER_GUILD, ANNA.member_id)
    for at, whose in enumerate((ANNA, BERT, elsewhere, ANNA), 20):
        await sync(ledger, subscription(f"sub_{at}", binding=whose, customer_id=f"c{at}"), at=at)
    every = await ledger.load_outbox(0, 9)
    assert [e.at for e in every] == [20, 21, 22, 23]
    assert len({e.id for e in every}) == 4
    assert await ledger.load_outbox(0, 2) == every[:2]
    assert await ledger.load_outbox(every[1].sequence, 9) == every[2:]
    assert [e.at for e in await ledger.load_outbox(0, 9, GUILD)] == [20, 21, 23]
    assert [e.at for e in await ledger.load_outbox(0, 9, GUILD, ANNA.member_id)] == [20, 23]
    assert [e.at for e in await ledger.load_newest_events(GUILD, ANNA.member_id, 1)] == [23]
    assert await ledger.load_sequence_before(GUILD, 20) == 0
    assert await ledger.load_sequence_before(GUILD, 23) == every[1].sequence
