"""Plans on sale, and payment pages."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from billing.errors import ProviderRefused, ProviderUnavailable
from billing.model import Intent, IntentKind, Item, OverrideKind, Plan, Status
from billing.use_cases.cancel import cancel
from billing.use_cases.expire_checkouts import expire_checkouts
from billing.use_cases.manage import manage_link
from billing.use_cases.subscribe import STALE_BEFORE_EXPIRY, load_sale, offer
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    OTHER_MEMBER,
    ROLE,
    SECOND_ROLE,
    make_checkout,
    make_override,
    make_plan,
    make_price,
    make_subscription,
)
from tests.rules.fakes import FakeProvider
from tests.rules.harness import RulesHarness

TRIAL = make_plan(trial_days=14)


@pytest.fixture
async def plan(world: RulesHarness) -> Plan:
    return await world.add_plan()


async def test_only_plans_on_sale_are_shown(world: RulesHarness, plan: Plan) -> None:
    await world.add_plan(replace(make_plan(2, prices=(make_price("p2", "x"),)), hidden=True))
    await world.add_plan(replace(make_plan(3, prices=(make_price("p3", "x"),)), removed_at=1))
    await world.add_plan(make_plan(4, prices=()))
    assert await load_sale(world.ports, GUILD) == [plan]
    assert await load_sale(world.ports, OTHER_GUILD) == []


async def test_a_paid_checkout_gives_the_role(world: RulesHarness, plan: Plan) -> None:
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    (way,) = offered.ways
    assert (way.provider, way.title, way.price) == ("stripe", "Stripe", plan.prices[0])
    assert way.url == "https://pay.example/1"
    (order,) = world.provider.orders
    assert order.plan_name == plan.name
    assert order.return_url == "http://dues.example/return"
    kept = await world.ledger.load_checkout(order.checkout.id)
    assert kept is not None
    assert (kept.guild_id, kept.member_id, kept.plan_id) == (GUILD, MEMBER, plan.id)
    assert kept.session_id == "cs_1"
    await world.subscribe(checkout_id=order.checkout.id)
    assert world.roles_of() == {ROLE}


async def test_checkout_ids_cannot_be_guessed(world: RulesHarness, plan: Plan) -> None:
    for member in range(20):
        await offer(world.ports, GUILD, member, plan)
    ids = {order.checkout.id for order in world.provider.orders}
    assert len(ids) == 20
    assert all(len(name) >= 32 for name in ids)


async def test_a_repeated_request_gets_the_same_checkout(world: RulesHarness, plan: Plan) -> None:
    urls = [(await offer(world.ports, GUILD, MEMBER, plan)).ways[0].url for _ in range(3)]
    assert set(urls) == {"https://pay.example/1"}


async def test_simultaneous_requests_get_one_checkout(world: RulesHarness, plan: Plan) -> None:
    """Two pages could both be paid on."""
    offers = await asyncio.gather(*(offer(world.ports, GUILD, MEMBER, plan) for _ in range(3)))
    assert {offered.ways[0].url for offered in offers} == {"https://pay.example/1"}


async def test_another_member_gets_another_checkout(world: RulesHarness, plan: Plan) -> None:
    await offer(world.ports, GUILD, MEMBER, plan)
    assert (await offer(world.ports, GUILD, OTHER_MEMBER, plan)).ways[0].url == "https://pay.example/2"


async def test_a_checkout_that_soon_expires_is_replaced(world: RulesHarness, plan: Plan) -> None:
    await offer(world.ports, GUILD, MEMBER, plan)
    world.clock.advance(DAY - STALE_BEFORE_EXPIRY - 1)
    assert (await offer(world.ports, GUILD, MEMBER, plan)).ways[0].url == "https://pay.example/1"
    world.clock.advance(1)
    assert (await offer(world.ports, GUILD, MEMBER, plan)).ways[0].url == "https://pay.example/2"


async def test_a_checkout_for_an_old_price_is_replaced(world: RulesHarness, plan: Plan) -> None:
    await offer(world.ports, GUILD, MEMBER, plan)
    dearer = replace(plan, prices=(make_price("price_new", amount=900),))
    await world.ledger.record_plan(dearer, "admin", world.now)
    assert (await offer(world.ports, GUILD, MEMBER, dearer)).ways[0].url == "https://pay.example/2"


async def test_a_returning_member_pays_as_the_same_customer(world: RulesHarness, plan: Plan) -> None:
    sub = await world.subscribe()
    await manage_link(world.ports, MEMBER, sub.key)
    await world.change(replace(sub, status=Status.ENDED))
    await offer(world.ports, GUILD, MEMBER, plan)
    await offer(world.ports, GUILD, OTHER_MEMBER, plan)
    assert [order.customer_id for order in world.provider.orders] == ["cus_1", None]


async def test_a_member_who_cancelled_in_discord_pays_as_the_same_customer(
    world: RulesHarness, plan: Plan
) -> None:
    sub = await world.subscribe()
    await cancel(world.ports, MEMBER, sub.key)
    await world.change(replace(sub, status=Status.ENDED))
    await offer(world.ports, GUILD, MEMBER, plan)
    assert [order.customer_id for order in world.provider.orders] == ["cus_1"]


async def test_a_customer_that_may_be_another_persons_is_not_reused(world: RulesHarness, plan: Plan) -> None:
    """A friend paid on the member's page: nothing shows that the member has used that customer themselves.
    An admin's revocation does not show it either."""
    sub = await world.subscribe()
    intent = Intent("intent", IntentKind.CANCEL_AT_PERIOD_END, sub.key, ADMIN, "", world.now)
    await world.ledger.record_intent(intent)
    await world.change(replace(sub, status=Status.ENDED))
    await offer(world.ports, GUILD, MEMBER, plan)
    assert [order.customer_id for order in world.provider.orders] == [None]


async def test_a_customer_of_another_server_is_not_reused(world: RulesHarness, plan: Plan) -> None:
    """In this server's portal they could switch their other subscription to a price sold here."""
    await world.ledger.record_checkout(replace(make_checkout("there"), guild_id=OTHER_GUILD))
    await world.change(make_subscription("sub_there", at=world.now, checkout_id="there"))
    await offer(world.ports, GUILD, MEMBER, plan)
    assert [order.customer_id for order in world.provider.orders] == [None]


async def test_a_checkout_with_other_terms_is_replaced(world: RulesHarness, plan: Plan) -> None:
    await offer(world.ports, GUILD, MEMBER, plan)
    (way,) = (await offer(world.ports, GUILD, MEMBER, replace(plan, trial_days=7))).ways
    assert (way.trial_days, way.url) == (7, "https://pay.example/2")


async def test_a_paid_checkout_is_not_shown_again(world: RulesHarness, plan: Plan) -> None:
    await offer(world.ports, GUILD, MEMBER, plan)
    sub = await world.subscribe(checkout_id=world.provider.orders[0].checkout.id)
    await world.change(replace(sub, status=Status.ENDED))
    assert (await offer(world.ports, GUILD, MEMBER, plan)).ways[0].url == "https://pay.example/2"


async def test_no_checkout_link_is_stored(world: RulesHarness, plan: Plan) -> None:
    await offer(world.ports, GUILD, MEMBER, plan)
    kept = await world.ledger.load_checkout(world.provider.orders[0].checkout.id)
    assert "https" not in repr(kept)


OVER = [Status.ENDED, Status.PENDING]


@pytest.mark.parametrize("status", [status for status in Status if status not in OVER])
async def test_a_running_subscription_is_not_sold_twice(
    world: RulesHarness, plan: Plan, status: Status
) -> None:
    """Not even while it is unpaid: the member would be billed for both."""
    sub = await world.subscribe(status=status)
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    assert (offered.has, offered.ways) == (sub, ())
    assert world.provider.orders == []


@pytest.mark.parametrize("status", OVER)
async def test_a_plan_without_a_running_subscription_can_be_bought(
    world: RulesHarness, plan: Plan, status: Status
) -> None:
    await world.subscribe(status=status)
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    assert offered.has is None
    assert len(offered.ways) == 1


async def test_no_second_checkout_is_made_while_a_payment_is_pending(world: RulesHarness, plan: Plan) -> None:
    sub = await world.subscribe(status=Status.PENDING)
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    assert offered.pending == sub
    assert [way.url for way in offered.ways] == [None]
    assert world.provider.orders == []


async def test_a_permanently_granted_plan_is_not_sold(world: RulesHarness, plan: Plan) -> None:
    await world.ledger.record_overrides([make_override(plan.id, OverrideKind.GRANT)], [], [], world.now)
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    assert (offered.entitled, offered.ways) == (True, ())


@pytest.mark.parametrize("days", [3, 30, 729])
async def test_a_temporarily_granted_plan_is_paid_from_the_grants_end(world: RulesHarness, days: int) -> None:
    plan = await world.add_plan(TRIAL)
    until = world.now + days * DAY
    grant = make_override(plan.id, OverrideKind.GRANT, until=until)
    await world.ledger.record_overrides([grant], [], [], world.now)
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    assert (offered.entitled, offered.granted_until) == (False, until)
    assert [(way.starts_at, way.trial_days) for way in offered.ways] == [(until, 0)]
    (order,) = world.provider.orders
    assert (order.starts_at, order.trial_days) == (until, 0)


@pytest.mark.parametrize("decision", ["grant_1", "dec_1-sub_1-paid"])
async def test_an_offer_tells_paid_days_given_back_from_a_grant(
    world: RulesHarness, plan: Plan, decision: str
) -> None:
    more = {"decision_id": decision, "until": world.now + 9 * DAY}
    grant = make_override(plan.id, OverrideKind.GRANT, **more)
    await world.ledger.record_overrides([grant], [], [], world.now)
    assert (await offer(world.ports, GUILD, MEMBER, plan)).gives_back is grant.is_paid


@pytest.mark.parametrize(("keeps", "starts"), [(True, False), (False, True)])
async def test_a_grant_that_ends_within_two_days_shifts_the_start_if_possible(
    world: RulesHarness, plan: Plan, *, keeps: bool, starts: bool
) -> None:
    """Stripe accepts no later start within the next 48 hours."""
    world.provider.keeps_period = keeps
    until = world.now + DAY
    grant = make_override(plan.id, OverrideKind.GRANT, until=until)
    await world.ledger.record_overrides([grant], [], [], world.now)
    (way,) = (await offer(world.ports, GUILD, MEMBER, plan)).ways
    assert way.starts_at == (until if starts else None)


async def test_a_plan_granted_longer_than_any_trial_is_not_sold(world: RulesHarness, plan: Plan) -> None:
    grant = make_override(plan.id, OverrideKind.GRANT, until=world.now + 1_000 * DAY)
    await world.ledger.record_overrides([grant], [], [], world.now)
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    assert (offered.ways, offered.granted_until) == ((), grant.until)


@pytest.mark.parametrize("plan_id", [None, 1])
@pytest.mark.parametrize("begins", [-DAY, DAY])
async def test_a_revoked_plan_is_not_sold(
    world: RulesHarness, plan: Plan, plan_id: int | None, begins: int
) -> None:
    block = make_override(plan_id, starts_at=world.now + begins, reason="spam")
    await world.ledger.record_overrides([block], [], [], world.now)
    offered = await offer(world.ports, GUILD, MEMBER, plan)
    assert offered.block is not None
    assert offered.block.reason == "spam"
    assert offered.ways == ()
    assert world.provider.orders == []


async def test_a_block_on_another_plan_or_member_does_not_stop_a_sale(
    world: RulesHarness, plan: Plan
) -> None:
    blocks = [make_override(77), replace(make_override(plan.id), member_id=OTHER_MEMBER)]
    await world.ledger.record_overrides(blocks, [], [], world.now)
    assert (await offer(world.ports, GUILD, MEMBER, plan)).block is None


class TestTrial:
    @pytest.mark.parametrize(("of_plan", "of_price", "days"), [(14, 3, 14), (None, 3, 3), (0, 3, 0)])
    async def test_the_plans_free_days_take_precedence_over_the_prices(
        self, world: RulesHarness, of_plan: int | None, of_price: int, days: int
    ) -> None:
        plan = await world.add_plan(make_plan(prices=(make_price(trial_days=of_price),), trial_days=of_plan))
        offered = await offer(world.ports, GUILD, MEMBER, plan)
        assert offered.ways[0].trial_days == days
        assert world.provider.orders[0].trial_days == days

    async def test_free_days_are_given_only_the_first_time(self, world: RulesHarness) -> None:
        plan = await world.add_plan(TRIAL)
        await world.change(replace(await world.subscribe(status=Status.TRIALING), status=Status.ENDED))
        await offer(world.ports, GUILD, MEMBER, plan)
        await offer(world.ports, GUILD, OTHER_MEMBER, plan)
        assert [order.trial_days for order in world.provider.orders] == [0, 14]

    async def test_free_days_are_not_given_again_after_a_switch(self, world: RulesHarness) -> None:
        plan = await world.add_plan(TRIAL)
        other = Item(make_price("price_2", "prod_2"))
        began = await world.subscribe(status=Status.TRIALING)
        await world.change(replace(began, status=Status.ENDED, items=(other,)))
        await offer(world.ports, GUILD, MEMBER, plan)
        assert [order.trial_days for order in world.provider.orders] == [0]


class TestFaults:
    @pytest.mark.parametrize("after", [False, True])
    async def test_an_offer_says_that_the_provider_does_not_answer(
        self, world: RulesHarness, plan: Plan, *, after: bool
    ) -> None:
        world.provider.fail("start_checkout", ProviderUnavailable(), after=after)
        (way,) = (await offer(world.ports, GUILD, MEMBER, plan)).ways
        assert way.url is None
        assert way.fault == ProviderUnavailable().user_message
        world.provider.heal()
        assert (await offer(world.ports, GUILD, MEMBER, plan)).ways[0].url is not None

    async def test_a_payment_finds_its_member_if_the_checkouts_answer_was_lost(
        self, world: RulesHarness, plan: Plan
    ) -> None:
        world.provider.fail("start_checkout", ProviderUnavailable(), after=True)
        await offer(world.ports, GUILD, MEMBER, plan)
        await world.subscribe(checkout_id=world.provider.orders[0].checkout.id)
        assert world.roles_of() == {ROLE}

    async def test_an_outage_of_one_provider_leaves_the_other(self, world: RulesHarness) -> None:
        other = FakeProvider(world.clock, name="paypal", title="PayPal")
        world.ports = replace(world.ports, providers={"stripe": world.provider, "paypal": other})
        prices = (make_price(), replace(make_price("P-1"), provider="paypal"))
        plan = await world.add_plan(make_plan(prices=prices))
        world.provider.fail("start_checkout", ProviderRefused("No."))
        ways = (await offer(world.ports, GUILD, MEMBER, plan)).ways
        assert [(way.provider, way.url, way.fault) for way in ways] == [
            ("stripe", None, "No."),
            ("paypal", "https://pay.example/1", ""),
        ]

    @pytest.mark.parametrize("elsewhere", [{"provider": "paypal"}, {"account": "live"}])
    async def test_a_price_at_a_provider_that_is_off_is_not_offered(
        self, world: RulesHarness, elsewhere: dict[str, str]
    ) -> None:
        price = replace(make_price(), **elsewhere)  # type: ignore[arg-type]  # both are strings
        plan = await world.add_plan(make_plan(prices=(price,)))
        assert (await offer(world.ports, GUILD, MEMBER, plan)).ways == ()


async def test_an_offer_without_links_makes_no_call(world: RulesHarness, plan: Plan) -> None:
    (way,) = (await offer(world.ports, GUILD, MEMBER, plan, pages=False)).ways
    assert way.url is None
    assert world.provider.orders == []
    assert world.provider.calls == []


async def test_closing_a_plans_checkouts_removes_them_from_the_cache(world: RulesHarness, plan: Plan) -> None:
    await offer(world.ports, GUILD, MEMBER, plan)
    await expire_checkouts(world.ports, GUILD, MEMBER, [plan.id + 1])
    await expire_checkouts(world.ports, OTHER_GUILD, MEMBER, None)
    assert world.provider.count("close_page") == 0
    world.provider.fail("close_page", ProviderUnavailable())
    await expire_checkouts(world.ports, GUILD, MEMBER, [plan.id])
    assert world.provider.calls[-1] == ("close_page", "cs_1")
    assert (await offer(world.ports, GUILD, MEMBER, plan)).ways[0].url == "https://pay.example/2"


async def test_an_offer_without_links_names_its_terms(world: RulesHarness) -> None:
    plan = await world.add_plan(TRIAL)
    (way,) = (await offer(world.ports, GUILD, MEMBER, plan, pages=False)).ways
    assert way.trial_days == 14


YEARLY = make_plan(2, ROLE, prices=(make_price("yearly", "prod_1", interval="year"),))


async def test_an_offer_names_another_plan_with_the_same_roles(world: RulesHarness, plan: Plan) -> None:
    yearly = await world.add_plan(YEARLY)
    assert (await offer(world.ports, GUILD, MEMBER, yearly)).beside is None
    paid = await world.subscribe()
    offered = await offer(world.ports, GUILD, MEMBER, yearly)
    assert (offered.beside, offered.beside_plan) == (paid, plan)
    assert offered.ways[0].url is not None
    await world.change(replace(paid, status=Status.ENDED))
    assert (await offer(world.ports, GUILD, MEMBER, yearly)).beside is None


async def test_an_offer_with_one_more_role_names_no_other_plan(world: RulesHarness, plan: Plan) -> None:
    both = await world.add_plan(replace(YEARLY, role_ids=(ROLE, SECOND_ROLE)))
    await world.subscribe()
    assert (await offer(world.ports, GUILD, MEMBER, both)).beside is None
