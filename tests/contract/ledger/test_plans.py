"""Plans and the settings of servers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from billing.errors import Conflict, NotFound
from billing.model import Binding, GuildSettings, Item, OverrideKind, Plan, Status, Step
from billing.ports import Ledger
from db.queries import plans
from tests.contract.ledger.nouns import (
    ANNA,
    BERT,
    GUILD,
    OTHER_GUILD,
    marks,
    override,
    plan,
    price,
    settle,
    subscription,
    sync,
)


async def test_a_plan_is_loaded_as_recorded(ledger: Ledger) -> None:
    most = plan(
        prices=(price(active=False), price("P-1", provider="paypal", trial_days=7)),
        former_prices=(price("old", interval_count=3),),
        description="All of it",
        hidden=True,
        trial_days=14,
    )
    added = await ledger.record_plan(most, "1", 10)
    assert added == replace(most, id=added.id)
    assert added.id > 0
    assert await ledger.load_plan(added.id) == added
    assert await ledger.load_plan(added.id + 1) is None


async def test_plans_are_loaded_in_the_order_they_were_added(ledger: Ledger) -> None:
    gold = await ledger.record_plan(plan(), "1", 10)
    silver = await ledger.record_plan(plan("Silver", prices=(price("price_2"),)), "1", 10)
    elsewhere = await ledger.record_plan(plan(guild_id=OTHER_GUILD), "1", 10)
    gold = await ledger.record_plan(replace(gold, name="Gold plus"), "1", 11)
    assert await ledger.load_plans(GUILD) == [gold, silver]
    assert await ledger.load_plans(OTHER_GUILD) == [elsewhere]


async def test_a_removed_plan_is_loaded_only_on_request(ledger: Ledger) -> None:
    gone = await ledger.record_plan(plan(), "1", 10)
    gone = await ledger.record_plan(replace(gone, removed_at=11), "1", 11)
    assert await ledger.load_plans(GUILD) == []
    assert await ledger.load_plans(GUILD, removed=True) == [gone]
    assert await ledger.load_plans_of([price()], 0, 9) == [gone]
    assert await ledger.load_plan(gone.id) == gone


@pytest.mark.parametrize(("first", "second"), [("Gold", "gOLD"), ("Straße", "STRASSE"), ("ÄRA", "ära")])
async def test_a_plan_name_is_unique_in_a_server(ledger: Ledger, first: str, second: str) -> None:
    added = await ledger.record_plan(plan(first), "1", 10)
    other = await ledger.record_plan(plan("Other", prices=()), "1", 10)
    for again in (plan(second, prices=()), replace(other, name=second)):
        with pytest.raises(Conflict, match=r"error.name_taken"):
            await ledger.record_plan(again, "1", 11)
    assert await ledger.load_plans(GUILD) == [added, other]
    await ledger.record_plan(replace(added, name=second), "1", 12)
    await ledger.record_plan(plan(first, guild_id=OTHER_GUILD), "1", 12)


async def test_the_name_of_a_removed_plan_can_be_used_again(ledger: Ledger) -> None:
    gone = await ledger.record_plan(plan(), "1", 10)
    await ledger.record_plan(replace(gone, removed_at=11), "1", 11)
    await ledger.record_plan(plan(), "1", 12)
    with pytest.raises(Conflict):
        await ledger.record_plan(gone, "1", 13)


async def test_of_two_plans_with_the_same_price_the_second_is_refused(ledger: Ledger) -> None:
    both = (plan("Silver"), plan("Bronze", prices=(price("price_2"),), former_prices=(price(),)))
    made = await asyncio.gather(*(ledger.record_plan(one, "1", 10) for one in both), return_exceptions=True)
    assert [type(one) for one in made] == [Plan, Conflict]
    assert str(made[1]) == "error.price_taken plan=Silver price=price_1 provider=Stripe"
    assert await ledger.load_plans(GUILD) == made[:1]


async def test_a_price_can_move_to_another_plan_only_after_its_plan_is_removed(ledger: Ledger) -> None:
    gold = await ledger.record_plan(plan(), "1", 10)
    gold = await ledger.record_plan(replace(gold, prices=(price("price_2"),)), "1", 10)
    silver = await ledger.record_plan(plan("Silver", prices=(price("price_3"),)), "1", 10)
    for taken in (price(), price("price_2")):
        with pytest.raises(Conflict, match=r"error.price_taken plan=Gold"):
            await ledger.record_plan(replace(silver, prices=(taken,)), "1", 11)
    await ledger.record_plan(replace(gold, removed_at=11), "1", 11)
    moved = await ledger.record_plan(replace(silver, prices=(price(),)), "1", 12)
    assert moved.prices == (price(),)
    with pytest.raises(Conflict, match=r"error.price_taken plan=Silver"):
        await ledger.record_plan(gold, "1", 13)


async def test_a_server_has_a_limited_number_of_plans_and_prices(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "MOST_PLANS", 2)
    monkeypatch.setattr(plans, "MOST_PRICES", 3)
    gold = await ledger.record_plan(plan(), "1", 10)
    gold = await ledger.record_plan(replace(gold, prices=(price("price_2"),)), "1", 10)
    silver = await ledger.record_plan(plan("Silver", prices=(price("price_3"),)), "1", 10)
    with pytest.raises(Conflict, match=r"error.too_many_prices most=3"):
        await ledger.record_plan(replace(silver, prices=(price("price_4"),)), "1", 11)
    await ledger.record_plan(replace(gold, prices=(price(),), removed_at=11), "1", 11)
    with pytest.raises(Conflict, match=r"error.too_many_plans most=2"):
        await ledger.record_plan(plan("Bronze", prices=()), "1", 11)
    await ledger.record_plan(plan(guild_id=OTHER_GUILD), "1", 11)


async def test_a_price_can_be_sold_in_two_servers(ledger: Ledger) -> None:
    for guild_id in (GUILD, OTHER_GUILD):
        assert (await ledger.record_plan(plan(guild_id=guild_id), "1", 10)).prices == (price(),)


async def test_a_price_taken_off_sale_becomes_a_former_price(ledger: Ledger) -> None:
    added = await ledger.record_plan(plan(former_prices=(price("older"),)), "1", 10)
    dearer = replace(added, prices=(price("price_2"),))
    after = await ledger.record_plan(dearer, "1", 11)
    assert {p.id for p in after.former_prices} == {"older", "price_1"}
    assert after.prices == (price("price_2"),)
    assert await ledger.load_plan(added.id) == after
    back = await ledger.record_plan(replace(after, prices=(price(),)), "1", 12)
    assert back.prices == (price(),)
    assert {p.id for p in back.former_prices} == {"older", "price_2"}


async def test_a_plan_cannot_be_changed_by_another_server(ledger: Ledger) -> None:
    added = await ledger.record_plan(plan(), "1", 10)
    for wrong in (replace(added, guild_id=OTHER_GUILD), replace(added, id=added.id + 1)):
        with pytest.raises(NotFound):
            await ledger.record_plan(wrong, "1", 11)
    assert await ledger.load_plan(added.id) == added


async def test_plans_of_all_servers_are_found_by_a_price_or_its_product(ledger: Ledger) -> None:
    gold = await ledger.record_plan(plan(former_prices=(price("old", "prod_old"),)), "1", 10)
    other = await ledger.record_plan(plan(guild_id=OTHER_GUILD), "1", 10)
    await ledger.record_plan(plan("Silver", prices=(price("price_2", "prod_2"),)), "1", 10)
    for wanted, found in (
        (price(), [gold, other]),
        (price("price_new"), [gold, other]),  # of a product that they sell
        (price("old", "prod_moved"), [gold]),
        (price("price_new", "prod_old"), [gold]),
        (price("price_new", "prod_new"), []),
        (price(account="another"), []),
        (price(provider="paypal"), []),
    ):
        assert await ledger.load_plans_of([wanted], 0, 9) == found
        assert await ledger.load_sold([wanted]) == ({wanted.key} if found else set())
    assert await ledger.load_plans_of([price(), price("old")], 0, 1) == [gold]
    assert await ledger.load_plans_of([], 0, 9) == []


async def test_a_price_that_no_plan_names_any_more_finds_no_plan(ledger: Ledger) -> None:
    gold = await ledger.record_plan(plan(former_prices=(price("old", "prod_old"),)), "1", 10)
    await ledger.record_plan(replace(gold, former_prices=()), "1", 11)
    assert await ledger.load_sold([price("old", "prod_old")]) == set()
    assert await ledger.load_price(price("old").key) is None
    assert await ledger.load_product_prices("stripe", "acct", "prod_old", "", 9) == []


async def test_servers_that_sell_are_listed_in_order_and_in_parts(ledger: Ledger) -> None:
    gone = await ledger.record_plan(plan(guild_id=9), "1", 10)
    await ledger.record_plan(replace(gone, removed_at=11), "1", 11)
    elsewhere = price("P-1", provider="paypal", account="merchant")
    await ledger.record_plan(plan(guild_id=7, prices=(), former_prices=(elsewhere,)), "1", 10)
    for name in ("Gold", "Silver"):
        await ledger.record_plan(plan(name, guild_id=8, prices=(price(name),)), "1", 10)
    assert await ledger.load_sellers(0, 9) == [7, 8, 9]
    assert await ledger.load_sellers(0, 2) == [7, 8]
    assert await ledger.load_sellers(8, 9) == [9]
    assert await ledger.load_sellers(0, 9, removed=False) == [7, 8]
    assert await ledger.load_sellers(0, 9, ("stripe", "acct")) == [8, 9]
    assert await ledger.load_sellers(0, 9, ("paypal", "merchant")) == [7]
    assert await ledger.load_sellers(0, 9, ("stripe", "another")) == []


async def test_prices_are_loaded_by_id_by_product_and_in_parts_while_on_sale(ledger: Ledger) -> None:
    await ledger.record_plan(plan(former_prices=(price("old"),)), "1", 10)
    await ledger.record_plan(plan(guild_id=OTHER_GUILD), "1", 10)
    await ledger.record_plan(plan("Silver", prices=(price("price_2", "prod_2"),)), "1", 10)
    gone = await ledger.record_plan(plan("Gone", prices=(price("price_3", "prod_3"),)), "1", 10)
    await ledger.record_plan(replace(gone, removed_at=11), "1", 11)
    assert await ledger.load_price(price("old").key) == price("old")
    assert await ledger.load_price(price("price_9").key) is None
    assert await ledger.load_product_prices("stripe", "acct", "prod_1", "", 9) == [price("old"), price()]
    assert await ledger.load_product_prices("paypal", "acct", "prod_1", "", 9) == []
    on_sale = [price(), price("price_2", "prod_2")]
    assert await ledger.load_prices_on_sale("stripe", "acct", "", 9) == on_sale
    assert await ledger.load_prices_on_sale("stripe", "acct", "", 1) == on_sale[:1]
    assert await ledger.load_prices_on_sale("stripe", "acct", "price_1", 9) == on_sale[1:]


async def test_a_changed_price_shows_in_every_plan_that_names_it(ledger: Ledger) -> None:
    gold = await ledger.record_plan(plan(), "1", 10)
    silver = await ledger.record_plan(
        plan("Silver", guild_id=OTHER_GUILD, prices=(), former_prices=(price(),)), "1", 10
    )
    dearer = price(amount=900, active=False, trial_days=3)
    await ledger.record_price(dearer)
    await ledger.record_price(price("nobody names it"))
    assert await ledger.load_plans(GUILD) == [replace(gold, prices=(dearer,))]
    assert await ledger.load_plans(OTHER_GUILD) == [replace(silver, former_prices=(dearer,))]


async def paying_members(ledger: Ledger) -> None:
    """Anna pays for something that Gold sells, Bert for something else; both are reconciled."""
    await sync(ledger, subscription("a", binding=ANNA))
    await sync(ledger, subscription("b", binding=BERT, items=(Item(price("x", "prod_x")),)))
    await sync(ledger, subscription("c", binding=Binding(OTHER_GUILD, 5)))
    await sync(ledger, subscription("d", status=Status.PENDING))
    await settle(ledger)


async def test_a_new_plan_queues_members_who_already_pay_for_it(ledger: Ledger) -> None:
    await paying_members(ledger)
    await ledger.record_plan(plan(prices=(price("another of its product"),)), "1", 10)
    assert set(await marks(ledger)) == {ANNA}


CHANGES: list[tuple[dict[str, Any], set[Binding]]] = [
    ({"role_ids": (71,)}, {ANNA}),
    ({"former_prices": (price("x", "prod_x"),)}, {ANNA, BERT}),
    ({"removed_at": 11}, {ANNA}),
    ({"prices": ()}, set()),
    ({"name": "Golden", "description": "new", "hidden": True, "trial_days": 3}, set()),
]


@pytest.mark.parametrize(("change", "concerned"), CHANGES, ids=lambda case: "-".join(map(str, case)))
async def test_a_changed_plan_queues_the_members_it_may_concern(
    ledger: Ledger, change: dict[str, Any], concerned: set[Binding]
) -> None:
    added = await ledger.record_plan(plan(), "1", 10)
    await paying_members(ledger)
    await ledger.record_plan(replace(added, **change), "1", 11)
    assert set(await marks(ledger)) == concerned


async def test_a_changed_plan_queues_members_with_an_override_on_it(ledger: Ledger) -> None:
    added = await ledger.record_plan(plan(), "1", 10)
    grants = [
        override(f"d{member}", member_id=member, plan_id=plan_id, kind=OverrideKind.GRANT)
        for member, plan_id in ((1, added.id), (2, None), (3, added.id + 1))
    ]
    await ledger.record_overrides(grants, [], [], 10)
    await settle(ledger)
    await ledger.record_plan(replace(added, role_ids=(5,)), "1", 11)
    assert {m.member_id for m in await marks(ledger)} == {1, 2}


async def test_a_revocation_still_holds_when_the_plan_is_sold_again(ledger: Ledger) -> None:
    first = await ledger.record_plan(plan(), "1", 10)
    other = await ledger.record_plan(plan("Silver", prices=(price("price_2", "prod_2"),)), "1", 10)
    rows = [override("d1", plan_id=first.id), override("d2", plan_id=other.id)]
    grant = override("d3", plan_id=first.id, kind=OverrideKind.GRANT)
    await ledger.record_overrides([*rows, grant], [], [], 10)
    for removed in (first, other):
        await ledger.record_plan(replace(removed, removed_at=11), "1", 11)
    again = await ledger.record_plan(plan(prices=(price("price_3", "prod_1"),)), "1", 12)
    held = [(o.decision_id, o.plan_id) for o in await ledger.load_overrides(GUILD, ANNA.member_id, 12)]
    assert held == [("d1", first.id), ("d2", other.id), ("d3", first.id), ("d1", again.id)]
    await ledger.record_lifted("d1", 1, "", 13)
    await ledger.record_plan(replace(again, removed_at=14), "1", 14)
    last = await ledger.record_plan(plan(), "1", 15)
    left = [o.plan_id for o in await ledger.load_overrides(GUILD, ANNA.member_id, 15)]
    assert left == [other.id, first.id]
    assert last.id not in left


async def test_a_servers_settings_have_defaults_and_can_be_replaced(ledger: Ledger) -> None:
    assert await ledger.load_guild_settings(GUILD) == GuildSettings(GUILD)
    for chosen in (
        GuildSettings(
            GUILD, 2**62, "https://a.example/terms", "https://a.example/privacy", plan_switching=True
        ),
        GuildSettings(GUILD, plan_switching=False),
    ):
        await ledger.record_guild_settings(chosen, "1", 10)
        assert await ledger.load_guild_settings(GUILD) == chosen
    assert await ledger.load_guild_settings(OTHER_GUILD) == GuildSettings(OTHER_GUILD)


async def test_every_field_of_a_price_is_recorded(ledger: Ledger) -> None:
    asked = price(setup_fee=2400, steps=(Step(250, 2, "week", 3), Step(1200)), active=False)
    made = await ledger.record_plan(plan(prices=(price(),)), "1", 10)
    await ledger.record_price(asked)
    found = await ledger.load_plan(made.id)
    assert found is not None
    assert found.prices == (asked,)


async def test_every_field_of_a_price_is_recorded_within_a_subscription(ledger: Ledger) -> None:
    asked = price(setup_fee=2400, steps=(Step(250, 2, "week", 3), Step(1200)))
    sub = subscription(items=(Item(asked),))
    await sync(ledger, sub)
    assert await ledger.load_subscription(sub.key) == sub
