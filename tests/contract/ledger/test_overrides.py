"""Admins' decisions."""

from __future__ import annotations

from dataclasses import replace

from billing.model import IntentKind, IntentState, OverrideKind
from billing.ports import Ledger
from tests.contract.ledger.nouns import ADMIN, ANNA, BERT, GUILD, intent, marks, notice, override, settle

HERE = (GUILD, ANNA.member_id)


async def test_a_decision_is_recorded_with_its_intents_and_notices(ledger: Ledger) -> None:
    grant = override(plan_id=3, kind=OverrideKind.GRANT, until=90)
    await ledger.record_overrides([override(), grant], [intent()], [notice()], 10)
    block, granted = await ledger.load_overrides(*HERE, 10)
    assert block == override(id=block.id)
    assert granted == replace(grant, id=granted.id)
    assert block.id != granted.id
    assert set(await marks(ledger)) == {ANNA}
    assert await ledger.load_intents(10, 9) == [intent()]
    assert await ledger.load_notices(10, 9) == [], "it waits for the roles"
    assert await ledger.load_waiting_news(*HERE) == [notice()]
    history = await ledger.load_history(*HERE, 9)
    assert {(c.who, c.why, c.evidence) for c in history} == {(str(ADMIN), "rude", "dec_1")}
    assert len(history) == 2


async def test_an_expired_decision_is_left_out_and_a_future_one_is_not(ledger: Ledger) -> None:
    rows = [override("over", until=50), override("to_come", starts_at=70), override("for_good")]
    await ledger.record_overrides(rows, [], [], 10)
    assert [o.decision_id for o in await ledger.load_overrides(*HERE, 49)] == ["over", "to_come", "for_good"]
    assert [o.decision_id for o in await ledger.load_overrides(*HERE, 50)] == ["to_come", "for_good"]


async def test_a_decision_is_lifted_as_a_whole_and_only_once(ledger: Ledger) -> None:
    both = [override("d1", plan_id=1), override("d1", plan_id=2)]
    await ledger.record_overrides([*both, override("d2")], [], [], 10)
    await settle(ledger)
    assert len(await ledger.load_decision("d1")) == 2
    lifted = await ledger.record_lifted("d1", ADMIN, "sorry", 40)
    assert [o.plan_id for o in lifted] == [1, 2]
    assert await ledger.load_decision("d1") == []
    assert [o.decision_id for o in await ledger.load_overrides(*HERE, 40)] == ["d2"]
    assert set(await marks(ledger)) == {ANNA}
    newest = (await ledger.load_history(*HERE, 9))[0]
    assert (newest.at, newest.who, newest.why) == (40, str(ADMIN), "sorry")
    await settle(ledger)
    assert await ledger.record_lifted("d1", ADMIN, "again", 41) == []
    assert await marks(ledger) == {}


async def test_a_decision_can_replace_others_when_made_or_lifted(ledger: Ledger) -> None:
    await ledger.record_overrides([override("old")], [], [], 10)
    await ledger.record_overrides([override("new")], [], [], 20, replaces=["old"])
    assert [o.decision_id for o in await ledger.load_overrides(*HERE, 20)] == ["new"]
    await ledger.record_overrides([override("more")], [], [], 20)
    instead = override("instead", kind=OverrideKind.GRANT)
    lifted = await ledger.record_lifted("new", ADMIN, "sorry", 30, replaces=["more"], overrides=[instead])
    assert [o.decision_id for o in lifted] == ["new"]
    assert [o.decision_id for o in await ledger.load_overrides(*HERE, 30)] == ["instead"]
    after = [(c.subject, c.after) for c in await ledger.load_history(*HERE, 3)]
    assert ("override more", "lifted") in after
    assert await ledger.record_lifted("new", ADMIN, "again", 31, overrides=[instead]) == []
    assert len(await ledger.load_overrides(*HERE, 31)) == 1


async def test_the_servers_in_which_a_person_has_grants_are_found(ledger: Ledger) -> None:
    elsewhere = replace(override("far", kind=OverrideKind.GRANT), guild_id=GUILD + 1)
    await ledger.record_overrides([elsewhere, override("here"), override("d3")], [], [], 10)
    assert await ledger.load_granting(ANNA.member_id) == [GUILD + 1]
    await ledger.record_lifted("far", ADMIN, "", 20)
    assert await ledger.load_granting(ANNA.member_id) == []


async def test_a_decision_is_lifted_with_its_intents_or_not_at_all(ledger: Ledger) -> None:
    await ledger.record_overrides([override("d1")], [intent("stop")], [], 10)
    back = intent("back", IntentKind.RESUME)
    await ledger.record_lifted("d1", ADMIN, "sorry", 40, [back])
    assert await ledger.load_intents(40, 9) == [back]
    await ledger.record_intent_outcome(replace(back, state=IntentState.DONE), None, [])
    assert await ledger.record_lifted("d1", ADMIN, "again", 41, [intent("twice", IntentKind.RESUME)]) == []
    assert await ledger.load_intents(41, 9) == []


async def test_a_decision_about_one_member_does_not_apply_to_another(ledger: Ledger) -> None:
    await ledger.record_overrides([override()], [], [], 10)
    assert await ledger.load_overrides(GUILD, BERT.member_id, 10) == []
    assert await ledger.load_overrides(GUILD + 1, ANNA.member_id, 10) == []
