"""The effects of an admin's link in the ledger, and the pages that it keeps closed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from billing.errors import Conflict, NotAllowed, NotFound
from billing.model import Binding, BoundBy
from billing.signing import Signer
from billing.use_cases.link_member import Ask, find_linkable, had_mask, link, open_page, unlink
from billing.use_cases.manage import manage_link
from billing.use_cases.subscribe import offer
from providers.paypal.provider import PayPalProvider
from standins.clock import MovableClock
from tests.rules.builders import (
    ADMIN,
    GUILD,
    MEMBER,
    OTHER_MEMBER,
    ROLE,
    SECOND_ROLE,
    make_key,
    make_plan,
    make_price,
    make_subscription,
)
from tests.rules.harness import RulesHarness

ASK = Ask(GUILD, MEMBER, make_key(), ADMIN, owner=False)


@pytest.fixture
async def before(world: RulesHarness) -> RulesHarness:
    """Somebody has paid since before the bot; the plan has two roles, one of which the member has."""
    await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
    world.roles_of().add(SECOND_ROLE)
    await world.change(make_subscription(at=world.now))
    return world


async def linked(world: RulesHarness, ask: Ask = ASK) -> int:
    made = await link(world.ports, ask, *await find_linkable(world.ports, ask))
    await world.settle()
    return had_mask(made)


async def test_a_linked_subscription_gives_roles_but_not_its_billing_page(before: RulesHarness) -> None:
    await linked(before)
    found = await before.recorded()
    assert (found.binding, found.bound_by) == (Binding(GUILD, MEMBER), BoundBy.ADMIN)
    assert before.roles_of() == {ROLE, SECOND_ROLE}
    with pytest.raises(NotAllowed):
        await manage_link(before.ports, MEMBER, make_key())
    assert before.provider.count("manage_link") == 0


async def test_one_customer_can_pay_for_other_members(before: RulesHarness) -> None:
    """The customer's owner stays the same: a link says nothing about it."""
    await before.subscribe("sub_2")  # MEMBER's own, with the same customer
    await linked(before, replace(ASK, member_id=OTHER_MEMBER))
    assert (await before.recorded()).binding == Binding(GUILD, OTHER_MEMBER)


async def test_a_linked_members_purchase_does_not_reuse_the_payers_customer(before: RulesHarness) -> None:
    await linked(before)
    second = make_plan(2, 900, prices=(make_price("price_2", "prod_2"),))
    await offer(before.ports, GUILD, MEMBER, await before.add_plan(second))
    assert before.provider.orders[-1].customer_id is None
    await open_page(before.ports, GUILD, make_key(), ADMIN, owner=True)
    await manage_link(before.ports, MEMBER, make_key())
    third = make_plan(3, 901, prices=(make_price("price_3", "prod_3"),))
    await offer(before.ports, GUILD, MEMBER, await before.add_plan(third))
    assert before.provider.orders[-1].customer_id == "cus_1"


async def test_undoing_a_link_takes_the_roles_it_gave(before: RulesHarness) -> None:
    had = await linked(before)
    await unlink(before.ports, GUILD, make_key(), ADMIN, had)
    await before.settle()
    assert before.roles_of() == {SECOND_ROLE}
    with pytest.raises(Conflict):
        await unlink(before.ports, GUILD, make_key(), ADMIN, had)


async def test_a_subscription_bought_here_cannot_be_unlinked(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    with pytest.raises(Conflict):
        await unlink(world.ports, GUILD, make_key(), ADMIN, 0)
    assert world.roles_of() == {ROLE}


async def test_an_unknown_subscription_cannot_be_linked(before: RulesHarness) -> None:
    with pytest.raises(NotFound):
        await find_linkable(before.ports, replace(ASK, key=make_key("sub_9")))


async def test_only_the_owner_opens_a_linked_billing_page(before: RulesHarness) -> None:
    await linked(before)
    with pytest.raises(NotAllowed):
        await open_page(before.ports, GUILD, make_key(), ADMIN, owner=False)
    await open_page(before.ports, GUILD, make_key(), ADMIN, owner=True)
    assert await manage_link(before.ports, MEMBER, make_key())
    history = await before.ledger.load_history(GUILD, MEMBER, 9)
    assert [one.who for one in history if one.why == "linked"] == [str(ADMIN), str(ADMIN)]


@pytest.mark.parametrize("bound_by", list(BoundBy))
async def test_a_linked_paypal_subscription_is_not_signed(bound_by: BoundBy) -> None:
    """A link is no proof; a signature at PayPal would look like one once the ledger is lost."""
    paypal = PayPalProvider(
        "id",
        "secret",
        ("hook",),
        "http://127.0.0.1:9",
        MovableClock(),
        ca_file=Path("x"),
        signer=Signer([bytes(32)]),
    )
    theirs = replace(make_subscription(), provider_status="ACTIVE")
    lacks = paypal.lacks_payer(theirs, Binding(GUILD, MEMBER), bound_by)
    assert lacks is (bound_by in (BoundBy.PAGE, BoundBy.PROVIDER))
    await paypal.close()
