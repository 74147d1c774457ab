"""Members read the sums that Stripe really takes, through the commands, against the local Stripe."""

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
from tests.app.harness import DAY, MONTH, AppHarness, link_of


async def own(app: AppHarness) -> Subscription:
    """Bob's only subscription."""
    (found,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    return found


async def look(app: AppHarness) -> str:
    return (await app.bob.run(app.guild, "subscriptions")).text


async def test_a_paused_subscription_says_that_nothing_is_charged(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.stripe.dashboard.pause((await own(app)).key.id)
    await app.settled()
    said = await look(app)
    assert "Paused. You aren't being charged." in said
    assert "Renews on" not in said
    assert "€5.00" not in said


async def test_a_pause_with_an_end_says_when_payments_start_again(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    sub = await own(app)
    assert sub.period_end is not None
    until = sub.period_end + DAY
    app.stripe.dashboard.pause(sub.key.id, resumes_at=until)
    await app.settled()
    said = await look(app)
    assert f"Paused. You won't be charged until <t:{until}:D>. The next payment is due on" in said
    assert f"<t:{sub.period_end}:D>" not in said
    await app.turn(2 * MONTH)
    paid = [i["period_end"] for i in app.stripe.world.all("invoice") if i["amount_paid"]]
    assert f"<t:{max(paid)}:D>" in said


async def test_the_receipt_names_another_subscription_to_the_same_role(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.sell("Patron", app.gold)
    await app.buy(plan="Patron")
    asked = await app.bob.run(app.guild, "cancel", {"subscription": "Gold"})
    done = await asked.press("Cancel subscription")
    await app.settled()
    for said in (asked.text, done.text):
        assert "Nothing more is charged" not in said
        assert f"After that, you'll still keep <@&{app.gold.id}>" in said
        assert f"You'll keep <@&{app.gold.id}> until" not in said
        assert "Your other subscription, **Patron**, is still active: €5.00 a month, next on <t:" in said
    told = await app.bob.dm_containing("### Cancelled")
    assert "**Patron**, is still active" in told.text


async def test_cancelling_the_only_subscription_keeps_the_role_until_the_period_ends(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.bob.run(app.guild, "cancel")
    done = await asked.press("Cancel subscription")
    end = (await own(app)).period_end
    for said in (asked.text, done.text):
        assert f"You'll keep <@&{app.gold.id}> until <t:{end}:D>." in said
        assert "You won't be charged for it again." in said
        assert "still active" not in said


async def test_the_receipt_does_not_name_a_subscription_to_another_role(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.sell("Silver", app.silver)
    await app.buy(plan="Silver")
    asked = await app.bob.run(app.guild, "cancel", {"subscription": "Silver"})
    assert f"You'll keep <@&{app.silver.id}> until" in asked.text
    assert "Gold" not in asked.text


async def test_cancel_asks_the_provider_before_it_asks_the_member(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    old = (await own(app)).period_end
    app.stripe.delivery_faults.hold = True  # the renewal's notifications are lost
    app.clock.advance(MONTH + 2 * 3600)
    asked = await app.bob.run(app.guild, "cancel")
    new = (await own(app)).period_end
    assert old is not None
    assert new is not None
    assert new > old
    assert f"<t:{new}:D>" in asked.text
    assert f"<t:{old}:D>" not in asked.text
    app.stripe.delivery_faults.hold = False


async def test_cancel_says_that_the_provider_does_not_answer(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.stripe.faults.add("status", status=503, times=None)
    asked = await app.bob.run(app.guild, "cancel")
    assert "Stripe isn't responding right now. These are the latest details the bot has." in asked.text
    app.stripe.faults.clear()


def renewal(app: AppHarness) -> int:
    """The amount of Stripe's latest invoice, in cents."""
    return int(app.stripe.world.all("invoice")[-1]["amount_due"])


async def buy_with(app: AppHarness, code: str) -> None:
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    app.stripe.pay_checkout(link_of(reply), code=code)
    await app.settled()


async def test_the_sum_includes_a_promotion_code_used_at_checkout(app: AppHarness) -> None:
    app.stripe.add_code("HALF", percent_off=50, duration="repeating", duration_in_months=3)
    await app.sell()
    await buy_with(app, "half")
    assert "€2.50 for 2 more months, then €5.00 a month, through Stripe" in await look(app)
    await app.turn(MONTH)
    await app.turn(3600)
    assert renewal(app) == 250
    assert "€2.50 for 1 more month, then €5.00 a month, through Stripe" in await look(app)


async def test_a_lasting_discount_is_part_of_every_sum(app: AppHarness) -> None:
    app.stripe.add_code("HALF", percent_off=50, duration="forever")
    await app.sell()
    await buy_with(app, "HALF")
    said = await look(app)
    assert "€2.50 a month, through Stripe" in said
    assert "€5.00" not in said
    assert "€2.50 a month" in (await app.bob.run(app.guild, "cancel")).text


def previews(app: AppHarness) -> int:
    return sum(e.path == "/v1/invoices/create_preview" for e in app.stripe.exchanges)


async def test_a_preview_is_fetched_when_a_member_looks_and_cached_for_an_hour(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.stripe.dashboard.change((await own(app)).key.id, {"automatic_tax": {"enabled": True}})
    await app.settled()
    await sweep(app.ports)
    assert previews(app) == 0
    said = await look(app)
    assert (
        "€6.00 next time (regular price: €5.00 a month; a discount or tax might apply), through Stripe"
        in said
    )
    await look(app)
    assert previews(app) == 1
    app.clock.advance(3601)
    await look(app)
    assert previews(app) == 2


async def test_without_the_permission_for_previews_the_card_says_what_may_apply(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.stripe.dashboard.change((await own(app)).key.id, {"automatic_tax": {"enabled": True}})
    await app.settled()
    app.stripe.faults.add("status", "/v1/invoices/create_preview", status=403, times=None)
    assert "€5.00 a month; a discount or tax might apply, through Stripe" in await look(app)


async def test_a_known_sum_needs_no_preview(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await look(app)
    assert previews(app) == 0


async def test_a_discount_added_or_removed_at_stripe_changes_the_card(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    key = (await own(app)).key.id
    coupon = app.stripe.add_code("TWO", amount_off=200, currency="eur", duration="forever")
    customer = app.stripe.world.get("customer", (await own(app)).customer_id)
    give_customer(app.stripe.world, customer, coupon["id"])
    app.stripe.acted()
    await app.settled()
    assert "€3.00 a month, through Stripe" in await look(app)
    take_from_customer(app.stripe.world, {}, customer["id"])
    app.stripe.acted()
    await app.settled()
    assert "€5.00 a month, through Stripe" in await look(app)
    app.stripe.dashboard.change(key, {"discounts": [{"coupon": coupon["id"]}]})
    await app.settled()
    assert "€3.00 a month, through Stripe" in await look(app)


async def test_a_sweep_finds_a_discount_whose_notification_was_lost(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    coupon = app.stripe.add_code("TWO", amount_off=200, currency="eur", duration="forever")
    app.stripe.delivery_faults.hold = True
    app.stripe.dashboard.change((await own(app)).key.id, {"discounts": [{"coupon": coupon["id"]}]})
    await app.stripe.settle()
    assert "€5.00 a month" in await look(app)
    await sweep(app.ports)
    await app.settled()
    assert "€3.00 a month, through Stripe" in await look(app)
    fetched = [e for e in app.stripe.exchanges if e.path.startswith("/v1/subscriptions/")]
    await sweep(app.ports)
    await app.settled()
    again = [e for e in app.stripe.exchanges if e.path.startswith("/v1/subscriptions/")]
    assert len(again) == len(fetched)  # what a list shows of a discount is what a look shows
    app.stripe.delivery_faults.hold = False


async def test_a_payment_to_confirm_is_shown_with_its_link(app: AppHarness) -> None:
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    app.stripe.pay_checkout(link_of(reply), card=ASKS_EACH_TIME)
    await app.settled()
    assert "Renews on" in await look(app)
    await app.turn(MONTH)
    await app.turn(3700)
    said = await look(app)
    invoice = app.stripe.world.all("invoice")[-1]
    assert "Your bank needs you to confirm the last payment." in said
    assert f"[Confirm the payment]({invoice['hosted_invoice_url']})" in said
    assert "failed" not in said
    told = await app.bob.dm_containing("### Your bank needs you to confirm a payment")
    assert f"[Confirm the payment]({invoice['hosted_invoice_url']})" in told.text
    assert "You'll keep" in told.text
    assert not [card for card in app.bob.dms if "failed" in card.text]


async def test_the_card_says_that_the_member_pays_by_invoice(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.stripe.world.by_id[(await own(app)).key.id]["collection_method"] = "send_invoice"
    await app.ports.ledger.record_stale([(await own(app)).key], "test", app.ports.now())
    await app.settled()
    assert "Stripe sends you an invoice for each payment." in await look(app)


async def test_the_card_shows_the_currency_of_the_charge(app: AppHarness) -> None:
    options = {"gbp": {"unit_amount": 430}}
    price = app.stripe.add_price(app.product, 500, currency="eur", currency_options=options)
    await app.sell(price=price["id"])
    await app.buy()
    sub = app.stripe.world.by_id[(await own(app)).key.id]
    sub["currency"] = "gbp"  # as a checkout in another country makes it
    app.stripe.delivery_faults.hold = True
    await sweep(app.ports)
    await app.settled()
    app.stripe.delivery_faults.hold = False
    assert "£4.30 a month, through Stripe" in await look(app)
    assert (await own(app)).items[0].price.amount == 430


async def test_items_of_two_intervals_have_a_sum_and_a_date_each(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    yearly = app.stripe.add_price(app.product, 10_000, "year", currency="eur")["id"]
    key = (await own(app)).key.id
    made = create(
        app.stripe.world,
        {
            "customer": app.stripe.world.by_id[key]["customer"],
            "items": [{"price": app.price}, {"price": yearly}],
            "metadata": dict(app.stripe.world.by_id[key]["metadata"]),
            "default_payment_method": app.stripe.world.by_id[key]["default_payment_method"],
        },
    )
    shown = expand(app.stripe.world, present(app.stripe.world, made), ["latest_invoice"])
    said = sums_words(map_subscription(shown, "test"))
    month, year = (item["current_period_end"] for item in made["items"]["data"])
    assert said == f"€5.00 a month (next on <t:{month}:D>) and €100.00 a year (next on <t:{year}:D>)"
    assert f"Renews on <t:{month}:D>." in status_text(map_subscription(shown, "test"), None)
    await app.turn(MONTH)
    await app.turn(3700)
    (bill,) = [
        i
        for i in app.stripe.world.all("invoice")
        if i["billing_reason"] == "subscription_cycle"
        and i["parent"]["subscription_details"]["subscription"] == made["id"]
    ]
    assert bill["amount_due"] == 500


async def test_every_card_with_a_sum_says_nothing_is_charged_during_a_pause(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.sell("Patron", app.gold)
    app.stripe.dashboard.pause((await own(app)).key.id)
    await app.settled()
    asked = await app.bob.run(app.guild, "cancel", {"subscription": "Gold"})
    assert "Current price: nothing while it is paused." in asked.text
    beside = await app.bob.run(app.guild, "subscribe", {"plan": "Patron"})
    assert "**Gold** (nothing while it is paused)" in beside.text
    admins = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    assert "**Gold**: nothing while it is paused" in admins.text
    app.stripe.world.by_id[(await own(app)).key.id]["status"] = "paused"
    await app.ports.ledger.record_stale([(await own(app)).key], "test", app.ports.now())
    await app.settled()
    assert "€5.00" not in await look(app)


async def test_the_notice_of_an_end_names_another_subscription_to_the_same_role(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.sell("Patron", app.gold)
    key = (await own(app)).key.id
    await app.buy(plan="Patron")
    app.stripe.dashboard.cancel_now(key)
    await app.settled()
    told = await app.bob.dm_containing("### Your Gold subscription in Pottery has ended")
    assert (
        "You won't be charged for it again. Your other subscription, **Patron**, is still active: €5.00"
        in told.text
    )
    assert told.buttons == []
