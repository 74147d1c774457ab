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
from standins.paypal import PayPalServer, people, subscriptions
from tests.cogs.test_paypal import approve_link, paypal_of
from tests.cogs.town import MONTH, Town, running

pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
KEY, NEXT_KEY = bytes(range(32)), bytes(range(1, 33))


def sold(town: Town) -> str:
    """The plan at PayPal, made once."""
    paypal = paypal_of(town)
    plans = paypal.world.all("plan")
    plan = plans[0] if plans else paypal.add_plan(paypal.add_product("Gold"), "5.00")
    return str(plan["id"])


async def sell(town: Town) -> None:
    plan = await town.sell()
    edit = PlanUpdate(price_ids={"paypal": sold(town)})
    await edit_plan(town.ports, plan.guild_id, plan.id, edit, town.ada.id)


async def buy(town: Town, who: Person | None = None) -> str:
    reply = await (who or town.bob).run(town.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(town).approve(approve_link(reply))
    await town.settled()
    found = re.search(r"subscription_id=(I-\w+)", back)
    assert found
    return found.group(1)


def signed(paypal: PayPalServer, subscription_id: str) -> str:
    return str(paypal.subscription(subscription_id).custom_id)


async def recorded(town: Town, subscription_id: str) -> Subscription | None:
    return await town.ports.ledger.load_subscription(SubscriptionKey("paypal", "sandbox", subscription_id))


async def notified(town: Town, subscription_id: str) -> None:
    """Any further notification about a subscription."""
    paypal_of(town).dashboard.suspend(subscription_id)
    paypal_of(town).dashboard.activate(subscription_id)
    await town.settled()


def make(town: Town, custom_id: str) -> str:
    """As somebody in a browser with the public client id: a subscription of their own making, paid."""
    paypal = paypal_of(town)
    made = subscriptions.create(paypal.world, {"plan_id": sold(town), "custom_id": custom_id})
    link = f"{paypal.url}/webapps/billing/subscriptions?ba_token={made.ba_token}"
    people.approve(paypal.world, link, paypal.world.buyer("eve@example.com"))
    paypal.acted()
    return made.id


async def test_the_subscription_shows_whose_it_is_once_it_runs(still_town: Town) -> None:
    town = still_town
    town.signer = Signer([KEY])
    async with running(town):
        await sell(town)
        page = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
        (waiting,) = paypal_of(town).world.all("subscription")
        before = str(waiting.custom_id)
        paypal_of(town).approve(approve_link(page))
        await town.settled()
    after = signed(paypal_of(town), waiting.id)
    whose = Binding(town.guild.id, town.bob.id)
    for text, proven in ((before, False), (after, True)):
        claim = town.signer.read(text, waiting.id)
        assert claim is not None
        assert Binding(claim.guild_id or 0, claim.member_id) == whose
        assert claim.proven is proven
    patches = [one for one in paypal_of(town).exchanges if one.method == "PATCH"]
    assert len(patches) == 1, "it is written once"
    assert [dm.text for dm in town.bob.dms if "Thank you" in dm.text][1:] == []


async def test_an_empty_ledger_finds_the_payer_with_the_next_notification(still_town: Town) -> None:
    town = still_town
    town.signer = Signer([KEY])
    async with running(town):
        await sell(town)
        bought = await buy(town)
    town.path.unlink()
    paypal_of(town).world.settings.search_allowed = False
    async with running(town):
        await sell(town)
        assert await recorded(town, bought) is None
        await notified(town, bought)
        found = await recorded(town, bought)
        assert found is not None
        assert found.binding == Binding(town.guild.id, town.bob.id)
        assert found.bound_by is BoundBy.PROVIDER
        assert "Renews on" in (await town.bob.run(town.guild, "subscriptions")).text
        assert town.roles() == ["Gold"]
        paypal_of(town).dashboard.cancel(bought)
        await town.turn(MONTH + 86_400)
        assert town.roles() == []


async def test_where_the_application_may_search_one_sweep_finds_every_payer(still_town: Town) -> None:
    """Also one who pays by the year and paid most of a year ago, and of whom nothing else is heard."""
    town = still_town
    town.signer = Signer([KEY])
    paypal = paypal_of(town)
    paypal.add_plan(paypal.add_product("Gold"), "50.00", "YEAR")
    async with running(town):
        await sell(town)
        bought = await buy(town)
        await town.turn(300 * 86_400)
    town.path.unlink()
    paypal.exchanges.clear()
    async with running(town):
        await sell(town)
        assert await sweep(town.ports) == []
        await town.settled()
        found = await recorded(town, bought)
        assert found is not None
        assert found.binding == Binding(town.guild.id, town.bob.id)
        assert "Renews on" in (await town.bob.run(town.guild, "subscriptions")).text
        asked = [one.query for one in paypal.exchanges if one.path == "/v1/reporting/transactions"]
        assert len(asked) > 30, "three years, by 31 days"
        paypal.exchanges.clear()
        assert await sweep(town.ports) == []
        asked = [one.query for one in paypal.exchanges if one.path == "/v1/reporting/transactions"]
        assert len(asked) == 1, "from then on only what was paid since"
        assert "PayPal's payers are found by one sweep" in (await town.ada.run(town.guild, "doctor")).text


async def test_without_that_right_nothing_else_fails_and_the_doctor_says_so(still_town: Town) -> None:
    town = still_town
    town.signer = Signer([KEY])
    paypal_of(town).world.settings.search_allowed = False
    async with running(town):
        await sell(town)
        bought = await buy(town)
    town.path.unlink()
    async with running(town):
        await sell(town)
        assert await sweep(town.ports) == []
        assert await recorded(town, bought) is None
        doctor = await town.ada.run(town.guild, "doctor")
        assert "**PayPal transaction search**: The application may not search transactions" in doctor.text
        paypal_of(town).world.settings.search_allowed = True
        assert await sweep(town.ports) == []
        assert await recorded(town, bought) is not None, "once it is granted, as far back as PayPal tells"


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_a_search_that_fails_keeps_the_sweep_from_nothing(still_town: Town, status: int) -> None:
    town = still_town
    town.signer = Signer([KEY])
    async with running(town):
        await sell(town)
        bought = await buy(town)
        paypal_of(town).faults.add("status", "/v1/reporting", status=status, times=None)
        paypal_of(town).delivery_faults.drop = 1000
        paypal_of(town).dashboard.cancel(bought)
        town.clock.advance(400)
        await sweep(town.ports)
        await town.settled()
        if status != 429:  # which PayPal says of everything
            found = await recorded(town, bought)
            assert found is not None
            assert found.provider_status == "CANCELLED"


def same_page(town: Town, old: str) -> str:
    return str(town.signer.new_page(Binding(town.guild.id, town.bob.id)))


def own_old(town: Town, old: str) -> str:
    return signed(paypal_of(town), old)


def other_server(town: Town, old: str) -> str:
    return town.signer.of_subscription(Binding(town.guild.id + 1, town.bob.id), old)


def plain(town: Town, old: str) -> str:
    return f"{town.guild.id}:{town.bob.id}"


def other_key(town: Town, old: str) -> str:
    return Signer([NEXT_KEY]).new_page(Binding(town.guild.id, town.bob.id))


def altered(town: Town, old: str) -> str:
    raw = bytearray(base64.urlsafe_b64decode(own_old(town, old)[6:]))
    raw[15] ^= 1
    return "dues1." + base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize("forge", [same_page, own_old, other_server, plain, other_key, altered])
@pytest.mark.parametrize("known", [True, False])
async def test_what_a_payer_can_copy_binds_nothing(
    still_town: Town, forge: Callable[[Town, str], str], known: bool
) -> None:
    """Whether the ledger knows the copied purchase or was lost meanwhile."""
    town = still_town
    town.signer = Signer([KEY])
    async with running(town):
        await sell(town)
        old = await buy(town)
    if not known:
        town.path.unlink()
    async with running(town):
        if not known:
            await sell(town)
        forged = make(town, forge(town, old))
        await town.settled()
        found = await recorded(town, forged)
        assert found is not None
        assert found.binding is None
        claim = town.signer.read(signed(paypal_of(town), forged), forged)
        assert claim is None or not claim.proven, "the bot signs nothing for it either"


async def test_the_page_id_of_another_members_purchase_gives_them_nothing(still_town: Town) -> None:
    """The page was paid on already; somebody copies its id onto a subscription of their own."""
    town = still_town
    town.signer = Signer([KEY])
    async with running(town):
        await sell(town)
        page = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
        (waiting,) = paypal_of(town).world.all("subscription")
        stolen = str(waiting.custom_id)
        paypal_of(town).approve(approve_link(page))
        await town.settled()
        forged = make(town, stolen)
        await town.settled()
        found = await recorded(town, forged)
        assert found is not None
        assert found.binding is None


async def test_a_new_key_signs_what_the_old_one_had_signed(still_town: Town) -> None:
    town = still_town
    town.signer = Signer([KEY])
    async with running(town):
        await sell(town)
        bought = await buy(town)
    town.signer = Signer([NEXT_KEY, KEY])
    async with running(town):
        await sweep(town.ports)
        await town.settled()
    claim = Signer([NEXT_KEY]).read(signed(paypal_of(town), bought), bought)
    assert claim is not None
    assert claim.proven


async def test_what_was_sold_before_there_was_a_key_is_signed_by_the_sweep(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await sell(town)
        bought = await buy(town)
        assert len(signed(paypal_of(town), bought)) == 32
    town.signer = Signer([KEY])
    async with running(town):
        await sweep(town.ports)
        await town.settled()
        claim = town.signer.read(signed(paypal_of(town), bought), bought)
        assert claim is not None
        assert claim.proven


async def test_a_refused_signature_costs_nobody_a_role(still_town: Town) -> None:
    town = still_town
    town.signer = Signer([KEY])
    paypal_of(town).faults.add("status", method="PATCH", status=403, times=None)
    async with running(town):
        await sell(town)
        await buy(town)
        assert town.roles() == ["Gold"]
        assert "Renews on" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_without_a_key_ids_are_as_before(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await sell(town)
        bought = await buy(town)
    assert len(signed(paypal_of(town), bought)) == 32
    assert not [one for one in paypal_of(town).exchanges if one.method == "PATCH"]
