"""What PayPal can do to the bot, over a whole subscription: bought, cancelled, taken anew, revoked, refunded.

However PayPal answers, what was wished happens once, and is said to have happened only when it has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.use_cases.plans import PlanUpdate, add_plan
from providers.paypal import api
from providers.paypal import client as paypal_client
from providers.paypal.api import KEY_AT_FAULT
from standins.discord import Person
from standins.paypal import PayPalServer
from standins.paypal.state import Subscription
from tests.cogs.town import DAY, MONTH, Town, link_of, running
from tests.faults.neighbours.troubles import FAULTS, SILENT, Trouble, said_truly
from tests.faults.neighbours.ways import cards, changes_of, comes_to_rest, newcomer, patiently, swept

pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)

MAKE = r"/v1/billing/subscriptions$"
ONE = r"/v1/billing/subscriptions/I-\w+$"
CANCEL = r"/v1/billing/subscriptions/I-\w+/cancel$"
TOKEN = r"/v1/oauth2/token$"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own tries follow at once."""
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.001))
    monkeypatch.setattr(paypal_client, "PACE", 0.0)


@pytest.fixture
async def town(still_town: Town) -> AsyncIterator[Town]:
    """Gold is sold for $5 a month."""
    paypal = paypal_of(still_town)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    async with running(still_town):
        wanted = PlanUpdate("Gold", add_role=still_town.gold.id, price_ids={"paypal": sold})
        await add_plan(still_town.ports, still_town.guild.id, wanted, still_town.ada.id)
        yield still_town


def paypal_of(town: Town) -> PayPalServer:
    assert town.paypal is not None
    return town.paypal


def bought_by(town: Town, who: Person | None = None) -> list[Subscription]:
    """What somebody agreed to, in order."""
    mine = f"{(who or town.bob).id}@example.com"
    return [s for s in paypal_of(town).world.all("subscription") if s.buyer and s.buyer.email == mine]


async def agree(town: Town, who: Person | None = None) -> None:
    """To the agreement, and no further."""
    who = who or town.bob
    reply = await who.run(town.guild, "subscribe", {"plan": "Gold"})
    paypal_of(town).approve(link_of(reply), email=f"{who.id}@example.com")


def happened(town: Town, kind: str) -> int:
    """How many of a kind of events PayPal told."""
    return sum(event["event_type"] == kind for event in paypal_of(town).events)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, None], ids=["once", "until it is over"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_whole_subscription(
    town: Town, limit: pytest.MonkeyPatch, fault: dict[str, Any], times: int | None
) -> None:
    trouble = Trouble(paypal_of(town), limit, fault, times)
    await bought(town, trouble)
    await cancelled(town, trouble)
    await taken_anew(town, trouble)
    await revoked(town, trouble)
    await comes_to_rest(town)


async def bought(town: Town, trouble: Trouble) -> None:
    trouble.strike("POST", MAKE)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    trouble.end()
    links = [button for button in reply.buttons if button.url]
    assert links or SILENT in reply.text or KEY_AT_FAULT in reply.text
    link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    trouble.strike("GET", ONE)
    paypal_of(town).approve(link, email=f"{town.bob.id}@example.com")
    await town.settled()
    trouble.end()
    await patiently(town, lambda: town.roles() == ["Gold"])
    assert changes_of(town) == ["+Gold"]
    assert [one.status for one in bought_by(town)] == ["ACTIVE"]


async def cancelled(town: Town, trouble: Trouble) -> None:
    question = await town.bob.run(town.guild, "cancel")
    trouble.strike("POST", CANCEL)
    reply = await question.press("Cancel subscription")
    said_truly(reply, "### Cancelled", bought_by(town)[0].status == "CANCELLED")
    trouble.end()
    await patiently(town, lambda: bought_by(town)[0].status == "CANCELLED")
    await patiently(town, lambda: cards(town.bob, "### Cancelled") != [])
    assert happened(town, "BILLING.SUBSCRIPTION.CANCELLED") == 1
    assert changes_of(town) == ["+Gold"]


async def taken_anew(town: Town, trouble: Trouble) -> None:
    """From the end of what is paid on, so that nothing is paid twice."""
    card = await town.bob.run(town.guild, "subscriptions")
    trouble.strike("POST", MAKE)
    reply = await card.press("Subscribe again")
    trouble.end()
    if not reply.buttons:
        reply = await card.press("Subscribe again")
    paypal_of(town).approve(link_of(reply), email=f"{town.bob.id}@example.com")
    await town.settled()
    assert [one.status for one in bought_by(town)] == ["CANCELLED", "ACTIVE"]
    assert happened(town, "PAYMENT.SALE.COMPLETED") == 1
    assert changes_of(town) == ["+Gold"]


async def revoked(town: Town, trouble: Trouble) -> None:
    order = {"member": town.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    question = await town.ada.run(town.guild, "revoke", order)
    trouble.strike("POST", CANCEL)
    trouble.strike("POST", "/refund$")
    await question.press("Revoke access")
    await town.world.until(lambda: town.roles() == [], "the role to go, whatever PayPal does")
    trouble.end()
    await patiently(town, lambda: {one.status for one in bought_by(town)} == {"CANCELLED"})
    await patiently(town, lambda: happened(town, "PAYMENT.SALE.REFUNDED") == 1)
    await town.turn(DAY)
    assert happened(town, "PAYMENT.SALE.REFUNDED") == 1
    assert happened(town, "BILLING.SUBSCRIPTION.CANCELLED") == 2
    assert paypal_of(town).dashboard.last_sale(bought_by(town)[0].id).status == "REFUNDED"
    assert changes_of(town) == ["+Gold", "-Gold"]


# -- what is asked of itself, not for somebody -------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("call", [("GET", ONE), ("POST", TOKEN)], ids=["subscription", "token"])
async def test_a_sweep_takes_nothing_for_an_answer_that_fails(
    town: Town, limit: pytest.MonkeyPatch, fault: dict[str, Any], call: tuple[str, str]
) -> None:
    """And what ended unheard is found by the next."""
    for name in ("dora", "emil"):
        await agree(town, await newcomer(town, name))
        await town.settled()
    paypal_of(town).revoke_token()
    trouble = Trouble(paypal_of(town), limit, fault, None)
    trouble.strike(*call)
    await swept(town)
    assert [e["removed"] for e in town.world.audit] == [[], []]
    trouble.end()
    paypal_of(town).delivery_faults.drop = 100
    gone = paypal_of(town).world.all("subscription")[0]
    paypal_of(town).dashboard.refund(paypal_of(town).dashboard.last_sale(gone.id).id)
    paypal_of(town).dashboard.cancel(gone.id)
    await town.turn(MONTH + DAY)
    await swept(town)
    await town.world.until(lambda: len(town.world.audit) == 3, "the role that is owed no more to go")
    assert town.world.audit[-1]["removed"] == ["Gold"]


async def test_empty_lists_lift_no_dispute(town: Town) -> None:
    """A payment that is asked back bars the access; that PayPal lists nothing is no word on it."""
    await agree(town)
    await town.settled()
    sale = paypal_of(town).dashboard.last_sale(bought_by(town)[0].id)
    paypal_of(town).dashboard.dispute(sale.id)
    await patiently(town, lambda: town.roles() == [])
    paypal_of(town).faults.add("empty", "/v1/", method="GET", times=None)
    await swept(town)
    await town.turn(DAY)
    assert changes_of(town) == ["+Gold", "-Gold"]


async def test_a_payment_that_was_made_good_unheard_over_the_end_of_grace(town: Town) -> None:
    """Both notifications are lost, and PayPal is slow: the role is not even taken for a moment."""
    await agree(town)
    await town.settled()
    paypal_of(town).dashboard.fail_next_payment()
    await town.turn(MONTH)
    assert cards(town.bob, "failed") != []
    paypal_of(town).delivery_faults.drop = 1000
    held = paypal_of(town).faults.add("status", ONE, method="GET", times=None, status=503)
    await town.turn(7 * DAY)
    assert happened(town, "PAYMENT.SALE.COMPLETED") == 2
    assert town.roles() == ["Gold"]
    paypal_of(town).faults.waiting.remove(held)
    await swept(town)
    assert changes_of(town) == ["+Gold"]
    assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_a_wish_that_paypal_refuses_is_told_and_not_tried_for_ever(town: Town) -> None:
    await agree(town)
    await town.settled()
    question = await town.bob.run(town.guild, "cancel")
    paypal_of(town).faults.add("status", CANCEL, method="POST", times=None, status=422)
    reply = await question.press("Cancel subscription")
    assert "### Not cancelled\n" in reply.text
    await town.settled()
    await comes_to_rest(town)
    assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text
