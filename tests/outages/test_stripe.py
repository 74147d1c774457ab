"""Faults of Stripe over a whole subscription: bought, cancelled, resumed, revoked, refunded.

However Stripe answers, each request is carried out once, and reported as done only after that.
"""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from i18n.plain import plain_words
from providers.stripe.api import KEY_AT_FAULT
from tests.app.harness import DAY, MONTH, AppHarness, link_of
from tests.app.newcomers import newcomer
from tests.outages.helpers import changes_of, comes_to_rest, patiently, subscription_of, swept
from tests.outages.troubles import FAULTS, SILENT, Trouble, said_truly

ONE = r"/subscriptions/sub_"
LIST = r"/v1/subscriptions$"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own tries follow at once."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.001)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.001)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, None], ids=["once", "until it is over"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_whole_subscription_comes_out_right_despite_each_fault_of_stripe(
    app: AppHarness, limit: pytest.MonkeyPatch, fault: dict[str, Any], times: int | None
) -> None:
    trouble = Trouble(app.stripe, limit, fault, times)
    await app.sell()
    await bought(app, trouble)
    await cancelled(app, trouble)
    await resumed(app, trouble)
    await revoked(app, trouble)
    await comes_to_rest(app)


async def bought(app: AppHarness, trouble: Trouble) -> None:
    trouble.strike("POST", "/checkout/sessions")
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    trouble.end()
    links = [button for button in reply.buttons if button.url]
    assert links or SILENT in reply.text or plain_words(KEY_AT_FAULT) in reply.text
    link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    trouble.strike("GET", ONE)
    paid = app.stripe.pay_checkout(link)
    await app.settled()
    trouble.end()
    await patiently(app, lambda: app.roles() == ["Gold"])
    assert changes_of(app) == ["+Gold"]
    assert [s["id"] for s in app.stripe.world.all("subscription")] == [paid["subscription"]]


async def cancelled(app: AppHarness, trouble: Trouble) -> None:
    question = await app.bob.run(app.guild, "cancel")
    trouble.strike("POST", ONE)
    reply = await question.press("Cancel subscription")
    said_truly(reply, "### Cancelled", subscription_of(app)["cancel_at_period_end"])
    trouble.end()
    await patiently(app, lambda: bool(subscription_of(app)["cancel_at_period_end"]))
    await patiently(app, lambda: "### Cancelled" in "".join(card.text for card in app.bob.dms))
    assert values_before(app, "cancel_at_period_end") == [False]
    assert "Renews" not in (await app.bob.run(app.guild, "subscriptions")).text


async def resumed(app: AppHarness, trouble: Trouble) -> None:
    card = await app.bob.run(app.guild, "subscriptions")
    trouble.strike("POST", ONE)
    reply = await card.press("Resume")
    said_truly(reply, "### Resumed", not subscription_of(app)["cancel_at_period_end"])
    trouble.end()
    await patiently(app, lambda: not subscription_of(app)["cancel_at_period_end"])
    await patiently(app, lambda: "### Resumed" in "".join(card.text for card in app.bob.dms))
    assert values_before(app, "cancel_at_period_end") == [False, True]
    assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text
    assert changes_of(app) == ["+Gold"]


async def revoked(app: AppHarness, trouble: Trouble) -> None:
    order = {"member": app.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    question = await app.ada.run(app.guild, "revoke", order)
    trouble.strike("DELETE", ONE)
    trouble.strike("POST", "/refunds")
    await question.press("Revoke access")
    await app.world.until(lambda: app.roles() == [], "the role to go, whatever Stripe does")
    trouble.end()
    await patiently(app, lambda: subscription_of(app)["status"] == "canceled" and refunds(app) == [500])
    await app.turn(DAY)
    assert refunds(app) == [500]
    ended = [e for e in app.stripe.events if e["type"] == "customer.subscription.deleted"]
    assert len(ended) == 1
    assert changes_of(app) == ["+Gold", "-Gold"]


def refunds(app: AppHarness) -> list[int]:
    return [refund["amount"] for refund in app.stripe.world.all("refund")]


def values_before(app: AppHarness, name: str) -> list[Any]:
    """The values of a field of the subscription before each of its changes."""
    told = [e["data"] for e in app.stripe.events if e["type"] == "customer.subscription.updated"]
    return [d["previous_attributes"][name] for d in told if name in d.get("previous_attributes", {})]


# -- what is asked of itself, not for somebody -------------------------------------------------------


async def three_pay(app: AppHarness) -> None:
    await app.sell()
    for name in ("dora", "emil", "fay"):
        who = await newcomer(app, name)
        await app.buy(who)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "empty"}, *FAULTS.values()],
    ids=["empty list", *FAULTS],
)
async def test_a_sweep_takes_no_role_if_stripes_list_fails(
    app: AppHarness, limit: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    await three_pay(app)
    trouble = Trouble(app.stripe, limit, fault, None)
    trouble.strike("GET", LIST)
    await swept(app)
    assert [e["removed"] for e in app.world.audit] == [[], [], []]
    trouble.end()
    app.stripe.delivery_faults.drop = 100
    gone = app.stripe.world.all("subscription")[0]
    app.stripe.dashboard.cancel_now(gone["id"])
    await swept(app)
    await app.world.until(lambda: len(app.world.audit) == 4, "the role that is owed no more to go")


async def test_a_payment_recovered_during_a_stripe_outage_keeps_the_role_past_the_grace(
    app: AppHarness,
) -> None:
    """Both notifications are lost, and Stripe is slow: the role is not even taken for a moment."""
    await app.sell()
    await app.buy()
    app.stripe.world.settings.decline_next = 2
    await app.turn(MONTH + DAY)
    assert subscription_of(app)["status"] == "past_due"
    app.stripe.delivery_faults.drop = 1000
    held = app.stripe.faults.add("status", rf"{ONE}|{LIST}", method="GET", times=None, status=503)
    await app.turn(7 * DAY)
    assert subscription_of(app)["status"] == "active"
    assert app.roles() == ["Gold"]
    app.stripe.faults.waiting.remove(held)
    await app.turn(DAY)
    assert changes_of(app) == ["+Gold"]


async def test_a_request_that_stripe_refuses_is_reported_and_not_retried_forever(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    question = await app.bob.run(app.guild, "cancel")
    app.stripe.faults.add("status", ONE, method="POST", times=None, status=400)
    reply = await question.press("Cancel subscription")
    assert "### Not cancelled\n" in reply.text
    await app.settled()
    await comes_to_rest(app)
    assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text
