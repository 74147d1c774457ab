"""A member ends the renewal of their own subscription, and takes that back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from billing.errors import (
    Conflict,
    LedgerUnavailable,
    NotFound,
    ProviderError,
    ProviderMisread,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnavailable,
)
from billing.model import IntentKind, IntentOutcome, IntentState, Status, Subscription, SubscriptionKey
from billing.model.texts import Text
from billing.rules.access import decide_right
from billing.use_cases.cancel import PATIENCE, cancel, is_open, preview, preview_cancel, resume
from billing.use_cases.execute_intent import stopping
from billing.use_cases.intent_fulfilment import is_fulfilled
from i18n.plain import plain_words
from tests.rules.builders import (
    DAY,
    GRACE,
    MEMBER,
    MONTH,
    OTHER_MEMBER,
    ROLE,
    make_key,
    make_override,
    make_subscription,
)
from tests.rules.harness import RulesHarness
from tests.rules.strategies import GRACES, MOMENTS, subscriptions

PREVIEWS = [
    (Status.PENDING, {}, IntentKind.CANCEL_NOW, None),
    (Status.TRIALING, {}, IntentKind.CANCEL_AT_PERIOD_END, MONTH),
    (Status.ACTIVE, {}, IntentKind.CANCEL_AT_PERIOD_END, MONTH),
    (Status.ACTIVE, {"period_end": None}, IntentKind.CANCEL_AT_PERIOD_END, None),
    (Status.PAST_DUE, {"unpaid_since": 0}, IntentKind.CANCEL_NOW, None),
    (Status.UNPAID, {}, IntentKind.CANCEL_NOW, None),
    (Status.PAUSED, {}, IntentKind.CANCEL_NOW, None),
    (Status.UNKNOWN, {}, IntentKind.CANCEL_AT_PERIOD_END, MONTH),
]


@pytest.mark.parametrize(("status", "facts", "kind", "stays"), PREVIEWS)
def test_what_a_cancellation_would_do(
    status: Status, facts: dict[str, Any], kind: IntentKind, stays: int | None
) -> None:
    shown = preview(make_subscription(status=status, **facts), 10, GRACE)
    assert (shown.kind, shown.stays_until) == (kind, stays)


def test_every_status_that_can_be_cancelled_is_shown() -> None:
    assert {status for status, *_ in PREVIEWS} == set(Status) - {Status.ENDED}


@given(subscriptions(), MOMENTS, GRACES)
def test_nobody_is_promised_more_than_they_have(sub: Any, now: int, grace: int) -> None:
    shown = preview(sub, now, grace)
    right = decide_right(sub, now, grace)
    if shown.stays_until is not None:
        assert right is not None
        assert right.until is None or shown.stays_until <= right.until


async def test_it_ends_with_the_period_and_roles_stay_until_then(paying: RulesHarness) -> None:
    receipt = await cancel(paying.ports, MEMBER, make_key())
    end = receipt.subscription.period_end or 0
    assert receipt.intent.state is IntentState.DONE
    assert receipt.stays_until == receipt.subscription.ends_at == end
    assert paying.provider.subscriptions["sub_1"].ends_at == end
    await paying.settle()
    assert paying.roles_of() == {ROLE}
    assert paying.messenger.told == []
    await paying.pass_time(end - paying.now)
    assert paying.roles_of() == set()


async def test_history_names_who_and_why(paying: RulesHarness) -> None:
    receipt = await cancel(paying.ports, MEMBER, make_key())
    rows = await paying.ledger.load_history(100, MEMBER, 99)
    assert rows[0].who == str(MEMBER)
    assert rows[0].evidence == f"intent {receipt.intent.id}"


async def test_resumed_it_renews_again(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    receipt = await resume(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.DONE
    assert receipt.subscription.renews
    assert receipt.stays_until is None
    assert paying.provider.subscriptions["sub_1"].ends_at is None


@pytest.mark.parametrize("act", [preview_cancel, cancel, resume])
@pytest.mark.parametrize("key", [make_key(), make_key("none"), SubscriptionKey("paypal", "x", "sub_1")])
async def test_nobody_reaches_anothers_subscription(
    paying: RulesHarness, act: Any, key: SubscriptionKey
) -> None:
    """Whether it exists or not, the answer is the same."""
    with pytest.raises(NotFound) as met:
        await act(paying.ports, OTHER_MEMBER, key)
    assert met.value.user_message == Text("error.no_such_subscription")
    assert paying.provider.count("cancel_at_period_end", "cancel_now", "resume") == 0


async def test_one_that_is_nobodys_cannot_be_cancelled(world: RulesHarness) -> None:
    await world.change(make_subscription(at=world.now))
    with pytest.raises(NotFound):
        await cancel(world.ports, MEMBER, make_key())


async def test_cancelled_twice_is_refused_with_the_date(paying: RulesHarness) -> None:
    receipt = await cancel(paying.ports, MEMBER, make_key())
    with pytest.raises(Conflict, match=f"at={receipt.subscription.ends_at}"):
        await cancel(paying.ports, MEMBER, make_key())


async def test_an_ended_one_has_nothing_to_cancel_or_resume(paying: RulesHarness) -> None:
    await paying.change(replace(await paying.recorded(), status=Status.ENDED))
    with pytest.raises(Conflict, match="already_ended"):
        await cancel(paying.ports, MEMBER, make_key())
    with pytest.raises(Conflict, match="over"):
        await resume(paying.ports, MEMBER, make_key())


async def test_what_renews_needs_no_resuming(paying: RulesHarness) -> None:
    with pytest.raises(Conflict, match="not_cancelled"):
        await resume(paying.ports, MEMBER, make_key())


async def test_a_provider_without_periods_takes_nothing_back(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    paying.provider.keeps_period = False
    with pytest.raises(Conflict, match="provider_cannot_resume"):
        await resume(paying.ports, MEMBER, make_key())


async def test_what_an_admin_revoked_is_not_resumed(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    await paying.ledger.record_overrides([make_override(1, starts_at=10**11)], [], [], paying.now)
    with pytest.raises(Conflict, match="revoked_not_resumable"):
        await resume(paying.ports, MEMBER, make_key())


async def test_what_is_owed_ends_at_once(paying: RulesHarness) -> None:
    await paying.change(replace(await paying.recorded(), status=Status.PAST_DUE, unpaid_since=paying.now))
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert receipt.subscription.status is Status.ENDED
    assert receipt.stays_until is None
    await paying.settle()
    assert paying.roles_of() == set()


async def test_twice_at_once_is_one_cancellation(paying: RulesHarness) -> None:
    receipts = await asyncio.gather(*(cancel(paying.ports, MEMBER, make_key()) for _ in range(3)))
    assert paying.provider.count("cancel_at_period_end") == 1
    assert len({receipt.intent.id for receipt in receipts}) == 1


class TestDown:
    """The provider does not answer: the wish is kept, and nobody is told that it is done before it is."""

    async def test_before_the_effect(self, paying: RulesHarness) -> None:
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

    async def test_accepted_without_any_effect(
        self, paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def shrug(subscription: Subscription, key: str) -> Subscription:
            return paying.provider.subscriptions[subscription.key.id]

        with monkeypatch.context() as patch:
            patch.setattr(paying.provider, "cancel_at_period_end", shrug)
            receipt = await cancel(paying.ports, MEMBER, make_key())
        assert is_open(receipt.intent)
        await paying.pass_time(PATIENCE)
        assert (await paying.recorded()).ends_at is not None

    async def test_after_the_effect(self, paying: RulesHarness) -> None:
        """The answer was lost: what the provider says then is what is told."""
        paying.provider.fail("cancel_at_period_end", ProviderUnavailable(), after=True)
        receipt = await cancel(paying.ports, MEMBER, make_key())
        assert receipt.intent.state is IntentState.DONE
        assert receipt.subscription.ends_at is not None
        await paying.pass_time(DAY)
        assert paying.provider.count("cancel_at_period_end") == 1
        assert paying.messenger.told == []

    async def test_after_the_effect_and_then_not_to_be_asked(self, paying: RulesHarness) -> None:
        paying.provider.fail("cancel_at_period_end", ProviderUnavailable(), after=True)
        paying.provider.fail("fetch_subscription", ProviderUnavailable())
        receipt = await cancel(paying.ports, MEMBER, make_key())
        assert is_open(receipt.intent)
        paying.provider.heal()
        await paying.pass_time(PATIENCE)
        latest = await paying.ledger.load_intent(receipt.intent.id)
        assert latest is not None
        assert latest.state is IntentState.DONE
        assert paying.messenger.kinds() == ["intent_outcome"]

    async def test_every_try_has_a_key_of_its_own_that_is_known_before(self, paying: RulesHarness) -> None:
        """A provider repeats its answer to a known key, an error too."""
        paying.provider.fail("cancel_at_period_end", ProviderUnavailable())
        receipt = await cancel(paying.ports, MEMBER, make_key())
        await paying.pass_time(300)
        tries = paying.provider.count("cancel_at_period_end")
        assert paying.provider.keys == [f"{receipt.intent.id}.{n}" for n in range(tries)]

    async def test_tries_grow_apart(self, paying: RulesHarness) -> None:
        paying.provider.fail("*", ProviderUnavailable())
        await cancel(paying.ports, MEMBER, make_key())
        await paying.pass_time(DAY)
        assert 90 < paying.provider.count("cancel_at_period_end") < 110

    async def test_asked_again_meanwhile_it_is_the_same_wish(self, paying: RulesHarness) -> None:
        paying.provider.fail("*", ProviderUnavailable())
        first = await cancel(paying.ports, MEMBER, make_key())
        second = await cancel(paying.ports, MEMBER, make_key())
        assert second.intent.id == first.intent.id
        assert paying.provider.count("cancel_at_period_end") == 1

    async def test_a_wish_that_waits_can_be_taken_back(self, paying: RulesHarness) -> None:
        paying.provider.fail("*", ProviderUnavailable())
        wish = await cancel(paying.ports, MEMBER, make_key())
        paying.provider.heal()
        receipt = await resume(paying.ports, MEMBER, make_key())
        assert receipt.intent.state is IntentState.DONE
        await paying.pass_time(DAY)
        assert (await paying.recorded()).ends_at is None
        dropped = await paying.ledger.load_intent(wish.intent.id)
        assert dropped is not None
        assert dropped.state is IntentState.DROPPED

    async def test_paused_meanwhile_it_is_not_taken_for_cancelled(self, paying: RulesHarness) -> None:
        paying.provider.fail("cancel_at_period_end", ProviderUnavailable())
        now = paying.provider.subscriptions["sub_1"]
        paying.provider.subscriptions["sub_1"] = replace(now, status=Status.PAUSED)
        assert is_open((await cancel(paying.ports, MEMBER, make_key())).intent)

    @pytest.mark.parametrize("kind", [IntentKind.CANCEL_AT_PERIOD_END, IntentKind.RESUME])
    async def test_a_worker_leaves_a_wish_alone_while_somebody_waits(
        self, paying: RulesHarness, kind: IntentKind
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


class TestRefused:
    @pytest.mark.parametrize("error", [ProviderRefused("No, because."), ProviderNotFound("No, because.")])
    async def test_it_is_told_why_and_not_asked_again(
        self, paying: RulesHarness, error: ProviderError
    ) -> None:
        paying.provider.fail("cancel_at_period_end", error)
        receipt = await cancel(paying.ports, MEMBER, make_key())
        assert receipt.intent.state is IntentState.FAILED
        assert receipt.intent.outcome == "No, because."
        await paying.pass_time(DAY)
        assert paying.provider.count("cancel_at_period_end") == 1
        assert (await paying.recorded()).ends_at is None

    async def test_refused_because_it_is_done_already_is_done(self, paying: RulesHarness) -> None:
        """Somebody was quicker, in the dashboard or on the portal."""
        now = paying.provider.subscriptions["sub_1"]
        paying.provider.subscriptions["sub_1"] = replace(now, status=Status.ENDED)
        paying.provider.fail("cancel_at_period_end", ProviderRefused())
        receipt = await cancel(paying.ports, MEMBER, make_key())
        assert receipt.intent.state is IntentState.DONE
        assert receipt.subscription.status is Status.ENDED

    async def test_an_answer_that_cannot_be_read_is_no_refusal(self, paying: RulesHarness) -> None:
        paying.provider.fail("cancel_at_period_end", ProviderMisread())
        assert is_open((await cancel(paying.ports, MEMBER, make_key())).intent)

    async def test_a_refused_key_is_no_refusal_of_the_wish(self, paying: RulesHarness) -> None:
        refused = ProviderRefused()
        refused.retry = True
        paying.provider.fail("cancel_at_period_end", refused, times=1)
        assert is_open((await cancel(paying.ports, MEMBER, make_key())).intent)
        await paying.pass_time(PATIENCE)
        assert (await paying.recorded()).ends_at is not None

    async def test_a_provider_that_is_off_keeps_the_wish(self, paying: RulesHarness) -> None:
        paying.provider.account = "live"
        receipt = await cancel(paying.ports, MEMBER, make_key())
        assert is_open(receipt.intent)
        assert "isn't connected" in plain_words(receipt.intent.outcome)
        paying.provider.account = "test"
        await paying.pass_time(PATIENCE)
        assert (await paying.recorded()).ends_at is not None

    async def test_a_resumption_is_not_carried_out_once_an_admin_has_revoked(
        self, paying: RulesHarness
    ) -> None:
        await cancel(paying.ports, MEMBER, make_key())
        paying.provider.fail("*", ProviderUnavailable())
        receipt = await resume(paying.ports, MEMBER, make_key())
        assert is_open(receipt.intent)
        await paying.ledger.record_overrides([make_override(1, starts_at=10**11)], [], [], paying.now)
        paying.provider.heal()
        await paying.pass_time(DAY)
        latest = await paying.ledger.load_intent(receipt.intent.id)
        assert latest is not None
        assert latest.state is IntentState.FAILED
        assert paying.provider.subscriptions["sub_1"].ends_at is not None


async def test_a_look_that_began_before_does_not_undo_what_was_done(
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


def test_what_is_as_wished_already() -> None:
    paid = make_subscription()
    ending, ended = make_subscription(ends_at=5), make_subscription(status=Status.ENDED)
    paused = make_subscription(status=Status.PAUSED)
    at_end, now, again = IntentKind.CANCEL_AT_PERIOD_END, IntentKind.CANCEL_NOW, IntentKind.RESUME
    assert [is_fulfilled(at_end, s) for s in (paid, ending, ended, paused)] == [False, True, True, False]
    assert [is_fulfilled(now, s) for s in (paid, ending, ended, paused)] == [False, False, True, False]
    assert [is_fulfilled(again, s) for s in (paid, ending, ended, paused)] == [True, False, False, False]
    assert not is_fulfilled(IntentKind.REFUND_LAST_PAYMENT, ended)


@given(subscriptions())
def test_what_is_paid_is_kept_to_its_end(sub: Any) -> None:
    right = decide_right(sub, 0, 0)
    if right is not None and right.why == "paid":
        assert stopping(sub) is IntentKind.CANCEL_AT_PERIOD_END


async def test_a_ledger_that_fails_after_the_effect_leaves_the_wish_to_the_next_try(
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
    latest = await paying.ledger.load_intent(receipt.intent.id)
    assert latest is not None
    assert latest.state is IntentState.DONE
    assert paying.messenger.kinds() == ["intent_outcome"]
