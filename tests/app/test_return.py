"""A member who returns from a payment page makes the bot check that page; nobody else can."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from standins.discord import Reply
from tests.app.harness import AppHarness, running
from tests.app.sale import open_shop, paypal_of

PATIENCE = 20
BOTH = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)


async def come_back(url: str, method: str = "GET") -> str:
    async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
        assert answer.status == 200
        return await answer.text()


async def get_role(app: AppHarness) -> None:
    async with asyncio.timeout(PATIENCE):
        while not app.roles():  # noqa: ASYNC110 - a role that is given wakes nobody here
            await asyncio.sleep(0.02)


def url_of(reply: Reply, provider: str) -> str:
    (url,) = [b.url for b in reply.buttons if b.url and provider in b.label.casefold()]
    return url


async def pay(app: AppHarness, provider: str) -> str:
    """Pay on the provider's page while every webhook is refused; returns the address to which it leads
    back."""
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    url = url_of(reply, provider)
    if provider == "paypal":
        return paypal_of(app).approve(url)
    session = app.stripe.world.get("checkout.session", url.rsplit("/", 1)[1])
    app.stripe.pay_checkout(url)
    return str(session["success_url"])


def deaf(app: AppHarness) -> None:
    """Refuse both providers' notifications."""
    app.secret, app.hook = "whsec_wrong", "0WRONG00000000000"


@BOTH
@pytest.mark.parametrize("provider", ["stripe", "paypal"])
async def test_returning_from_checkout_gives_the_role_even_if_webhooks_fail(
    idle_app: AppHarness, provider: str
) -> None:
    deaf(idle_app)
    async with running(idle_app) as process:
        await open_shop(idle_app)
        back = await pay(idle_app, provider)
        assert not idle_app.roles()
        pages = await process.ledger.load_unfinished(idle_app.bob.id, 0, 9)
        (carried,) = parse_qs(urlsplit(back).query)["checkout"]
        assert carried in [page.return_id for page in pages]
        assert not [page for page in pages if page.id in back]
        assert "Thank you!" in await come_back(back)
        await get_role(idle_app)


@BOTH
@pytest.mark.parametrize("provider", ["stripe", "paypal"])
@pytest.mark.parametrize("command", ["subscribe", "subscriptions"])
async def test_a_members_command_finds_their_payment_even_if_webhooks_fail(
    idle_app: AppHarness, provider: str, command: str
) -> None:
    deaf(idle_app)
    async with running(idle_app):
        await open_shop(idle_app)
        await pay(idle_app, provider)
        reply = await idle_app.bob.run(idle_app.guild, command)
        assert not [button.url for button in reply.buttons if button.url]
        assert ("You have this" if command == "subscribe" else "Renews on") in reply.text
        await get_role(idle_app)


def asked(app: AppHarness) -> list[str]:
    return [e.path for e in app.stripe.exchanges if re.search("/checkout/sessions/cs_", e.path)]


async def test_a_return_with_an_unknown_id_causes_no_call(app: AppHarness) -> None:
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    (link,) = [button.url for button in reply.buttons if button.url]
    session = app.stripe.world.get("checkout.session", link.rsplit("/", 1)[1])
    home = f"http://127.0.0.1:{app.port}/return?from=paid"
    known = await come_back(f"{home}&checkout=")
    for forged in (
        "x",
        "x" * 5_000,
        session["client_reference_id"],
        session["id"],
        "%00",
        "..",
        "1&checkout=2",
    ):
        assert await come_back(f"{home}&checkout={forged}") == known
    await come_back(session["success_url"], "HEAD")
    await asyncio.sleep(0.2)
    assert asked(app) == []
    assert await come_back(session["success_url"]) == known


async def test_repeated_returns_cause_one_call_in_ten_seconds(app: AppHarness) -> None:
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    (link,) = [button.url for button in reply.buttons if button.url]
    session = app.stripe.world.get("checkout.session", link.rsplit("/", 1)[1])
    for _ in range(50):
        await come_back(session["cancel_url"])
    async with asyncio.timeout(PATIENCE):
        while not asked(app):  # noqa: ASYNC110 - a call wakes nobody here
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert len(asked(app)) == 1
    assert not app.roles()
    app.clock.advance(11)
    await come_back(session["success_url"])
    async with asyncio.timeout(PATIENCE):
        while len(asked(app)) < 2:  # noqa: ASYNC110 - a call wakes nobody here
            await asyncio.sleep(0.02)


async def test_a_flood_of_unknown_return_ids_causes_no_calls(app: AppHarness) -> None:
    for number in range(5_000):
        app.ports.arrivals.come_back(f"unknown-{number}")
    await app.sell()
    await app.buy()
    assert app.roles() == ["Gold"]
    assert asked(app) == []


@pytest.mark.parametrize("paid", [True, False])
async def test_a_first_payment_that_takes_days_is_shown_and_not_sold_again(
    app: AppHarness, *, paid: bool
) -> None:
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    (link,) = [button.url for button in reply.buttons if button.url]
    app.stripe.world.settings.delay_next = 1
    assert app.stripe.pay_checkout(link)["payment_status"] == "unpaid"
    await app.settled()
    for _ in range(3):
        reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        assert "Your first payment for this plan is on its way" in reply.text
        assert [button.label for button in reply.buttons] == ["Manage"]
        assert "The first payment is on its way" in (await app.bob.run(app.guild, "subscriptions")).text
        assert not app.roles()
        await app.turn(86_400)
    (sub,) = app.stripe.world.all("subscription")
    assert sub["status"] == "incomplete"
    app.stripe.dashboard.settle_debit(sub["id"], paid=paid)
    await app.settled()
    assert app.roles() == (["Gold"] if paid else [])
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert ("You have this" in reply.text) is paid
    assert bool([button.url for button in reply.buttons if button.url]) is not paid


async def test_subscribe_says_that_the_provider_has_not_confirmed_an_open_payment(app: AppHarness) -> None:
    await app.sell()
    await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    app.stripe.faults.add("status", status=500, times=None)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert (
        "You might have already paid on a page you opened earlier. Stripe hasn't confirmed it yet"
        in reply.text
    )
    reply = await app.bob.run(app.guild, "subscriptions")
    assert "don't pay again" in reply.text
