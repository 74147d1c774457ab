"""What members read about money is what is taken: through the commands, with Stripe standing in."""

from __future__ import annotations

from billing.model import Subscription
from billing.use_cases.sweep import sweep
from cogs.views.charges import sums_words
from cogs.views.text import status_text
from providers.stripe.mapping import map_subscription
from standins.stripe.cards import ASKS_EACH_TIME
from standins.stripe.discounts import give_customer, take_from_customer
from standins.stripe.expand import expand
from standins.stripe.state import present
from standins.stripe.subscriptions import create
from tests.cogs.town import DAY, MONTH, Town, link_of


async def own(town: Town) -> Subscription:
    """Bob's only one."""
    (found,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    return found


async def look(town: Town) -> str:
    return (await town.bob.run(town.guild, "subscriptions")).text


async def test_paused_collection_says_that_nothing_is_charged(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.stripe.dashboard.pause((await own(town)).key.id)
    await town.settled()
    said = await look(town)
    assert "Paused: nothing is being charged." in said
    assert "Renews on" not in said
    assert "€5.00" not in said


async def test_a_pause_with_an_end_says_when_payments_start_again(town: Town) -> None:
    await town.sell()
    await town.buy()
    sub = await own(town)
    assert sub.period_end is not None
    until = sub.period_end + DAY
    town.stripe.dashboard.pause(sub.key.id, resumes_at=until)
    await town.settled()
    said = await look(town)
    assert f"Paused: nothing is being charged until <t:{until}:D>. The next payment is due on" in said
    assert f"<t:{sub.period_end}:D>" not in said
    await town.turn(2 * MONTH)
    paid = [i["period_end"] for i in town.stripe.world.all("invoice") if i["amount_paid"]]
    assert f"<t:{max(paid)}:D>" in said


async def test_the_receipt_of_one_of_two_for_one_role_names_the_other(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.sell("Patron", town.gold)
    await town.buy(plan="Patron")
    asked = await town.bob.run(town.guild, "cancel", {"subscription": "Gold"})
    done = await asked.press("Cancel subscription")
    await town.settled()
    for said in (asked.text, done.text):
        assert "Nothing more is charged" not in said
        assert f"You keep <@&{town.gold.id}> after that too" in said
        assert f"You keep <@&{town.gold.id}> until" not in said
        assert "Your other subscription **Patron** goes on: €5.00 a month, next on <t:" in said
    told = await town.bob.dm_containing("### Cancelled")
    assert "**Patron** goes on" in told.text


async def test_cancelling_the_only_one_ends_the_role_with_the_period(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.bob.run(town.guild, "cancel")
    done = await asked.press("Cancel subscription")
    end = (await own(town)).period_end
    for said in (asked.text, done.text):
        assert f"You keep <@&{town.gold.id}> until <t:{end}:D>." in said
        assert "You won't be charged for it again." in said
        assert "goes on" not in said


async def test_a_subscription_for_another_role_is_not_named(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.sell("Silver", town.silver)
    await town.buy(plan="Silver")
    asked = await town.bob.run(town.guild, "cancel", {"subscription": "Silver"})
    assert f"You keep <@&{town.silver.id}> until" in asked.text
    assert "Gold" not in asked.text


async def test_cancel_asks_the_provider_before_it_asks_the_member(town: Town) -> None:
    await town.sell()
    await town.buy()
    old = (await own(town)).period_end
    town.stripe.delivery_faults.hold = True  # the renewal's notifications are lost
    town.clock.advance(MONTH + 2 * 3600)
    asked = await town.bob.run(town.guild, "cancel")
    new = (await own(town)).period_end
    assert old is not None
    assert new is not None
    assert new > old
    assert f"<t:{new}:D>" in asked.text
    assert f"<t:{old}:D>" not in asked.text
    town.stripe.delivery_faults.hold = False


async def test_cancel_says_that_the_provider_gave_no_answer(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.stripe.faults.add("status", status=503, times=None)
    asked = await town.bob.run(town.guild, "cancel")
    assert "Stripe gives no answer just now, so this is what was known last." in asked.text
    town.stripe.faults.clear()


def renewal(town: Town) -> int:
    """What Stripe takes at the next renewal, in cents; a month goes by."""
    return int(town.stripe.world.all("invoice")[-1]["amount_due"])


async def buy_with(town: Town, code: str) -> None:
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    town.stripe.pay_checkout(link_of(reply), code=code)
    await town.settled()


async def test_a_promotion_code_of_the_checkout_is_in_the_sum(town: Town) -> None:
    town.stripe.add_code("HALF", percent_off=50, duration="repeating", duration_in_months=3)
    await town.sell()
    await buy_with(town, "half")
    assert "€2.50 for 2 more months, then €5.00 a month, through Stripe" in await look(town)
    await town.turn(MONTH)
    await town.turn(3600)
    assert renewal(town) == 250
    assert "€2.50 for 1 more month, then €5.00 a month, through Stripe" in await look(town)


async def test_a_discount_for_good_is_the_sum(town: Town) -> None:
    town.stripe.add_code("HALF", percent_off=50, duration="forever")
    await town.sell()
    await buy_with(town, "HALF")
    said = await look(town)
    assert "€2.50 a month, through Stripe" in said
    assert "€5.00" not in said
    assert "€2.50 a month" in (await town.bob.run(town.guild, "cancel")).text


def previews(town: Town) -> int:
    return sum(e.path == "/v1/invoices/create_preview" for e in town.stripe.exchanges)


async def test_a_preview_is_asked_when_somebody_looks_and_kept_for_an_hour(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.stripe.dashboard.change((await own(town)).key.id, {"automatic_tax": {"enabled": True}})
    await town.settled()
    await sweep(town.ports)
    assert previews(town) == 0
    said = await look(town)
    assert "€6.00 next time (the price is €5.00 a month; a discount or tax may apply), through Stripe" in said
    await look(town)
    assert previews(town) == 1
    town.clock.advance(3601)
    await look(town)
    assert previews(town) == 2


async def test_where_the_key_may_make_no_preview_the_card_says_what_may_apply(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.stripe.dashboard.change((await own(town)).key.id, {"automatic_tax": {"enabled": True}})
    await town.settled()
    town.stripe.faults.add("status", "/v1/invoices/create_preview", status=403, times=None)
    assert "€5.00 a month; a discount or tax may apply, through Stripe" in await look(town)


async def test_a_known_sum_asks_for_no_preview(town: Town) -> None:
    await town.sell()
    await town.buy()
    await look(town)
    assert previews(town) == 0


async def test_a_discount_given_or_taken_rings(town: Town) -> None:
    await town.sell()
    await town.buy()
    key = (await own(town)).key.id
    coupon = town.stripe.add_code("TWO", amount_off=200, currency="eur", duration="forever")
    customer = town.stripe.world.get("customer", (await own(town)).customer_id)
    give_customer(town.stripe.world, customer, coupon["id"])
    town.stripe.acted()
    await town.settled()
    assert "€3.00 a month, through Stripe" in await look(town)
    take_from_customer(town.stripe.world, {}, customer["id"])
    town.stripe.acted()
    await town.settled()
    assert "€5.00 a month, through Stripe" in await look(town)
    town.stripe.dashboard.change(key, {"discounts": [{"coupon": coupon["id"]}]})
    await town.settled()
    assert "€3.00 a month, through Stripe" in await look(town)


async def test_a_sweep_finds_a_discount_that_rang_for_nobody(town: Town) -> None:
    await town.sell()
    await town.buy()
    coupon = town.stripe.add_code("TWO", amount_off=200, currency="eur", duration="forever")
    town.stripe.delivery_faults.hold = True
    town.stripe.dashboard.change((await own(town)).key.id, {"discounts": [{"coupon": coupon["id"]}]})
    await town.stripe.settle()
    assert "€5.00 a month" in await look(town)
    await sweep(town.ports)
    await town.settled()
    assert "€3.00 a month, through Stripe" in await look(town)
    fetched = [e for e in town.stripe.exchanges if e.path.startswith("/v1/subscriptions/")]
    await sweep(town.ports)
    await town.settled()
    again = [e for e in town.stripe.exchanges if e.path.startswith("/v1/subscriptions/")]
    assert len(again) == len(fetched)  # what a list shows of a discount is what a look shows
    town.stripe.delivery_faults.hold = False


async def test_a_payment_that_waits_for_the_customer_says_so_with_the_link(town: Town) -> None:
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    town.stripe.pay_checkout(link_of(reply), card=ASKS_EACH_TIME)
    await town.settled()
    assert "Renews on" in await look(town)
    await town.turn(MONTH)
    await town.turn(3700)
    said = await look(town)
    invoice = town.stripe.world.all("invoice")[-1]
    assert "The last payment waits for you. Your bank wants you to confirm it" in said
    assert f"[Confirm the payment]({invoice['hosted_invoice_url']})" in said
    assert "failed" not in said
    told = await town.bob.dm_containing("### Your bank wants you to confirm a payment")
    assert f"[Confirm the payment]({invoice['hosted_invoice_url']})" in told.text
    assert "You keep" in told.text
    assert not [card for card in town.bob.dms if "failed" in card.text]


async def test_who_is_sent_invoices_is_told_so(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.stripe.world.by_id[(await own(town)).key.id]["collection_method"] = "send_invoice"
    await town.ports.ledger.record_stale([(await own(town)).key], "test", town.ports.now())
    await town.settled()
    assert "Stripe sends you an invoice each time; nothing is taken by itself." in await look(town)


async def test_the_currency_that_is_charged_is_shown(town: Town) -> None:
    options = {"gbp": {"unit_amount": 430}}
    price = town.stripe.add_price(town.product, 500, currency="eur", currency_options=options)
    await town.sell(price=price["id"])
    await town.buy()
    sub = town.stripe.world.by_id[(await own(town)).key.id]
    sub["currency"] = "gbp"  # as a checkout in another country makes it
    town.stripe.delivery_faults.hold = True
    await sweep(town.ports)
    await town.settled()
    town.stripe.delivery_faults.hold = False
    assert "£4.30 a month, through Stripe" in await look(town)
    assert (await own(town)).items[0].price.amount == 430


async def test_items_of_two_intervals_are_shown_each_by_its_own(town: Town) -> None:
    await town.sell()
    await town.buy()
    yearly = town.stripe.add_price(town.product, 10_000, "year", currency="eur")["id"]
    key = (await own(town)).key.id
    made = create(
        town.stripe.world,
        {
            "customer": town.stripe.world.by_id[key]["customer"],
            "items": [{"price": town.price}, {"price": yearly}],
            "metadata": dict(town.stripe.world.by_id[key]["metadata"]),
            "default_payment_method": town.stripe.world.by_id[key]["default_payment_method"],
        },
    )
    shown = expand(town.stripe.world, present(town.stripe.world, made), ["latest_invoice"])
    said = sums_words(map_subscription(shown, "test"))
    month, year = (item["current_period_end"] for item in made["items"]["data"])
    assert said == f"€5.00 a month (next on <t:{month}:D>) and €100.00 a year (next on <t:{year}:D>)"
    assert f"Renews on <t:{month}:D>." in status_text(map_subscription(shown, "test"), None)
    await town.turn(MONTH)
    await town.turn(3700)
    (bill,) = [
        i
        for i in town.stripe.world.all("invoice")
        if i["billing_reason"] == "subscription_cycle"
        and i["parent"]["subscription_details"]["subscription"] == made["id"]
    ]
    assert bill["amount_due"] == 500


async def test_nothing_is_charged_while_it_is_paused_wherever_a_sum_stands(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.sell("Patron", town.gold)
    town.stripe.dashboard.pause((await own(town)).key.id)
    await town.settled()
    asked = await town.bob.run(town.guild, "cancel", {"subscription": "Gold"})
    assert "Now: nothing while it is paused." in asked.text
    beside = await town.bob.run(town.guild, "subscribe", {"plan": "Patron"})
    assert "**Gold** (nothing while it is paused)" in beside.text
    admins = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    assert "**Gold**: nothing while it is paused" in admins.text
    town.stripe.world.by_id[(await own(town)).key.id]["status"] = "paused"
    await town.ports.ledger.record_stale([(await own(town)).key], "test", town.ports.now())
    await town.settled()
    assert "€5.00" not in await look(town)


async def test_the_end_of_one_of_two_for_one_role_names_the_other(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.sell("Patron", town.gold)
    key = (await own(town)).key.id
    await town.buy(plan="Patron")
    town.stripe.dashboard.cancel_now(key)
    await town.settled()
    told = await town.bob.dm_containing("### Your Gold subscription in Pottery has ended")
    assert "You won't be charged for it again. Your other subscription **Patron** goes on: €5.00" in told.text
    assert told.buttons == []
