"""A provider or the ledger fails during a cancellation: the intent is kept and no success is claimed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from billing.errors import (
    LedgerUnavailable,
    ProviderError,
    ProviderMisread,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnavailable,
)
from billing.model import IntentKind, IntentOutcome, IntentState, Status, Subscription
from billing.use_cases.cancel import PATIENCE, cancel, is_open, resume
from i18n.plain import plain_words
from tests.rules.builders import DAY, MEMBER, make_key, make_override
from tests.rules.harness import RulesHarness


async def state_of(harness: RulesHarness, intent_id: str) -> IntentState:
    intent = await harness.ledger.load_intent(intent_id)
    assert intent is not None
    return intent.state


async def test_a_cancellation_waits_while_the_provider_is_down(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert is_open(receipt.intent)
    assert receipt.intent.outcome == ProviderUnavailable().user_message
    assert receipt.subscription.ends_at is None
    assert receipt.stays_until is None
    paying.provider.heal()
    await paying.pass_time(PATIENCE)
    assert (await paying.recorded()).ends_at is not None
    (notice,) = paying.told("intent_outcome")
    assert notice.member_id == MEMBER
    assert notice.body == IntentOutcome(receipt.intent.id, MEMBER)


async def test_a_cancellation_without_effect_is_tried_again(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def shrug(subscription: Subscription, key: str) -> Subscription:
        return paying.provider.subscriptions[subscription.key.id]

    with monkeypatch.context() as patch:
        patch.setattr(paying.provider, "cancel_at_period_end", shrug)
        receipt = await cancel(paying.ports, MEMBER, make_key())
    assert is_open(receipt.intent)
    await paying.pass_time(PATIENCE)
    assert (await paying.recorded()).ends_at is not None


async def test_a_cancellation_whose_answer_was_lost_is_confirmed_by_a_fetch(paying: RulesHarness) -> None:
    """The answer was lost: what the provider says then is what is told."""
    paying.provider.fail("cancel_at_period_end", ProviderUnavailable(), after=True)
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.DONE
    assert receipt.subscription.ends_at is not None
    await paying.pass_time(DAY)
    assert paying.provider.count("cancel_at_period_end") == 1
    assert paying.messenger.told == []


async def test_a_cancellation_that_cannot_be_confirmed_is_settled_later(paying: RulesHarness) -> None:
    paying.provider.fail("cancel_at_period_end", ProviderUnavailable(), after=True)
    paying.provider.fail("fetch_subscription", ProviderUnavailable())
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert is_open(receipt.intent)
    paying.provider.heal()
    await paying.pass_time(PATIENCE)
    assert await state_of(paying, receipt.intent.id) is IntentState.DONE
    assert paying.messenger.kinds() == ["intent_outcome"]


async def test_every_try_of_an_intent_has_its_own_predictable_idempotency_key(paying: RulesHarness) -> None:
    """A provider repeats its answer to a known key, an error too."""
    paying.provider.fail("cancel_at_period_end", ProviderUnavailable())
    receipt = await cancel(paying.ports, MEMBER, make_key())
    await paying.pass_time(300)
    tries = paying.provider.count("cancel_at_period_end")
    assert paying.provider.keys == [f"{receipt.intent.id}.{n}" for n in range(tries)]


async def test_tries_of_a_failing_cancellation_grow_apart(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    await cancel(paying.ports, MEMBER, make_key())
    await paying.pass_time(DAY)
    assert 90 < paying.provider.count("cancel_at_period_end") < 110


async def test_a_repeated_cancellation_is_the_same_intent_while_it_waits(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    first = await cancel(paying.ports, MEMBER, make_key())
    second = await cancel(paying.ports, MEMBER, make_key())
    assert second.intent.id == first.intent.id
    assert paying.provider.count("cancel_at_period_end") == 1


async def test_a_waiting_cancellation_can_be_taken_back(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    asked = await cancel(paying.ports, MEMBER, make_key())
    paying.provider.heal()
    receipt = await resume(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.DONE
    await paying.pass_time(DAY)
    assert (await paying.recorded()).ends_at is None
    assert await state_of(paying, asked.intent.id) is IntentState.DROPPED


async def test_a_subscription_paused_meanwhile_is_not_taken_for_cancelled(paying: RulesHarness) -> None:
    paying.provider.fail("cancel_at_period_end", ProviderUnavailable())
    now = paying.provider.subscriptions["sub_1"]
    paying.provider.subscriptions["sub_1"] = replace(now, status=Status.PAUSED)
    assert is_open((await cancel(paying.ports, MEMBER, make_key())).intent)


@pytest.mark.parametrize("kind", [IntentKind.CANCEL_AT_PERIOD_END, IntentKind.RESUME])
async def test_the_worker_leaves_an_intent_alone_while_a_command_executes_it(
    paying: RulesHarness, kind: IntentKind
) -> None:
    if kind is IntentKind.RESUME:
        await cancel(paying.ports, MEMBER, make_key())
    name = str(kind)
    entered, go = asyncio.Event(), asyncio.Event()
    method = getattr(paying.provider, name)

    async def slow(*args: Any) -> Any:
        entered.set()
        await go.wait()
        return await method(*args)

    setattr(paying.provider, name, slow)
    act = resume if kind is IntentKind.RESUME else cancel
    waiting = asyncio.ensure_future(act(paying.ports, MEMBER, make_key()))
    await entered.wait()
    assert await paying.ledger.load_intents(paying.now + 30, 9) == []
    go.set()
    await waiting
    assert paying.provider.count(name) == 1


@pytest.mark.parametrize("error", [ProviderRefused("No, because."), ProviderNotFound("No, because.")])
async def test_a_refused_cancellation_says_why_and_is_not_retried(
    paying: RulesHarness, error: ProviderError
) -> None:
    paying.provider.fail("cancel_at_period_end", error)
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.FAILED
    assert receipt.intent.outcome == "No, because."
    await paying.pass_time(DAY)
    assert paying.provider.count("cancel_at_period_end") == 1
    assert (await paying.recorded()).ends_at is None


async def test_a_cancellation_refused_because_it_is_done_counts_as_done(paying: RulesHarness) -> None:
    """Somebody was quicker, in the dashboard or on the portal."""
    now = paying.provider.subscriptions["sub_1"]
    paying.provider.subscriptions["sub_1"] = replace(now, status=Status.ENDED)
    paying.provider.fail("cancel_at_period_end", ProviderRefused())
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.DONE
    assert receipt.subscription.status is Status.ENDED


async def test_an_unreadable_answer_leaves_the_cancellation_pending(paying: RulesHarness) -> None:
    paying.provider.fail("cancel_at_period_end", ProviderMisread())
    assert is_open((await cancel(paying.ports, MEMBER, make_key())).intent)


async def test_a_refused_api_key_leaves_the_cancellation_pending(paying: RulesHarness) -> None:
    refused = ProviderRefused()
    refused.retry = True
    paying.provider.fail("cancel_at_period_end", refused, times=1)
    assert is_open((await cancel(paying.ports, MEMBER, make_key())).intent)
    await paying.pass_time(PATIENCE)
    assert (await paying.recorded()).ends_at is not None


async def test_a_disconnected_provider_leaves_the_cancellation_pending(paying: RulesHarness) -> None:
    paying.provider.account = "live"
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert is_open(receipt.intent)
    assert "isn't connected" in plain_words(receipt.intent.outcome)
    paying.provider.account = "test"
    await paying.pass_time(PATIENCE)
    assert (await paying.recorded()).ends_at is not None


async def test_a_waiting_resumption_fails_once_an_admin_revokes(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    paying.provider.fail("*", ProviderUnavailable())
    receipt = await resume(paying.ports, MEMBER, make_key())
    assert is_open(receipt.intent)
    await paying.ledger.record_overrides([make_override(1, starts_at=10**11)], [], [], paying.now)
    paying.provider.heal()
    await paying.pass_time(DAY)
    assert await state_of(paying, receipt.intent.id) is IntentState.FAILED
    assert paying.provider.subscriptions["sub_1"].ends_at is not None


async def test_a_fetch_that_began_before_a_cancellation_does_not_undo_it(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch overlaps with the cancellation and answers late with what was true before it."""
    entered, go = asyncio.Event(), asyncio.Event()
    fetch = paying.provider.fetch_subscription

    async def slow(name: str) -> Any:
        answer = await fetch(name)
        entered.set()
        await go.wait()
        return answer

    monkeypatch.setattr(paying.provider, "fetch_subscription", slow)
    await paying.ring("subscription", "sub_1")
    looking = asyncio.ensure_future(paying.settle())
    await entered.wait()
    cancelling = asyncio.ensure_future(cancel(paying.ports, MEMBER, make_key()))
    await asyncio.sleep(0.02)
    go.set()
    await looking
    await cancelling
    assert (await paying.recorded()).ends_at is not None


async def test_a_ledger_failure_after_the_provider_acted_leaves_the_intent_pending(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that nothing was changed, for the provider was asked already."""

    async def full(*_: object) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(paying.ledger, "record_intent_outcome", full)
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert is_open(receipt.intent)
    monkeypatch.undo()
    await paying.pass_time(PATIENCE)
    assert await state_of(paying, receipt.intent.id) is IntentState.DONE
    assert paying.messenger.kinds() == ["intent_outcome"]
