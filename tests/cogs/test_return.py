"""Whoever comes back from a payment page rings the bell, and nobody else does."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from standins.discord import Reply
from tests.cogs.town import Town, running
from tests.faults.attackers.shop import open_shop, paypal_of

PATIENCE = 20
BOTH = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)


async def come_back(url: str, method: str = "GET") -> str:
    async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
        assert answer.status == 200
        return await answer.text()


async def get_role(town: Town) -> None:
    async with asyncio.timeout(PATIENCE):
        while not town.roles():  # noqa: ASYNC110 - a role that is given wakes nobody here
            await asyncio.sleep(0.02)


def url_of(reply: Reply, provider: str) -> str:
    (url,) = [b.url for b in reply.buttons if b.url and provider in b.label.casefold()]
    return url


async def pay(town: Town, provider: str) -> str:
    """On the provider's page, with every webhook refused; where it leads back to."""
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    url = url_of(reply, provider)
    if provider == "paypal":
        return paypal_of(town).approve(url)
    session = town.stripe.world.get("checkout.session", url.rsplit("/", 1)[1])
    town.stripe.pay_checkout(url)
    return str(session["success_url"])


def deaf(town: Town) -> None:
    """Neither provider's notifications are believed."""
    town.secret, town.hook = "whsec_wrong", "0WRONG00000000000"


@BOTH
@pytest.mark.parametrize("provider", ["stripe", "paypal"])
async def test_the_role_is_there_at_the_return_with_every_webhook_refused(
    still_town: Town, provider: str
) -> None:
    deaf(still_town)
    async with running(still_town) as process:
        await open_shop(still_town)
        back = await pay(still_town, provider)
        assert not still_town.roles()
        pages = await process.ledger.load_unfinished(still_town.bob.id, 0, 9)
        (carried,) = parse_qs(urlsplit(back).query)["checkout"]
        assert carried in [page.return_id for page in pages]
        assert not [page for page in pages if page.id in back]
        assert "Thank you!" in await come_back(back)
        await get_role(still_town)


@BOTH
@pytest.mark.parametrize("provider", ["stripe", "paypal"])
@pytest.mark.parametrize("command", ["subscribe", "subscriptions"])
async def test_a_member_s_own_command_looks_as_well_and_nobody_pays_twice(
    still_town: Town, provider: str, command: str
) -> None:
    deaf(still_town)
    async with running(still_town):
        await open_shop(still_town)
        await pay(still_town, provider)
        reply = await still_town.bob.run(still_town.guild, command)
        assert not [button.url for button in reply.buttons if button.url]
        assert ("You have this" if command == "subscribe" else "Renews on") in reply.text
        await get_role(still_town)


def asked(town: Town) -> list[str]:
    return [e.path for e in town.stripe.exchanges if re.search("/checkout/sessions/cs_", e.path)]


async def test_an_unknown_id_and_a_mere_look_ring_nobody(town: Town) -> None:
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    (link,) = [button.url for button in reply.buttons if button.url]
    session = town.stripe.world.get("checkout.session", link.rsplit("/", 1)[1])
    home = f"http://127.0.0.1:{town.port}/return?from=paid"
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
    assert asked(town) == []
    assert await come_back(session["success_url"]) == known


async def test_a_known_id_is_looked_at_once_in_ten_seconds(town: Town) -> None:
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    (link,) = [button.url for button in reply.buttons if button.url]
    session = town.stripe.world.get("checkout.session", link.rsplit("/", 1)[1])
    for _ in range(50):
        await come_back(session["cancel_url"])
    await asyncio.sleep(0.2)
    assert len(asked(town)) == 1
    assert not town.roles()
    town.clock.advance(11)
    await come_back(session["success_url"])
    async with asyncio.timeout(PATIENCE):
        while len(asked(town)) < 2:  # noqa: ASYNC110 - a call wakes nobody here
            await asyncio.sleep(0.02)


async def test_a_flood_of_unknown_ids_is_let_go(town: Town) -> None:
    for number in range(5_000):
        town.ports.arrivals.come_back(f"unknown-{number}")
    await town.sell()
    await town.buy()
    assert town.roles() == ["Gold"]
    assert asked(town) == []


@pytest.mark.parametrize("paid", [True, False])
async def test_a_first_payment_that_takes_days_is_said_and_not_sold_again(town: Town, *, paid: bool) -> None:
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    (link,) = [button.url for button in reply.buttons if button.url]
    town.stripe.world.settings.delay_next = 1
    assert town.stripe.pay_checkout(link)["payment_status"] == "unpaid"
    await town.settled()
    for _ in range(3):
        reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
        assert "Your first payment for this is on its way" in reply.text
        assert [button.label for button in reply.buttons] == ["Manage"]
        assert "It is on its way" in (await town.bob.run(town.guild, "subscriptions")).text
        assert not town.roles()
        await town.turn(86_400)
    (sub,) = town.stripe.world.all("subscription")
    assert sub["status"] == "incomplete"
    town.stripe.dashboard.settle_debit(sub["id"], paid=paid)
    await town.settled()
    assert town.roles() == (["Gold"] if paid else [])
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert ("You have this" in reply.text) is paid
    assert bool([button.url for button in reply.buttons if button.url]) is not paid


async def test_a_provider_that_does_not_say_is_named_before_anything_is_offered(town: Town) -> None:
    await town.sell()
    await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    town.stripe.faults.add("status", status=500, times=None)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "Stripe did not say whether a payment page that you opened earlier was paid" in reply.text
    reply = await town.bob.run(town.guild, "subscriptions")
    assert "don't pay again" in reply.text
