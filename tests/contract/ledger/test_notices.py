"""Notices, small facts, and the promises of a ledger about everything in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.errors import LedgerError, LedgerHeld, LedgerUnavailable
from billing.model import Change, Unknown
from billing.ports import Health, Ledger
from tests.contract.ledger.conftest import Opening, opened
from tests.contract.ledger.nouns import (
    ANNA,
    BERT,
    GUILD,
    KEY,
    OTHER_GUILD,
    event,
    intent,
    notice,
    ring,
    subscription,
    sync,
)


async def test_a_notice_of_a_known_key_is_not_recorded_again(ledger: Ledger) -> None:
    assert await ledger.record_notice(notice())
    assert not await ledger.record_notice(notice(body=Unknown("another")))
    assert await ledger.load_notices(10, 9) == [notice()]
    await ledger.record_told("told_1", 20, delivered=True)
    assert await ledger.load_notices(20, 9) == []
    assert not await ledger.record_notice(notice())
    assert await ledger.load_notice("told_1") == notice()
    assert await ledger.load_notice("told_2") is None


async def test_due_notices_are_loaded_oldest_first(ledger: Ledger) -> None:
    await ledger.record_notice(notice("b", created_at=12))
    await ledger.record_notice(notice("a", created_at=11, member_id=None, body=Unknown("new")))
    assert [n.key for n in await ledger.load_notices(12, 9)] == ["a", "b"]
    assert [n.key for n in await ledger.load_notices(12, 1)] == ["a"]
    await ledger.record_notice_failed("a", 50)
    assert [n.key for n in await ledger.load_notices(49, 9)] == ["b"]
    assert [n.key for n in await ledger.load_notices(50, 9)] == ["b", "a"]
    assert (await ledger.load_health(50)).notices == 2


async def test_an_undelivered_notice_is_handed_to_its_members_next_command_once(ledger: Ledger) -> None:
    for key, member in (("a", ANNA), ("b", ANNA), ("c", BERT), ("d", ANNA)):
        await ledger.record_notice(notice(key, member_id=member.member_id))
    for key in "abc":
        await ledger.record_told(key, 20, delivered=False)
    assert [n.key for n in await ledger.load_notices(20, 9)] == ["d"]
    assert [n.key for n in await ledger.load_untold(ANNA.member_id, 30)] == ["a", "b"]
    assert await ledger.load_untold(ANNA.member_id, 31) == []
    assert [n.key for n in await ledger.load_untold(BERT.member_id, 31)] == ["c"]


async def test_undelivered_notices_to_admins_are_handed_out_per_server_in_portions_once(
    ledger: Ledger,
) -> None:
    for key, guild in (("a", GUILD), ("b", GUILD), ("c", OTHER_GUILD), ("d", GUILD), ("e", GUILD)):
        await ledger.record_notice(notice(key, guild_id=guild, member_id=None))
    await ledger.record_notice(notice("anna's"))
    for key in ("a", "b", "c", "d", "anna's"):
        await ledger.record_told(key, 20, delivered=False)
    assert [n.key for n in await ledger.load_untold_to_admins(GUILD, 30, 2)] == ["a", "b"]
    assert [n.key for n in await ledger.load_untold_to_admins(GUILD, 31, 2)] == ["d"]
    assert await ledger.load_untold_to_admins(GUILD, 32, 2) == []
    assert [n.key for n in await ledger.load_untold_to_admins(OTHER_GUILD, 32, 2)] == ["c"]
    assert [n.key for n in await ledger.load_notices(32, 9)] == ["e"]
    assert [n.key for n in await ledger.load_untold(ANNA.member_id, 32)] == ["anna's"]


async def test_a_sent_notice_stays_sent_after_a_late_failure(ledger: Ledger) -> None:
    await ledger.record_notice(notice())
    await ledger.record_told("told_1", 20, delivered=True)
    await ledger.record_notice_failed("told_1", 30)
    await ledger.record_told("told_1", 21, delivered=False)
    assert await ledger.load_notices(99, 9) == []
    assert await ledger.load_untold(ANNA.member_id, 99) == []


async def test_history_holds_one_members_changes_newest_first(ledger: Ledger) -> None:
    rows = [
        Change(at, GUILD, member.member_id, "roles", "timer", "why", "evt", "", str(at))
        for at, member in ((1, ANNA), (2, BERT), (3, ANNA), (2, ANNA))
    ]
    await sync(ledger, None, changes=tuple(rows))
    assert [c.after for c in await ledger.load_history(GUILD, ANNA.member_id, 9)] == ["2", "3", "1"]
    assert [c.after for c in await ledger.load_history(GUILD, ANNA.member_id, 1)] == ["2"]
    assert await ledger.load_history(GUILD + 1, ANNA.member_id, 9) == []


async def test_small_facts_are_kept_by_name(ledger: Ledger) -> None:
    assert await ledger.load_value("commands") is None
    await ledger.record_value("commands", "1")
    await ledger.record_value("commands", "2")
    await ledger.record_value("other", "3")
    assert await ledger.load_value("commands") == "2"


async def test_health_of_an_idle_ledger(ledger: Ledger) -> None:
    assert await ledger.load_health(10) == Health(None, None, 0, 0, 0, 0)


async def test_health_tells_how_long_the_oldest_has_waited(ledger: Ledger) -> None:
    await ring(ledger, event("a"), [KEY], 10)
    await ledger.record_events([event("b")], 15)
    await ledger.record_event_failed(event("b"), "down", 400)
    await ledger.record_queued_members([ANNA], "sweep", 12)
    await ledger.record_queued_members([ANNA, BERT], "timer", 20)
    await ledger.record_intent(intent())
    assert await ledger.load_health(40) == Health(
        30.0, 28.0, 2, 2, 1, 0, oldest_stale_age=30.0, oldest_intent_age=30.0
    )


async def test_recorded_rows_survive_a_restart(open_ledger: Opening, tmp_path: Path) -> None:
    async with opened(open_ledger, tmp_path) as first:
        await ring(first, event(), [KEY], 10)
        await sync(first, subscription(binding=ANNA))
    async with opened(open_ledger, tmp_path) as second:
        assert await second.load_subscription(KEY) == subscription(binding=ANNA)
        assert [s.key for s in await second.load_stale(10, 9)] == [KEY]
        assert await second.record_events([event()], 11) == 0


async def test_a_ledger_in_use_cannot_be_opened_by_another_program(
    open_ledger: Opening, tmp_path: Path
) -> None:
    async with opened(open_ledger, tmp_path) as first:
        with pytest.raises(LedgerHeld):
            async with opened(open_ledger, tmp_path):
                pass
        await first.record_value("still", "works")
    async with opened(open_ledger, tmp_path) as second:
        assert await second.load_value("still") == "works"


async def test_a_closed_ledger_refuses_reads_and_writes(open_ledger: Opening, tmp_path: Path) -> None:
    async with opened(open_ledger, tmp_path) as ledger:
        pass
    with pytest.raises(LedgerUnavailable):
        await ledger.load_value("any")
    with pytest.raises(LedgerUnavailable):
        await ledger.record_value("any", "1")


async def test_a_write_that_fails_halfway_leaves_nothing(ledger: Ledger) -> None:
    huge = subscription("huge", items=(), created_at=2**70)
    with pytest.raises(LedgerError):
        await sync(ledger, huge, notices=(notice(),))
    with pytest.raises(LedgerError):
        await ledger.record_events([event("fine"), event("not", occurred_at=2**70)], 10)
    assert await ledger.load_pending_events(99, 9) == []
    assert await ledger.load_notice("told_1") is None


async def test_a_notice_held_back_for_its_members_roles_is_due_when_the_wait_ends(ledger: Ledger) -> None:
    await ledger.record_notice(notice("fresh", created_at=100))
    await ledger.record_queued_members([ANNA], "paid", 100)
    assert await ledger.load_notices(100, 9) == []
    assert await ledger.load_next_due(100) == 220
    assert [one.key for one in await ledger.load_notices(220, 9)] == ["fresh"]
