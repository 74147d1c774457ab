"""What members read about money is what is taken: through the commands, with Stripe standing in."""

from __future__ import annotations

from billing.model import Subscription
from tests.cogs.town import DAY, MONTH, Town


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
