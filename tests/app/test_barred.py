"""A provider answers, but does not permit what a member or an admin requested."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from billing.use_cases.plans import PlanUpdate, add_plan
from tests.app.harness import AppHarness, link_of, running

CHANGES = {"stripe": "subscriptions/sub_", "paypal": "/cancel$"}


@pytest.fixture(params=["stripe", "paypal"])
async def provider(request: pytest.FixtureRequest) -> str:
    """The provider through which Bob pays."""
    name: str = request.param
    return name


@pytest.fixture
async def paid(idle_app: AppHarness, provider: str) -> AsyncIterator[AppHarness]:
    """Bob pays for Gold."""
    app = idle_app
    async with running(app):
        if provider == "stripe":
            await app.sell()
            await app.buy()
        else:
            assert app.paypal is not None
            sold = app.paypal.add_plan(app.paypal.add_product("Gold"), "5.00")["id"]
            wanted = PlanUpdate("Gold", add_role=app.gold.id, price_ids={"paypal": sold})
            await add_plan(app.ports, app.guild.id, wanted, app.ada.id)
            app.paypal.approve(link_of(await app.bob.run(app.guild, "subscribe")))
            await app.settled()
        yield app


def bar(app: AppHarness, provider: str, status: int, path: str | None = None) -> None:
    server = app.paypal if provider == "paypal" else app.stripe
    assert server is not None
    path = CHANGES[provider] if path is None else path
    server.faults.add("status", path, method=None if path == "" else "POST", status=status, times=None)


def mend(app: AppHarness) -> None:
    app.stripe.faults.clear()
    if app.paypal is not None:
        app.paypal.faults.clear()


pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)


async def test_a_cancellation_waits_while_the_key_lacks_the_permission(
    paid: AppHarness, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The member reads what happened and how to do it themselves; /doctor names the cause; once it is
    fixed, the bot cancels."""
    app, title = paid, {"stripe": "Stripe", "paypal": "PayPal"}[provider]
    asked = await app.bob.run(app.guild, "cancel")
    bar(app, provider, 403)
    with caplog.at_level(logging.WARNING, "billing"):
        reply = await asked.press("Cancel subscription")
    assert "### Not cancelled yet" in reply.text
    assert f"{title} won't let the bot do this right now, so nothing was changed there." in reply.text
    assert "They can use /doctor" in reply.text
    assert f"You can do it yourself at {title}." in reply.text
    assert "responding right now" not in reply.text
    assert link_of(reply).startswith("http")
    assert "permission" in caplog.text
    card = await app.bob.run(app.guild, "subscriptions")
    assert "Not done yet: Stop the renewal" in card.text
    found = await app.ada.run(app.guild, "doctor")
    assert f"{title} won't let the bot do what it was asked to" in found.text
    assert f"docs/setup-{provider}.md" in found.text
    mend(app)
    await app.turn(120)
    await app.bob.dm_containing("### Cancelled")
    assert "what it was asked to" not in (await app.ada.run(app.guild, "doctor")).text


async def test_manage_and_cancel_say_so_when_the_key_was_revoked(paid: AppHarness, provider: str) -> None:
    """Stripe's page cannot be made then; PayPal's has a fixed address."""
    asked = await paid.bob.run(paid.guild, "cancel")
    bar(paid, provider, 401, "")
    reply = await asked.press("Cancel subscription")
    assert "so nothing was changed there. Please tell the server's admins" in reply.text
    assert [b.label for b in reply.buttons if b.url] == (["Open PayPal"] if provider == "paypal" else [])
    assert "rejected" in (await paid.ada.run(paid.guild, "doctor")).text


async def test_a_revocation_tells_the_admin_what_the_key_does_not_permit(
    paid: AppHarness, provider: str
) -> None:
    order = {"member": paid.bob.user, "when": "now"}
    asked = await paid.cleo.run(paid.guild, "revoke", order)
    bar(paid, provider, 403, "" if provider == "stripe" else None)
    done = await asked.press("Revoke access")
    assert "won't let the bot do this right now, so it will wait until that's" in done.text
    assert "dashboard: subscription `" in done.text
    await paid.world.until(lambda: paid.roles() == [], "the role to go all the same")


@pytest.mark.parametrize("provider", ["stripe"], indirect=True)
async def test_a_resumption_waits_while_the_key_lacks_the_permission(paid: AppHarness, provider: str) -> None:
    receipt = await (await paid.bob.run(paid.guild, "cancel")).press("Cancel subscription")
    bar(paid, provider, 403)
    reply = await receipt.press("Resume")
    assert "### Not resumed yet" in reply.text
    assert "won't let the bot do this right now" in reply.text
    mend(paid)
    await paid.turn(120)
    await paid.bob.dm_containing("### Resumed")


@pytest.mark.parametrize("provider", ["stripe"], indirect=True)
async def test_an_admin_does_not_hear_of_requests_in_another_server(paid: AppHarness, provider: str) -> None:
    other = paid.world.add_guild("Chess", paid.ada)
    await paid.invite(other)
    bar(paid, provider, 403)
    await (await paid.bob.run(paid.guild, "cancel")).press("Cancel subscription")
    assert "Not done yet" not in (await paid.ada.run(other, "doctor")).text
