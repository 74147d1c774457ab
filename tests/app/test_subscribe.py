from __future__ import annotations

from dataclasses import replace

from billing.model import Money, Plan, Price, Step
from billing.use_cases.subscribe import Offer, Way
from cogs.subscribe import _label, _price_line
from standins.discord import Person
from tests.app.harness import AppHarness, link_of


async def test_subscribe_shows_the_plans_on_sale_with_links_to_pay(app: AppHarness) -> None:
    await app.sell(description="Clay [here](https://evil.example) @everyone")
    await app.sell("Silver", app.silver)
    await app.sell("Secret", hidden=True)
    reply = await app.bob.run(app.guild, "subscribe")
    assert reply.ephemeral
    assert reply.pings == []
    assert [b.style for b in reply.buttons] == ["link", "link"]
    assert r"\[here\](https://evil.example) \@everyone" in reply.text
    assert "Secret" not in reply.text


async def test_a_hidden_plan_is_found_by_its_whole_name(app: AppHarness) -> None:
    await app.sell("Secret", hidden=True)
    assert await app.bob.autocomplete(app.guild, "subscribe", "plan", "sec") == []
    assert link_of(await app.bob.run(app.guild, "subscribe", {"plan": "secret"}))


async def test_many_plans_have_pages_and_buttons_that_create_the_links(app: AppHarness) -> None:
    for number in range(12):
        await app.sell(f"Plan {number}")
    reply = await app.bob.run(app.guild, "subscribe")
    assert [b.label for b in reply.buttons] == ["Subscribe"] * 5 + ["‹ Back", "Next ›"]
    assert not any("checkout/sessions" in e.path for e in app.stripe.exchanges)
    turned = await reply.press("Next ›")
    assert turned.updated
    assert "Plan 5" in turned.text
    one = await reply.press(str(turned.buttons[0].custom_id))
    assert "Plan 5" in one.text
    assert link_of(one)


async def test_suggestions_contain_the_typed_text_and_are_25_at_most(app: AppHarness) -> None:
    plan = await app.sell("Gold")
    for number in range(30):
        await app.ports.ledger.record_plan(_copy(plan, f"Plan {number:02}"), "test", 1)
    assert len(await app.bob.autocomplete(app.guild, "subscribe", "plan", "")) == 25
    assert [c["name"] for c in await app.bob.autocomplete(app.guild, "subscribe", "plan", "GOL")] == ["Gold"]


def _copy(plan: Plan, name: str) -> Plan:
    return replace(plan, id=0, name=name, prices=(replace(plan.prices[0], id=f"price of {name}"),))


async def test_subscribe_in_a_dm_shows_the_plans_of_shared_servers(app: AppHarness) -> None:
    await app.sell()
    chess = app.world.add_guild("Chess", app.ada)
    await app.invite(chess)
    role = app.world.add_role(chess, "Rook")
    await app.sell("Rook", role)
    assert [c["name"] for c in await app.bob.autocomplete(None, "subscribe", "plan", "")] == [
        "Gold — Pottery"
    ]
    reply = await app.bob.run(None, "subscribe")
    assert "Pottery" in reply.text
    assert "Rook" not in reply.text
    stranger = await app.bob.run(None, "subscribe", {"plan": "Rook"})
    assert "plan doesn't exist" in stranger.text


async def test_a_plan_of_another_server_is_not_found(app: AppHarness) -> None:
    plan = await app.sell()
    chess = app.world.add_guild("Chess", app.ada)
    app.world.add_member(chess, app.bob)
    await app.invite(chess)
    for typed in ("Gold", f"plan:{plan.id}"):
        reply = await app.bob.run(chess, "subscribe", {"plan": typed})
        assert "plan doesn't exist" in reply.text
        assert reply.buttons == []


async def test_a_plan_that_the_member_has_shows_manage_instead_of_a_link_to_pay(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert [b.label for b in reply.buttons] == ["Manage"]
    assert "You have this" in reply.text


async def test_free_days_are_on_the_cards_of_a_long_list_too(app: AppHarness) -> None:
    for number in range(6):
        await app.sell(f"Plan {number}", trial_days=9)
    reply = await app.bob.run(app.guild, "subscribe")
    assert reply.text.count("9 days free, then **€5.00 a month**") == 5


async def test_a_member_is_warned_before_paying_twice_for_the_same_roles(app: AppHarness) -> None:
    await app.sell()
    yearly = app.stripe.add_price(app.product, 5000, "year", currency="eur")["id"]
    await app.sell("Gold for a year", app.gold, yearly)
    assert "Note:" not in (await app.bob.run(app.guild, "subscribe")).text
    await app.buy()
    for options in ({}, {"plan": "Gold for a year"}):
        reply = await app.bob.run(app.guild, "subscribe", options)
        assert "You already have these roles with **Gold** (€5.00 a month)" in reply.text
        assert "Pay €50.00 a year with Stripe" in [b.label for b in reply.buttons]
    await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")
    assert "You have these roles until <t:" in (await app.bob.run(app.guild, "subscribe")).text


async def test_subscribe_says_that_a_server_sells_nothing(app: AppHarness) -> None:
    assert "There's nothing on sale right now" in (await app.bob.run(app.guild, "subscribe")).text


async def test_the_card_names_a_provider_that_is_down(app: AppHarness) -> None:
    await app.sell()
    app.stripe.faults.add("status", "checkout/sessions", status=503, times=None)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert reply.buttons == []
    assert "Stripe" in reply.text
    assert "isn't responding" in reply.text


async def test_subscribe_in_a_server_without_the_bot_shows_shared_servers(app: AppHarness) -> None:
    await app.sell()
    app.world.install_to_user(app.application, app.bob)
    elsewhere = app.world.add_guild("Elsewhere", app.ada)
    app.world.add_member(elsewhere, app.bob)
    reply = await app.bob.run(elsewhere, "subscribe")
    assert "Pottery" in reply.text
    assert link_of(reply)
    assert link_of(await app.bob.run(elsewhere, "subscribe", {"plan": "Gold"}))


async def test_prices_are_written_in_the_readers_language(app: AppHarness) -> None:
    await app.sell()
    german: Person = app.world.add_user("dora", locale="de")
    app.world.add_member(app.guild, german)
    assert "5,00\xa0€" in (await german.run(app.guild, "subscribe")).text


async def test_a_hidden_plan_cannot_be_found_by_guessing_its_id(app: AppHarness) -> None:
    shown, hidden = await app.sell(), await app.sell("Staff", app.silver, hidden=True)
    for plan, said in ((shown, "### Gold"), (hidden, "plan doesn't exist")):
        assert said in (await app.bob.run(app.guild, "subscribe", {"plan": f"plan:{plan.id}"})).text
    assert "### Staff" in (await app.bob.run(app.guild, "subscribe", {"plan": "staff"})).text


async def test_one_free_day_is_written_in_the_singular(app: AppHarness) -> None:
    await app.sell(trial_days=1)
    reply = await app.bob.run(app.guild, "subscribe")
    assert "1 day free, then **€5.00 a month**" in reply.text
    assert [b.label for b in reply.buttons] == ["Try 1 day free with Stripe"]


def test_the_card_says_what_is_due_today_if_it_differs_from_the_regular_price() -> None:
    price = Price("paypal", "live", "P-1", "PROD-1", 1_000, "usd", "month")
    way = Way(
        "paypal", "PayPal", price, 7, "https://pay.example", "", None, Money(100, "usd"), (Step(3_600),)
    )
    made = Offer(Plan(1, 1, "Gold", (1,), (price,)), (way,))
    assert _price_line(made, price, "en-US") == "**$1.00 today** and 7 days free, then **$36.00 a month**"
    assert _label(way, "en-US") == "Pay $1.00 today with PayPal"
    plain = replace(way, trial_days=0, due_today=Money(3_600, "usd"))
    assert _label(plain, "en-US") == "Pay $36.00 a month with PayPal"


async def test_a_subscription_that_gives_no_access_now_is_shown_with_its_status(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    for status, said in (("unpaid", "Unpaid. Stripe has"), ("paused", "Paused. You")):
        app.stripe.world.by_id[own.key.id]["status"] = status
        await app.ports.ledger.record_stale([own.key], "test", app.ports.now())
        await app.settled()
        reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        assert f"You're subscribed to this plan. {said}" in reply.text
        assert "You have this" not in reply.text
        assert [button.label for button in reply.buttons] == ["Manage"]


async def test_a_subscription_of_quantity_zero_gives_nothing_and_can_be_bought_again(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    item = app.stripe.world.by_id[own.key.id]["items"]["data"][0]["id"]
    app.stripe.dashboard.change(own.key.id, {"items": [{"id": item, "quantity": 0}]})
    await app.settled()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "You have" not in reply.text
    assert link_of(reply)
    asked = await app.bob.run(app.guild, "cancel")
    assert "You'll keep" not in asked.text
