"""Faults of PayPal over a whole subscription: bought, cancelled, bought again, revoked, refunded.

However PayPal answers, each request is carried out once, and reported as done only after that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.use_cases.plans import PlanUpdate, add_plan
from i18n.plain import plain_words
from providers.paypal import api
from providers.paypal.api import KEY_AT_FAULT
from standins.discord import Person
from standins.paypal import PayPalServer
from standins.paypal.state import Subscription
from tests.app.harness import DAY, MONTH, AppHarness, link_of, running
from tests.app.newcomers import newcomer
from tests.outages.helpers import cards, changes_of, comes_to_rest, patiently, swept
from tests.outages.troubles import FAULTS, SILENT, Trouble, said_truly

pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)

MAKE = r"/v1/billing/subscriptions$"
ONE = r"/v1/billing/subscriptions/I-\w+$"
CANCEL = r"/v1/billing/subscriptions/I-\w+/cancel$"
TOKEN = r"/v1/oauth2/token$"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own tries follow at once."""
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.001))


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    """Gold is sold for $5 a month."""
    paypal = paypal_of(idle_app)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    async with running(idle_app):
        wanted = PlanUpdate("Gold", add_role=idle_app.gold.id, price_ids={"paypal": sold})
        await add_plan(idle_app.ports, idle_app.guild.id, wanted, idle_app.ada.id)
        yield idle_app


def paypal_of(app: AppHarness) -> PayPalServer:
    assert app.paypal is not None
    return app.paypal


def bought_by(app: AppHarness, who: Person | None = None) -> list[Subscription]:
    """The agreements that somebody made, in order."""
    mine = f"{(who or app.bob).id}@example.com"
    return [s for s in paypal_of(app).world.all("subscription") if s.buyer and s.buyer.email == mine]


async def agree(app: AppHarness, who: Person | None = None) -> None:
    """To the agreement, and no further."""
    who = who or app.bob
    reply = await who.run(app.guild, "subscribe", {"plan": "Gold"})
    paypal_of(app).approve(link_of(reply), email=f"{who.id}@example.com")


def happened(app: AppHarness, kind: str) -> int:
    """How many of a kind of events PayPal told."""
    return sum(event["event_type"] == kind for event in paypal_of(app).events)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, None], ids=["once", "until it is over"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_whole_subscription_comes_out_right_despite_each_fault_of_paypal(
    app: AppHarness, limit: pytest.MonkeyPatch, fault: dict[str, Any], times: int | None
) -> None:
    trouble = Trouble(paypal_of(app), limit, fault, times)
    await bought(app, trouble)
    await cancelled(app, trouble)
    await taken_anew(app, trouble)
    await revoked(app, trouble)
    await comes_to_rest(app)


async def bought(app: AppHarness, trouble: Trouble) -> None:
    trouble.strike("POST", MAKE)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    trouble.end()
    links = [button for button in reply.buttons if button.url]
    assert links or SILENT in reply.text or plain_words(KEY_AT_FAULT) in reply.text
    link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    trouble.strike("GET", ONE)
    paypal_of(app).approve(link, email=f"{app.bob.id}@example.com")
    await app.settled()
    trouble.end()
    await patiently(app, lambda: app.roles() == ["Gold"])
    assert changes_of(app) == ["+Gold"]
    assert [one.status for one in bought_by(app)] == ["ACTIVE"]


async def cancelled(app: AppHarness, trouble: Trouble) -> None:
    question = await app.bob.run(app.guild, "cancel")
    trouble.strike("POST", CANCEL)
    reply = await question.press("Cancel subscription")
    said_truly(reply, "### Cancelled", bought_by(app)[0].status == "CANCELLED")
    trouble.end()
    await patiently(app, lambda: bought_by(app)[0].status == "CANCELLED")
    await patiently(app, lambda: cards(app.bob, "### Cancelled") != [])
    assert happened(app, "BILLING.SUBSCRIPTION.CANCELLED") == 1
    assert changes_of(app) == ["+Gold"]


async def taken_anew(app: AppHarness, trouble: Trouble) -> None:
    """From the end of what is paid on, so that nothing is paid twice."""
    card = await app.bob.run(app.guild, "subscriptions")
    trouble.strike("POST", MAKE)
    reply = await card.press("Subscribe again")
    trouble.end()
    if not reply.buttons:
        reply = await card.press("Subscribe again")
    paypal_of(app).approve(link_of(reply), email=f"{app.bob.id}@example.com")
    await app.settled()
    assert [one.status for one in bought_by(app)] == ["CANCELLED", "ACTIVE"]
    assert happened(app, "PAYMENT.SALE.COMPLETED") == 1
    assert changes_of(app) == ["+Gold"]


async def revoked(app: AppHarness, trouble: Trouble) -> None:
    order = {"member": app.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    question = await app.ada.run(app.guild, "revoke", order)
    trouble.strike("POST", CANCEL)
    trouble.strike("POST", "/refund$")
    await question.press("Revoke access")
    await app.world.until(lambda: app.roles() == [], "the role to go, whatever PayPal does")
    trouble.end()
    await patiently(app, lambda: {one.status for one in bought_by(app)} == {"CANCELLED"})
    await patiently(app, lambda: happened(app, "PAYMENT.SALE.REFUNDED") == 1)
    await app.turn(DAY)
    assert happened(app, "PAYMENT.SALE.REFUNDED") == 1
    assert happened(app, "BILLING.SUBSCRIPTION.CANCELLED") == 2
    assert paypal_of(app).dashboard.last_sale(bought_by(app)[0].id).status == "REFUNDED"
    assert changes_of(app) == ["+Gold", "-Gold"]


# -- what is asked of itself, not for somebody -------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("call", [("GET", ONE), ("POST", TOKEN)], ids=["subscription", "token"])
async def test_a_sweep_takes_no_role_if_paypals_answer_fails(
    app: AppHarness, limit: pytest.MonkeyPatch, fault: dict[str, Any], call: tuple[str, str]
) -> None:
    """The next sweep finds an end whose notification was lost."""
    for name in ("dora", "emil"):
        await agree(app, await newcomer(app, name))
        await app.settled()
    paypal_of(app).revoke_token()
    trouble = Trouble(paypal_of(app), limit, fault, None)
    trouble.strike(*call)
    await swept(app)
    assert [e["removed"] for e in app.world.audit] == [[], []]
    trouble.end()
    paypal_of(app).delivery_faults.drop = 100
    gone = paypal_of(app).world.all("subscription")[0]
    paypal_of(app).dashboard.refund(paypal_of(app).dashboard.last_sale(gone.id).id)
    paypal_of(app).dashboard.cancel(gone.id)
    await app.turn(MONTH + DAY)
    await swept(app)
    await app.world.until(lambda: len(app.world.audit) == 3, "the role that is owed no more to go")
    assert app.world.audit[-1]["removed"] == ["Gold"]


async def test_empty_lists_lift_no_dispute(app: AppHarness) -> None:
    """A payment that is asked back bars the access; that PayPal lists nothing is no word on it."""
    await agree(app)
    await app.settled()
    sale = paypal_of(app).dashboard.last_sale(bought_by(app)[0].id)
    paypal_of(app).dashboard.dispute(sale.id)
    await patiently(app, lambda: app.roles() == [])
    paypal_of(app).faults.add("empty", "/v1/", method="GET", times=None)
    await swept(app)
    await app.turn(DAY)
    assert changes_of(app) == ["+Gold", "-Gold"]


async def test_a_payment_recovered_during_a_paypal_outage_keeps_the_role_past_the_grace(
    app: AppHarness,
) -> None:
    """Both notifications are lost, and PayPal is slow: the role is not even taken for a moment."""
    await agree(app)
    await app.settled()
    paypal_of(app).dashboard.fail_next_payment()
    await app.turn(MONTH)
    assert cards(app.bob, "failed") != []
    paypal_of(app).delivery_faults.drop = 1000
    held = paypal_of(app).faults.add("status", ONE, method="GET", times=None, status=503)
    await app.turn(7 * DAY)
    assert happened(app, "PAYMENT.SALE.COMPLETED") == 2
    assert app.roles() == ["Gold"]
    paypal_of(app).faults.waiting.remove(held)
    await swept(app)
    assert changes_of(app) == ["+Gold"]
    assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_a_request_that_paypal_refuses_is_reported_and_not_retried_forever(app: AppHarness) -> None:
    await agree(app)
    await app.settled()
    question = await app.bob.run(app.guild, "cancel")
    paypal_of(app).faults.add("status", CANCEL, method="POST", times=None, status=422)
    reply = await question.press("Cancel subscription")
    assert "### Not cancelled\n" in reply.text
    await app.settled()
    await comes_to_rest(app)
    assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text
