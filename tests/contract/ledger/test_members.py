"""Members to converge: marked, tried again, due, parked, looked at now and then."""

from __future__ import annotations

from billing.model import Binding, Change, MemberState, Status
from billing.model.translatable_text import Text
from billing.ports import Ledger
from tests.contract.ledger.nouns import (
    ANNA,
    BERT,
    FAR,
    GUILD,
    KEY,
    OTHER_GUILD,
    event,
    intent,
    marks,
    notice,
    override,
    plan,
    reconcile,
    ring,
    settle,
    subscription,
    sync,
    the_stale,
)


async def mark(ledger: Ledger, *members: Binding, at: int = 10) -> None:
    await ledger.record_queued_members(members, "sweep", at)


async def test_a_queued_member_stays_queued_until_reconciled(ledger: Ledger) -> None:
    await mark(ledger, ANNA)
    (found,) = await ledger.load_queued_members(10, 9)
    assert Binding(found.guild_id, found.member_id) == ANNA
    assert (await ledger.load_health(25)).oldest_member_age == 15
    await reconcile(ledger, found)
    assert await marks(ledger) == {}
    assert (await ledger.load_health(25)).oldest_member_age is None


async def test_a_member_queued_again_meanwhile_stays_queued(ledger: Ledger) -> None:
    await mark(ledger, ANNA)
    taken = (await marks(ledger))[ANNA]
    await mark(ledger, ANNA, at=11)
    await reconcile(ledger, taken)
    again = (await marks(ledger))[ANNA]
    assert again.version > taken.version
    await reconcile(ledger, again)
    assert await marks(ledger) == {}


async def test_queue_versions_of_a_member_go_on_after_a_reconciliation(ledger: Ledger) -> None:
    await mark(ledger, ANNA)
    first = (await marks(ledger))[ANNA]
    await reconcile(ledger, first)
    await mark(ledger, ANNA)
    await reconcile(ledger, first)
    assert set(await marks(ledger)) == {ANNA}


async def test_the_longest_waiting_member_is_loaded_first(ledger: Ledger) -> None:
    await mark(ledger, BERT, at=11)
    await mark(ledger, ANNA, at=10)
    await mark(ledger, ANNA, at=12)
    assert list(await marks(ledger, 12)) == [ANNA, BERT]
    assert [m.member_id for m in await ledger.load_queued_members(12, 1)] == [ANNA.member_id]
    assert list(await marks(ledger, 10)) == [ANNA]


async def test_a_failed_reconciliation_waits_and_counts_until_queued_again(ledger: Ledger) -> None:
    await mark(ledger, ANNA)
    await ledger.record_reconcile_failed((await marks(ledger))[ANNA], "down", 60)
    assert await marks(ledger, 59) == {}
    assert (await marks(ledger, 60))[ANNA].attempts == 1
    assert await ledger.load_next_due(10) == 60
    await mark(ledger, ANNA, at=20)
    assert set(await marks(ledger, 20)) == {ANNA}


async def test_a_failed_reconciliation_does_not_postpone_a_reason_that_came_meanwhile(ledger: Ledger) -> None:
    await mark(ledger, ANNA)
    taken = (await marks(ledger))[ANNA]
    await mark(ledger, ANNA, at=11)
    await ledger.record_reconcile_failed(taken, "down", 60)
    assert (await marks(ledger, 11))[ANNA].attempts == 1


async def test_a_reconciliation_resets_the_count_of_attempts(ledger: Ledger) -> None:
    await mark(ledger, ANNA)
    await ledger.record_reconcile_failed((await marks(ledger))[ANNA], "down", 60)
    await settle(ledger)
    await mark(ledger, ANNA)
    assert (await marks(ledger))[ANNA].attempts == 0


async def test_one_read_loads_all_that_decides_a_members_roles(ledger: Ledger) -> None:
    assert await ledger.load_member_state(*_ids(ANNA)) == MemberState((), (), (), frozenset())
    gold = await ledger.record_plan(plan(), "1", 10)
    gone = await ledger.record_plan(plan("Old", removed_at=10), "1", 10)
    await ledger.record_plan(plan(guild_id=OTHER_GUILD), "1", 10)
    await sync(ledger, subscription(binding=ANNA))
    await sync(ledger, subscription("sub_2", binding=Binding(OTHER_GUILD, ANNA.member_id)))
    await sync(ledger, subscription("sub_3", binding=BERT))
    await ledger.record_overrides([override(), override("d2", member_id=BERT.member_id)], [], [], 10)
    await ledger.record_granting(*_ids(ANNA), 71, 10)
    await ledger.record_granting(*_ids(BERT), 72, 10)
    state = await ledger.load_member_state(*_ids(ANNA))
    assert state.plans == (gold, gone)
    assert state.subscriptions == (subscription(binding=ANNA),)
    assert [o.decision_id for o in state.overrides] == ["dec_1"]
    assert state.granted == {71}
    assert state.parked == ()


async def test_a_subscription_is_loaded_with_all_that_decides_its_members_roles(ledger: Ledger) -> None:
    assert await ledger.load_with_member(KEY) == (None, None)
    await sync(ledger, subscription())
    assert await ledger.load_with_member(KEY) == (subscription(), None)
    await sync(ledger, subscription(binding=ANNA))
    await sync(ledger, subscription("sub_2", binding=ANNA))
    await sync(ledger, subscription("sub_3", binding=BERT))
    await ledger.record_granting(*_ids(ANNA), 71, 10)
    state = await ledger.load_member_state(*_ids(ANNA))
    assert {one.key.id for one in state.subscriptions} == {"sub_1", "sub_2"}
    assert await ledger.load_with_member(KEY) == (subscription(binding=ANNA), state)


async def test_a_members_state_names_what_their_roles_wait_for(ledger: Ledger) -> None:
    await sync(ledger, subscription(binding=ANNA))
    await sync(ledger, subscription("sub_2", binding=Binding(OTHER_GUILD, ANNA.member_id)))
    assert not (await ledger.load_member_state(*_ids(ANNA))).stale
    await ledger.record_stale([KEY], "sweep", 30)
    assert (await ledger.load_member_state(*_ids(ANNA))).stale
    assert not (await ledger.load_member_state(OTHER_GUILD, ANNA.member_id)).stale
    await sync(ledger, subscription(binding=ANNA), version=(await the_stale(ledger)).version)
    assert not (await ledger.load_member_state(*_ids(ANNA))).stale
    await reconcile(ledger, (await marks(ledger))[ANNA], due_at=50)
    assert (await ledger.load_member_state(*_ids(ANNA))).due_at == 50
    await ledger.record_due(50)
    state = await ledger.load_member_state(*_ids(ANNA))
    assert (state.due_at, state.stale) == (None, True)


def _ids(member: Binding) -> tuple[int, int]:
    return (member.guild_id, member.member_id)


async def test_a_role_is_recorded_as_granted_until_it_is_gone(ledger: Ledger) -> None:
    for role in (71, 72, 73, 71):
        await ledger.record_granting(*_ids(ANNA), role, 10)
    await mark(ledger, ANNA, BERT)
    found = await marks(ledger)
    await reconcile(ledger, found[BERT], gone=(71,))
    await reconcile(ledger, found[ANNA], gone=(72, 99))
    assert (await ledger.load_member_state(*_ids(ANNA))).granted == {71, 73}


async def test_a_reconciliation_is_recorded_with_its_notices(ledger: Ledger) -> None:
    change = Change(30, *_ids(ANNA), "roles", "timer", "why", "evt", "1", "2")
    await mark(ledger, ANNA)
    await reconcile(ledger, (await marks(ledger))[ANNA], changes=[change], notices=[notice()])
    assert await ledger.load_history(*_ids(ANNA), 9) == [change]
    assert await ledger.load_notices(30, 9) == [notice()]


async def test_parked_members_are_listed_with_their_reason_until_queued_again(ledger: Ledger) -> None:
    await mark(ledger, ANNA, BERT)
    found = await marks(ledger)
    await reconcile(ledger, found[ANNA], parked=(Text("error.role_gone"), "It is above."))
    await reconcile(ledger, found[BERT])
    assert await marks(ledger) == {}
    assert await ledger.load_parked(GUILD, 0, 999) == [
        (ANNA.member_id, (Text("error.role_gone"), "It is above."))
    ]
    assert await ledger.load_parked(OTHER_GUILD, 0, 999) == []
    assert (await ledger.load_member_state(*_ids(ANNA))).parked == (Text("error.role_gone"), "It is above.")
    await mark(ledger, ANNA)
    assert await ledger.load_parked(GUILD, 0, 999) == []
    assert set(await marks(ledger)) == {ANNA}


async def test_members_whose_time_has_come_are_queued_with_their_subscriptions(ledger: Ledger) -> None:
    await sync(ledger, subscription(binding=ANNA))
    await sync(ledger, subscription("over", status=Status.ENDED, binding=ANNA))
    await sync(ledger, subscription("other", binding=BERT))
    found = await marks(ledger)
    await reconcile(ledger, found[ANNA], due_at=100)
    await reconcile(ledger, found[BERT], due_at=101)
    assert await ledger.load_next_due(30) == 100
    assert await ledger.record_due(99) == 0
    assert await ledger.record_due(100) == 1
    assert set(await marks(ledger, 100)) == {ANNA}
    assert (await the_stale(ledger, 100)).key == KEY
    assert await ledger.record_due(100) == 0
    assert await ledger.load_next_due(100) == 101


async def test_a_subscription_whose_paid_time_ended_is_fetched_however_late(ledger: Ledger) -> None:
    for name, until in (("long over", 99), ("just over", 100)):
        ended = subscription(name, status=Status.ENDED, binding=ANNA, paid_through=until)
        await sync(ledger, ended)
    await reconcile(ledger, (await marks(ledger))[ANNA], due_at=100)
    await ledger.record_due(FAR)
    assert (await the_stale(ledger, FAR)).key.id == "just over"


async def test_very_many_members_can_be_due_at_one_moment(ledger: Ledger) -> None:
    crowd = [Binding(GUILD, n) for n in range(2_500)]
    await mark(ledger, *crowd)
    for found in await ledger.load_queued_members(10, 9_999):
        await reconcile(ledger, found, due_at=100)
    assert await ledger.record_due(100) == len(crowd)
    assert len(await ledger.load_queued_members(100, 9_999)) == len(crowd)


async def test_the_next_due_moment_covers_every_queue(ledger: Ledger) -> None:
    assert await ledger.load_next_due(0) is None
    await ledger.record_intent(intent(next_attempt_at=50))
    assert await ledger.load_next_due(10) == 50
    await ledger.record_notice(notice(created_at=10))
    await ledger.record_notice_failed("told_1", 40)
    assert await ledger.load_next_due(10) == 40
    await ring(ledger, event(), [KEY], 10)
    await ledger.record_fetch_failed(await the_stale(ledger), "down", 30)
    assert await ledger.load_next_due(10) == 30
    assert await ledger.load_next_due(30) == 40
    assert await ledger.load_next_due(50) is None


async def test_a_sweep_checks_the_longest_unchecked_members_first(ledger: Ledger) -> None:
    carl = Binding(GUILD, 13)
    for n, member in enumerate((BERT, ANNA, carl)):
        await ledger.record_granting(*_ids(member), 71, 10)
        await mark(ledger, member)
        assert await ledger.load_members_to_check(FAR, 9) == [BERT, ANNA][:n]  # the marked are under way
        await settle(ledger, at=20 + n)
    assert await ledger.load_members_to_check(FAR, 2) == [BERT, ANNA]
    assert await ledger.load_members_to_check(22, 9) == [BERT, ANNA]
    await mark(ledger, BERT)
    assert await ledger.load_members_to_check(FAR, 9) == [ANNA, carl]


async def test_a_sweep_checks_members_with_roles_or_rights_and_parked_ones(ledger: Ledger) -> None:
    payer, decided, was, holder, parked, nobody, lifted = (Binding(GUILD, n) for n in range(1, 8))
    await sync(ledger, subscription("a", binding=payer))
    await sync(ledger, subscription("b", binding=was, status=Status.ENDED))
    await ledger.record_overrides([override("d1", member_id=decided.member_id)], [], [], 10)
    await ledger.record_overrides([override("d2", member_id=lifted.member_id)], [], [], 10)
    await ledger.record_lifted("d2", 1, "", 11)
    await ledger.record_granting(*_ids(holder), 71, 10)
    await mark(ledger, payer, decided, was, holder, parked, nobody, lifted)
    for member, found in (await marks(ledger)).items():
        await reconcile(ledger, found, parked=("Gone.",) if member == parked else ())
    assert set(await ledger.load_members_to_check(FAR, 9)) == {payer, decided, holder, parked}


async def test_a_checked_member_goes_to_the_end_of_the_sweep(ledger: Ledger) -> None:
    for n, member in enumerate((BERT, ANNA)):
        await ledger.record_granting(*_ids(member), 71, 10)
        await mark(ledger, member)
        await settle(ledger, at=20 + n)
    await ledger.record_checked([BERT, Binding(GUILD, 99)], 40)
    assert await ledger.load_members_to_check(FAR, 9) == [ANNA, BERT]
