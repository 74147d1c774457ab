"""Findings about the setup, and those that the bot can fix."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import AsyncMock, call

import pytest

from billing.errors import LedgerDamaged, ProviderRefused, ProviderUnavailable, RoleAboveBot
from billing.model import Finding, Status
from billing.model.translatable_text import MemberRef, Text
from billing.ports import PriceConflict
from billing.use_cases.doctor import WAITS_TOO_LONG, diagnose, fix
from billing.use_cases.revoke import revoke
from billing.use_cases.sweep import sweep
from i18n.plain import plain_words
from tests.rules.builders import GUILD, MEMBER, NOW, OTHER_GUILD, ROLE
from tests.rules.harness import RulesHarness

WEBHOOK = Finding("webhook", ok=False, message="There is none.", cure="Make one.", fix="stripe:webhook")
LEDGER = Text("finding.what_ledger")
COMPARISON = Text("finding.what_comparison", provider="Stripe")


def faults(findings: list[Finding]) -> list[str]:
    return [plain_words(finding.what) for finding in findings if not finding.ok]


async def test_doctor_reports_no_fault_in_a_correct_setup(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    world.provider.findings = [Finding("key", ok=True, message="Good.")]
    findings = await diagnose(world.ports, GUILD, owner=True)
    assert [finding.what for finding in findings] == [
        "key",
        Text("finding.what_ledger"),
        Text("finding.what_backups"),
    ]
    assert faults(findings) == []
    assert ("check", "http://dues.example/webhooks/stripe") in world.provider.calls


async def test_a_provider_that_does_not_answer_is_a_finding(world: RulesHarness) -> None:
    world.provider.fail("check", ProviderUnavailable())
    (found, *_) = await diagnose(world.ports, GUILD, owner=True)
    assert (found.what, found.ok, found.message) == ("Stripe", False, ProviderUnavailable().user_message)
    assert found.cure


async def test_without_a_provider_doctor_says_what_to_set(world: RulesHarness) -> None:
    found = (await diagnose(replace(world.ports, providers={}), GUILD))[0]
    assert not found.ok
    assert "STRIPE_API_KEY" in plain_words(found.cure)


async def test_work_that_waits_too_long_is_a_finding(world: RulesHarness) -> None:
    world.provider.fail("fetch_subscription", ProviderUnavailable())
    await world.ring("subscription", "sub_1")
    world.clock.advance(WAITS_TOO_LONG - 1)
    assert faults(await diagnose(world.ports, GUILD)) == []
    world.clock.advance(1)
    assert faults(await diagnose(world.ports, GUILD)) == ["Ledger"]


async def test_parked_members_are_grouped_by_reason(world: RulesHarness) -> None:
    await world.add_plan()
    world.roles.faults[ROLE] = RoleAboveBot()
    await world.subscribe()
    (found,) = [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_roles")]
    assert not found.ok
    assert found.message == Text(
        "finding.roles_not_set", members=(MemberRef(MEMBER),), reason=RoleAboveBot.user_message
    )
    assert "Roles" not in faults(await diagnose(world.ports, OTHER_GUILD))


async def test_fix_applies_only_to_faults_that_have_a_fix(world: RulesHarness) -> None:
    findings = [
        WEBHOOK,
        replace(WEBHOOK, what="fine", ok=True),
        replace(WEBHOOK, what="by hand", fix=None),
        replace(WEBHOOK, what="another's", fix="paypal:webhook"),
    ]
    assert await fix(world.ports, GUILD, findings) == [Text("finding.fixed", what="webhook")]
    assert world.provider.fixed == ["stripe:webhook"]


async def test_a_failed_fix_says_why(world: RulesHarness) -> None:
    world.provider.fail("fix", ProviderRefused("The key may not."))
    assert await fix(world.ports, GUILD, [WEBHOOK]) == [
        Text("finding.not_fixed", what="webhook", reason="The key may not.")
    ]


async def test_fix_retries_parked_members(world: RulesHarness) -> None:
    await world.add_plan()
    world.roles.faults[ROLE] = RoleAboveBot()
    await world.subscribe()
    world.roles.faults.clear()
    (said,) = await fix(world.ports, GUILD, [])
    assert said == Text("finding.roles_retried", n=1)
    await world.settle()
    assert world.roles_of() == {ROLE}
    assert await fix(world.ports, GUILD, []) == []


async def test_subscriptions_at_an_account_no_longer_connected_are_a_finding(paying: RulesHarness) -> None:
    """The owner tried it in test mode, and went live."""
    paying.provider.account = "live"
    (found,) = [f for f in await diagnose(paying.ports, GUILD) if not f.ok]
    assert "no longer connected to Stripe (test), which still had an active subscription" in plain_words(
        found.message
    )
    assert f"for {MEMBER}." in plain_words(found.message)
    assert "/revoke" in plain_words(found.cure)
    assert faults(await diagnose(paying.ports, OTHER_GUILD)) == []
    await revoke(paying.ports, NOW)
    assert faults(await diagnose(paying.ports, GUILD)) == []


async def test_subscriptions_at_a_provider_that_is_off_are_a_finding(paying: RulesHarness) -> None:
    found = await diagnose(replace(paying.ports, providers={}), GUILD)
    assert faults(found) == ["Payment providers", "Disconnected accounts"]


async def test_a_price_that_two_plans_had_is_a_finding_that_names_both(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflicts = AsyncMock(return_value=[PriceConflict("stripe", "price_1", "Silver", "Gold")])
    monkeypatch.setattr(world.ledger, "load_price_conflicts", conflicts)
    (found,) = [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_price")]
    assert not found.ok
    assert plain_words(found.message).startswith(
        "The plans Gold and Silver had the same price at Stripe, price_1."
    )
    assert "set it for Silver with /plans edit" in plain_words(found.cure)
    assert conflicts.await_args == call(GUILD, 10)


async def test_ended_subscriptions_at_a_former_account_are_no_finding(paying: RulesHarness) -> None:
    await paying.change(replace(await paying.recorded(), status=Status.ENDED))
    paying.provider.account = "live"
    assert faults(await diagnose(paying.ports, GUILD)) == []


async def test_an_admin_sees_only_findings_of_their_own_server(world: RulesHarness) -> None:
    here = Finding("Price of Gold", ok=False, message="It is archived.", guild_id=GUILD)
    there = Finding("Price of Silver", ok=False, message="It is archived.", guild_id=OTHER_GUILD)
    world.provider.findings = [WEBHOOK, here, there]
    found = await diagnose(world.ports, GUILD)
    assert [f.what for f in found if not f.ok] == ["Price of Gold", Text("finding.what_account")]
    assert plain_words(WEBHOOK.message) not in "".join(plain_words(f.message) for f in found)
    assert await fix(world.ports, GUILD, found) == []
    assert world.provider.fixed == []
    assert WEBHOOK in await diagnose(world.ports, GUILD, owner=True)


async def test_only_the_owner_sees_how_much_work_waits(world: RulesHarness) -> None:
    (told,) = [f.message for f in await diagnose(world.ports, GUILD, owner=True) if f.what == LEDGER]
    assert told == Text("finding.nothing_waiting")
    await world.ring("subscription", "sub_1")
    (said,) = [f.message for f in await diagnose(world.ports, OTHER_GUILD) if f.what == LEDGER]
    assert said == Text("finding.work_done")
    (told,) = [f.message for f in await diagnose(world.ports, GUILD, owner=True) if f.what == LEDGER]
    assert plain_words(told) == "Waiting: 1 event."


async def test_ledger_damage_found_after_the_start_is_a_finding(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.ledger._whole, "damage", "row 3 missing from index")
    (found,) = [one for one in await diagnose(world.ports, GUILD) if one.what == LEDGER]
    assert (found.ok, found.message) == (False, LedgerDamaged.user_message)
    assert "backup" in plain_words(found.cure)


async def test_a_failing_sweep_is_a_note_and_becomes_a_fault_if_it_lasts(world: RulesHarness) -> None:
    await world.add_plan()
    world.provider.fail("list_subscriptions", ProviderRefused("The key may not.", detail="status 401"))
    await sweep(world.ports)
    (found,) = [f for f in await diagnose(world.ports, GUILD, owner=True) if f.what == COMPARISON]
    assert (found.ok, found.note) == (True, True)
    world.clock.advance(2 * 3600 + 1)
    (found,) = [f for f in await diagnose(world.ports, GUILD, owner=True) if f.what == COMPARISON]
    assert not found.ok
    assert "with Stripe since January 15, 2027" in plain_words(found.message)
    assert "401" in plain_words(found.message)
    (told,) = [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_account")]
    assert not told.ok
    assert "401" not in plain_words(told.message)
    world.provider.heal()
    await sweep(world.ports)
    assert not [f for f in await diagnose(world.ports, GUILD, owner=True) if f.what == COMPARISON]
