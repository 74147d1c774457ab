"""What Stripe can do to the bot, over a whole subscription: bought, cancelled, resumed, revoked, refunded.

However Stripe answers, what was wished happens once, and is said to have happened only when it has.
"""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from providers.stripe.api import KEY_AT_FAULT
from tests.cogs.town import DAY, MONTH, Town, link_of
from tests.faults.neighbours.troubles import FAULTS, SILENT, Trouble, said_truly
from tests.faults.neighbours.ways import (
    changes_of,
    comes_to_rest,
    newcomer,
    patiently,
    subscription_of,
    swept,
)

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
async def test_a_whole_subscription(
    town: Town, limit: pytest.MonkeyPatch, fault: dict[str, Any], times: int | None
) -> None:
    trouble = Trouble(town.stripe, limit, fault, times)
    await town.sell()
    await bought(town, trouble)
    await cancelled(town, trouble)
    await resumed(town, trouble)
    await revoked(town, trouble)
    await comes_to_rest(town)


async def bought(town: Town, trouble: Trouble) -> None:
    trouble.strike("POST", "/checkout/sessions")
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    trouble.end()
    links = [button for button in reply.buttons if button.url]
    assert links or SILENT in reply.text or KEY_AT_FAULT in reply.text
    link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    trouble.strike("GET", ONE)
    paid = town.stripe.pay_checkout(link)
    await town.settled()
    trouble.end()
    await patiently(town, lambda: town.roles() == ["Gold"])
    assert changes_of(town) == ["+Gold"]
    assert [s["id"] for s in town.stripe.world.all("subscription")] == [paid["subscription"]]


async def cancelled(town: Town, trouble: Trouble) -> None:
    question = await town.bob.run(town.guild, "cancel")
    trouble.strike("POST", ONE)
    reply = await question.press("Cancel subscription")
    said_truly(reply, "### Cancelled", subscription_of(town)["cancel_at_period_end"])
    trouble.end()
    await patiently(town, lambda: bool(subscription_of(town)["cancel_at_period_end"]))
    await patiently(town, lambda: "### Cancelled" in "".join(card.text for card in town.bob.dms))
    assert values_before(town, "cancel_at_period_end") == [False]
    assert "Renews" not in (await town.bob.run(town.guild, "subscriptions")).text


async def resumed(town: Town, trouble: Trouble) -> None:
    card = await town.bob.run(town.guild, "subscriptions")
    trouble.strike("POST", ONE)
    reply = await card.press("Resume")
    said_truly(reply, "### Resumed", not subscription_of(town)["cancel_at_period_end"])
    trouble.end()
    await patiently(town, lambda: not subscription_of(town)["cancel_at_period_end"])
    await patiently(town, lambda: "### Resumed" in "".join(card.text for card in town.bob.dms))
    assert values_before(town, "cancel_at_period_end") == [False, True]
    assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text
    assert changes_of(town) == ["+Gold"]


async def revoked(town: Town, trouble: Trouble) -> None:
    order = {"member": town.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    question = await town.ada.run(town.guild, "revoke", order)
    trouble.strike("DELETE", ONE)
    trouble.strike("POST", "/refunds")
    await question.press("Revoke access")
    await town.world.until(lambda: town.roles() == [], "the role to go, whatever Stripe does")
    trouble.end()
    await patiently(town, lambda: subscription_of(town)["status"] == "canceled" and refunds(town) == [500])
    await town.turn(DAY)
    assert refunds(town) == [500]
    ended = [e for e in town.stripe.events if e["type"] == "customer.subscription.deleted"]
    assert len(ended) == 1
    assert changes_of(town) == ["+Gold", "-Gold"]


def refunds(town: Town) -> list[int]:
    return [refund["amount"] for refund in town.stripe.world.all("refund")]


def values_before(town: Town, name: str) -> list[Any]:
    """What a field of the subscription was before each of its changes."""
    told = [e["data"] for e in town.stripe.events if e["type"] == "customer.subscription.updated"]
    return [d["previous_attributes"][name] for d in told if name in d.get("previous_attributes", {})]


# -- what is asked of itself, not for somebody -------------------------------------------------------


async def three_pay(town: Town) -> None:
    await town.sell()
    for name in ("dora", "emil", "fay"):
        who = await newcomer(town, name)
        await town.buy(who)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "empty"}, *FAULTS.values()],
    ids=["empty list", *FAULTS],
)
async def test_a_sweep_takes_nothing_for_a_list_that_fails(
    town: Town, limit: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    await three_pay(town)
    trouble = Trouble(town.stripe, limit, fault, None)
    trouble.strike("GET", LIST)
    await swept(town)
    assert [e["removed"] for e in town.world.audit] == [[], [], []]
    trouble.end()
    town.stripe.delivery_faults.drop = 100
    gone = town.stripe.world.all("subscription")[0]
    town.stripe.dashboard.cancel_now(gone["id"])
    await swept(town)
    await town.world.until(lambda: len(town.world.audit) == 4, "the role that is owed no more to go")


async def test_a_payment_that_was_made_good_unheard_over_the_end_of_grace(town: Town) -> None:
    """Both notifications are lost, and Stripe is slow: the role is not even taken for a moment."""
    await town.sell()
    await town.buy()
    town.stripe.world.settings.decline_next = 2
    await town.turn(MONTH + DAY)
    assert subscription_of(town)["status"] == "past_due"
    town.stripe.delivery_faults.drop = 1000
    held = town.stripe.faults.add("status", rf"{ONE}|{LIST}", method="GET", times=None, status=503)
    await town.turn(7 * DAY)
    assert subscription_of(town)["status"] == "active"
    assert town.roles() == ["Gold"]
    town.stripe.faults.waiting.remove(held)
    await town.turn(DAY)
    assert changes_of(town) == ["+Gold"]


async def test_a_wish_that_stripe_refuses_is_told_and_not_tried_for_ever(town: Town) -> None:
    await town.sell()
    await town.buy()
    question = await town.bob.run(town.guild, "cancel")
    town.stripe.faults.add("status", ONE, method="POST", times=None, status=400)
    reply = await question.press("Cancel subscription")
    assert "### Not cancelled\n" in reply.text
    await town.settled()
    await comes_to_rest(town)
    assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text
