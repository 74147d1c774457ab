"""A provider that answers, and does not let the bot do what was asked of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from billing.use_cases.plans import PlanUpdate, add_plan
from tests.cogs.town import Town, link_of, running

CHANGES = {"stripe": "subscriptions/sub_", "paypal": "/cancel$"}


@pytest.fixture(params=["stripe", "paypal"])
async def provider(request: pytest.FixtureRequest) -> str:
    """Through which Bob pays."""
    name: str = request.param
    return name


@pytest.fixture
async def paid(still_town: Town, provider: str) -> AsyncIterator[Town]:
    """Bob pays for Gold."""
    town = still_town
    async with running(town):
        if provider == "stripe":
            await town.sell()
            await town.buy()
        else:
            assert town.paypal is not None
            sold = town.paypal.add_plan(town.paypal.add_product("Gold"), "5.00")["id"]
            wanted = PlanUpdate("Gold", add_role=town.gold.id, price_ids={"paypal": sold})
            await add_plan(town.ports, town.guild.id, wanted, town.ada.id)
            town.paypal.approve(link_of(await town.bob.run(town.guild, "subscribe")))
            await town.settled()
        yield town


def bar(town: Town, provider: str, status: int, path: str | None = None) -> None:
    server = town.paypal if provider == "paypal" else town.stripe
    assert server is not None
    path = CHANGES[provider] if path is None else path
    server.faults.add("status", path, method=None if path == "" else "POST", status=status, times=None)


def mend(town: Town) -> None:
    town.stripe.faults.clear()
    if town.paypal is not None:
        town.paypal.faults.clear()


pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)


async def test_a_key_that_may_not_cancel(paid: Town, provider: str, caplog: pytest.LogCaptureFixture) -> None:
    """The member hears what happened, what to do and their own way; an admin finds it; mended, it is done."""
    town, title = paid, {"stripe": "Stripe", "paypal": "PayPal"}[provider]
    asked = await town.bob.run(town.guild, "cancel")
    bar(town, provider, 403)
    with caplog.at_level(logging.WARNING, "billing"):
        reply = await asked.press("Cancel subscription")
    assert "### Not cancelled yet" in reply.text
    assert f"{title} does not let the bot do this just now, so nothing was changed there." in reply.text
    assert "tell the server's admins: /doctor" in reply.text
    assert f"You can do it at {title} yourself." in reply.text
    assert "not answering" not in reply.text
    assert link_of(reply).startswith("http")
    assert "permission" in caplog.text
    card = await town.bob.run(town.guild, "subscriptions")
    assert "Still to be done: stopping the renewal" in card.text
    found = await town.ada.run(town.guild, "doctor")
    assert f"{title} does not let the bot do what was asked of it" in found.text
    assert f"docs/setup-{provider}.md" in found.text
    mend(town)
    await town.turn(120)
    await town.bob.dm_containing("### Cancelled")
    assert "still to be done" not in (await town.ada.run(town.guild, "doctor")).text


async def test_a_key_that_was_withdrawn(paid: Town, provider: str) -> None:
    """Stripe's page cannot be made then; PayPal's has a fixed address."""
    asked = await paid.bob.run(paid.guild, "cancel")
    bar(paid, provider, 401, "")
    reply = await asked.press("Cancel subscription")
    assert "so nothing was changed there. Please tell the server's admins" in reply.text
    assert [b.label for b in reply.buttons if b.url] == (["Open PayPal"] if provider == "paypal" else [])
    assert "not accept" in (await paid.ada.run(paid.guild, "doctor")).text


async def test_what_an_admin_is_told(paid: Town, provider: str) -> None:
    order = {"member": paid.bob.user, "when": "now"}
    asked = await paid.cleo.run(paid.guild, "revoke", order)
    bar(paid, provider, 403, "" if provider == "stripe" else None)
    done = await asked.press("Revoke access")
    assert "does not let the bot do this just now:** ending the billing waits until that is" in done.text
    assert "dashboard: subscription `" in done.text
    await paid.world.until(lambda: paid.roles() == [], "the role to go all the same")


@pytest.mark.parametrize("provider", ["stripe"], indirect=True)
async def test_resuming(paid: Town, provider: str) -> None:
    receipt = await (await paid.bob.run(paid.guild, "cancel")).press("Cancel subscription")
    bar(paid, provider, 403)
    reply = await receipt.press("Resume")
    assert "### Not resumed yet" in reply.text
    assert "does not let the bot do this just now" in reply.text
    mend(paid)
    await paid.turn(120)
    await paid.bob.dm_containing("### Resumed")


@pytest.mark.parametrize("provider", ["stripe"], indirect=True)
async def test_one_servers_wishes_are_not_told_to_another(paid: Town, provider: str) -> None:
    other = paid.world.add_guild("Chess", paid.ada)
    await paid.invite(other)
    bar(paid, provider, 403)
    await (await paid.bob.run(paid.guild, "cancel")).press("Cancel subscription")
    assert "still to be done" not in (await paid.ada.run(other, "doctor")).text
