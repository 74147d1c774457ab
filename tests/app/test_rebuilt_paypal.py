"""PayPal's payers are found again by what SECRET_KEY signed, and by nothing that a payer could write."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest

from billing.model import Binding, BoundBy, Subscription, SubscriptionKey
from billing.signing import Signer
from billing.use_cases.plans import PlanUpdate, edit_plan
from billing.use_cases.sweep import sweep
from standins.discord import Person
from standins.paypal import PayPalServer, buyers, subscriptions
from tests.app.harness import MONTH, AppHarness, running
from tests.app.test_paypal import approve_link, paypal_of

pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
KEY, NEXT_KEY = bytes(range(32)), bytes(range(1, 33))


def sold(app: AppHarness) -> str:
    """The plan at PayPal, made once."""
    paypal = paypal_of(app)
    plans = paypal.world.all("plan")
    plan = plans[0] if plans else paypal.add_plan(paypal.add_product("Gold"), "5.00")
    return str(plan["id"])


async def sell(app: AppHarness) -> None:
    plan = await app.sell()
    edit = PlanUpdate(price_ids={"paypal": sold(app)})
    await edit_plan(app.ports, plan.guild_id, plan.id, edit, app.ada.id)


async def buy(app: AppHarness, who: Person | None = None) -> str:
    reply = await (who or app.bob).run(app.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(app).approve(approve_link(reply))
    await app.settled()
    found = re.search(r"subscription_id=(I-\w+)", back)
    assert found
    return found.group(1)


def signed(paypal: PayPalServer, subscription_id: str) -> str:
    return str(paypal.subscription(subscription_id).custom_id)


async def recorded(app: AppHarness, subscription_id: str) -> Subscription | None:
    return await app.ports.ledger.load_subscription(SubscriptionKey("paypal", "sandbox", subscription_id))


async def notified(app: AppHarness, subscription_id: str) -> None:
    """Any further notification about a subscription."""
    paypal_of(app).dashboard.suspend(subscription_id)
    paypal_of(app).dashboard.activate(subscription_id)
    await app.settled()


def make(app: AppHarness, custom_id: str) -> str:
    """As somebody in a browser with the public client id: a subscription of their own making, paid."""
    paypal = paypal_of(app)
    made = subscriptions.create(paypal.world, {"plan_id": sold(app), "custom_id": custom_id})
    link = f"{paypal.url}/webapps/billing/subscriptions?ba_token={made.ba_token}"
    buyers.approve(paypal.world, link, paypal.world.buyer("eve@example.com"))
    paypal.acted()
    return made.id


async def test_a_running_paypal_subscription_carries_its_members_id(idle_app: AppHarness) -> None:
    app = idle_app
    app.signer = Signer([KEY])
    async with running(app):
        await sell(app)
        page = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        (waiting,) = paypal_of(app).world.all("subscription")
        before = str(waiting.custom_id)
        paypal_of(app).approve(approve_link(page))
        await app.settled()
    after = signed(paypal_of(app), waiting.id)
    whose = Binding(app.guild.id, app.bob.id)
    for text, proven in ((before, False), (after, True)):
        claim = app.signer.read(text, waiting.id)
        assert claim is not None
        assert Binding(claim.guild_id or 0, claim.member_id) == whose
        assert claim.proven is proven
    patches = [one for one in paypal_of(app).exchanges if one.method == "PATCH"]
    assert len(patches) == 1, "it is written once"
    assert [dm.text for dm in app.bob.dms if "Thank you" in dm.text][1:] == []


async def test_an_empty_ledger_finds_a_paypal_payer_with_the_next_notification(idle_app: AppHarness) -> None:
    app = idle_app
    app.signer = Signer([KEY])
    async with running(app):
        await sell(app)
        bought = await buy(app)
    app.path.unlink()
    paypal_of(app).world.settings.search_allowed = False
    async with running(app):
        await sell(app)
        assert await recorded(app, bought) is None
        await notified(app, bought)
        found = await recorded(app, bought)
        assert found is not None
        assert found.binding == Binding(app.guild.id, app.bob.id)
        assert found.bound_by is BoundBy.PROVIDER
        assert "Renews on" in (await app.bob.run(app.guild, "subscriptions")).text
        assert app.roles() == ["Gold"]
        paypal_of(app).dashboard.cancel(bought)
        await app.turn(MONTH + 86_400)
        assert app.roles() == []


async def test_with_transaction_search_one_sweep_finds_every_paypal_payer(idle_app: AppHarness) -> None:
    """This includes a yearly payer who paid most of a year ago and of whom no event arrives."""
    app = idle_app
    app.signer = Signer([KEY])
    paypal = paypal_of(app)
    paypal.add_plan(paypal.add_product("Gold"), "50.00", "YEAR")
    async with running(app):
        await sell(app)
        bought = await buy(app)
        await app.turn(300 * 86_400)
    app.path.unlink()
    paypal.exchanges.clear()
    async with running(app):
        await sell(app)
        assert await sweep(app.ports) == []
        await app.settled()
        found = await recorded(app, bought)
        assert found is not None
        assert found.binding == Binding(app.guild.id, app.bob.id)
        assert "Renews on" in (await app.bob.run(app.guild, "subscriptions")).text
        asked = [one.query for one in paypal.exchanges if one.path == "/v1/reporting/transactions"]
        assert len(asked) > 30, "three years, by 31 days"
        paypal.exchanges.clear()
        assert await sweep(app.ports) == []
        asked = [one.query for one in paypal.exchanges if one.path == "/v1/reporting/transactions"]
        assert len(asked) == 1, "from then on only what was paid since"
        assert (
            "a single sweep will find all PayPal subscribers again"
            in (await app.ada.run(app.guild, "doctor")).text
        )


async def test_without_transaction_search_doctor_says_so_and_nothing_fails(idle_app: AppHarness) -> None:
    app = idle_app
    app.signer = Signer([KEY])
    paypal_of(app).world.settings.search_allowed = False
    async with running(app):
        await sell(app)
        bought = await buy(app)
    app.path.unlink()
    async with running(app):
        await sell(app)
        assert await sweep(app.ports) == []
        assert await recorded(app, bought) is None
        doctor = await app.ada.run(app.guild, "doctor")
        assert (
            "**PayPal transaction search**: The application isn't allowed to search transactions"
            in doctor.text
        )
        paypal_of(app).world.settings.search_allowed = True
        assert await sweep(app.ports) == []
        assert await recorded(app, bought) is not None, "once it is granted, as far back as PayPal tells"


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_a_failed_transaction_search_does_not_stop_the_sweep(idle_app: AppHarness, status: int) -> None:
    app = idle_app
    app.signer = Signer([KEY])
    async with running(app):
        await sell(app)
        bought = await buy(app)
        paypal_of(app).faults.add("status", "/v1/reporting", status=status, times=None)
        paypal_of(app).delivery_faults.drop = 1000
        paypal_of(app).dashboard.cancel(bought)
        app.clock.advance(400)
        await sweep(app.ports)
        await app.settled()
        if status != 429:  # which PayPal says of everything
            found = await recorded(app, bought)
            assert found is not None
            assert found.provider_status == "CANCELLED"


def same_page(app: AppHarness, old: str) -> str:
    return str(app.signer.new_page(Binding(app.guild.id, app.bob.id)))


def own_old(app: AppHarness, old: str) -> str:
    return signed(paypal_of(app), old)


def other_server(app: AppHarness, old: str) -> str:
    return app.signer.of_subscription(Binding(app.guild.id + 1, app.bob.id), old)


def plain(app: AppHarness, old: str) -> str:
    return f"{app.guild.id}:{app.bob.id}"


def other_key(app: AppHarness, old: str) -> str:
    return Signer([NEXT_KEY]).new_page(Binding(app.guild.id, app.bob.id))


def altered(app: AppHarness, old: str) -> str:
    raw = bytearray(base64.urlsafe_b64decode(own_old(app, old)[6:]))
    raw[15] ^= 1
    return "dues1." + base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize("forge", [same_page, own_old, other_server, plain, other_key, altered])
@pytest.mark.parametrize("known", [True, False])
async def test_an_id_that_a_payer_can_copy_binds_no_subscription(
    idle_app: AppHarness, forge: Callable[[AppHarness, str], str], known: bool
) -> None:
    """This holds whether the ledger knows the copied purchase or was lost meanwhile."""
    app = idle_app
    app.signer = Signer([KEY])
    async with running(app):
        await sell(app)
        old = await buy(app)
    if not known:
        app.path.unlink()
    async with running(app):
        if not known:
            await sell(app)
        forged = make(app, forge(app, old))
        await app.settled()
        found = await recorded(app, forged)
        assert found is not None
        assert found.binding is None
        claim = app.signer.read(signed(paypal_of(app), forged), forged)
        assert claim is None or not claim.proven, "the bot signs nothing for it either"


async def test_another_members_checkout_id_binds_no_subscription(idle_app: AppHarness) -> None:
    """The page was paid on already; somebody copies its id onto a subscription of their own."""
    app = idle_app
    app.signer = Signer([KEY])
    async with running(app):
        await sell(app)
        page = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        (waiting,) = paypal_of(app).world.all("subscription")
        stolen = str(waiting.custom_id)
        paypal_of(app).approve(approve_link(page))
        await app.settled()
        forged = make(app, stolen)
        await app.settled()
        found = await recorded(app, forged)
        assert found is not None
        assert found.binding is None


async def test_a_new_secret_key_signs_again_what_the_old_one_signed(idle_app: AppHarness) -> None:
    app = idle_app
    app.signer = Signer([KEY])
    async with running(app):
        await sell(app)
        bought = await buy(app)
    app.signer = Signer([NEXT_KEY, KEY])
    async with running(app):
        await sweep(app.ports)
        await app.settled()
    claim = Signer([NEXT_KEY]).read(signed(paypal_of(app), bought), bought)
    assert claim is not None
    assert claim.proven


async def test_a_sweep_signs_subscriptions_sold_before_there_was_a_key(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await sell(app)
        bought = await buy(app)
        assert len(signed(paypal_of(app), bought)) == 32
    app.signer = Signer([KEY])
    async with running(app):
        await sweep(app.ports)
        await app.settled()
        claim = app.signer.read(signed(paypal_of(app), bought), bought)
        assert claim is not None
        assert claim.proven


async def test_a_refused_signature_takes_no_role(idle_app: AppHarness) -> None:
    app = idle_app
    app.signer = Signer([KEY])
    paypal_of(app).faults.add("status", method="PATCH", status=403, times=None)
    async with running(app):
        await sell(app)
        await buy(app)
        assert app.roles() == ["Gold"]
        assert "Renews on" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_without_a_secret_key_ids_are_unsigned(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await sell(app)
        bought = await buy(app)
    assert len(signed(paypal_of(app), bought)) == 32
    assert not [one for one in paypal_of(app).exchanges if one.method == "PATCH"]
