"""The sum that is worked out is the sum of the stand-in's next invoices, or it is said to be unknown and the
preview is it: over prices, quantities, coupons of all kinds, and taxes in and on the price."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from billing.model import NextCharge, Subscription
from billing.rules.upcoming_charges import decide_charges
from providers.stripe.mapping import map_subscription
from standins.clock import MovableClock
from standins.stripe import (
    catalog,
    clockwork,
    customers,
    discounts,
    invoices,
    subscriptions,
    taxes,
)
from standins.stripe.expand import expand
from standins.stripe.state import Obj, World, present

DAY = 86_400
PARTS = ["latest_invoice", "customer", "discounts.source.coupon.applies_to", "items.data.discounts"]

amounts = st.sampled_from([499, 500, 999, 1000, 1234, 2000, 333])
coupons = st.fixed_dictionaries(
    {
        "size": st.one_of(
            st.sampled_from([1, 12.5, 33, 50, 100]).map(lambda percent: {"percent_off": percent}),
            st.sampled_from([1, 100, 480, 5000]).map(lambda off: {"amount_off": off, "currency": "usd"}),
        ),
        "lasts": st.sampled_from(
            [
                {"duration": "once"},
                {"duration": "forever"},
                {"duration": "repeating", "duration_in_months": 1},
                {"duration": "repeating", "duration_in_months": 3},
            ]
        ),
        "first_only": st.booleans(),
        "on": st.sampled_from(["subscription", "item", "customer"]),
    }
)
rates = st.lists(
    st.tuples(st.sampled_from([5.5, 7.25, 19.0, 20.0]), st.booleans()), max_size=2, unique_by=lambda r: r[0]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(amounts, st.integers(1, 3)), min_size=1, max_size=2),
    st.lists(coupons, max_size=2),
    rates,
    st.sampled_from([0, 0, 0, -250]),
    st.booleans(),
)
def test_stripe_charges_the_amount_that_was_shown(
    sold: list[tuple[int, int]],
    codes: list[dict[str, Any]],
    taxed: list[tuple[float, bool]],
    balance: int,
    trial: bool,
) -> None:
    world, subscription = subscribed(sold, codes, taxed, balance, trial=trial)
    for _ in range(4):
        (charge,) = decide_charges(fetched(world, subscription))
        asked = invoices.preview(world, {"subscription": subscription["id"]})
        due = next_invoice(world, subscription)
        assert asked["amount_due"] == due["amount_due"]
        event("known" if charge.steps else "unknown")
        if charge.steps:
            assert (charge.steps[0].amount, charge.currency) == (due["amount_due"], due["currency"])


@settings(max_examples=80, deadline=None)
@given(st.tuples(amounts, st.integers(1, 3)), st.lists(coupons, max_size=2), rates)
def test_the_charges_that_were_announced_to_follow_are_made(
    sold: tuple[int, int], codes: list[dict[str, Any]], taxed: list[tuple[float, bool]]
) -> None:
    world, subscription = subscribed([sold], codes, taxed, 0, trial=False)
    (charge,) = decide_charges(fetched(world, subscription))
    if charge.steps:
        told = told_sums(charge, 5)
        assert told == [next_invoice(world, subscription)["amount_due"] for _ in told]


def told_sums(charge: NextCharge, many: int) -> list[int]:
    """The next charges, one by one."""
    found: list[int] = []
    for step in charge.steps:
        found += [step.amount] * (many if step.times is None else step.times)
    return found[:many]


def subscribed(
    sold: list[tuple[int, int]],
    codes: list[dict[str, Any]],
    taxed: list[tuple[float, bool]],
    balance: int,
    *,
    trial: bool,
) -> tuple[World, Obj]:
    """Somebody who pays for all of that."""
    world = World(MovableClock())
    customer = customers.create_customer(world, {"payment_method": "pm_card_visa"})
    method = world.all("payment_method")[0]["id"]
    customer["invoice_settings"]["default_payment_method"] = method
    made = [product_and_price(world, amount) for amount, _ in sold]
    items: list[Obj] = [
        {"price": price, "quantity": many} for (_, price), (_, many) in zip(made, sold, strict=True)
    ]
    wanted: Obj = {"customer": customer["id"], "items": items, "discounts": []}
    for code in codes:
        limits = {"applies_to": {"products": [made[0][0]]}} if code["first_only"] else {}
        coupon = discounts.create_coupon(world, {**code["size"], **code["lasts"], **limits})["id"]
        if code["on"] == "customer":
            discounts.give_customer(world, customer, coupon)
        else:
            holder = wanted if code["on"] == "subscription" else items[-1]
            holder.setdefault("discounts", []).append({"coupon": coupon})
    wanted["default_tax_rates"] = [
        taxes.create_rate(world, {"display_name": "VAT", "percentage": p, "inclusive": i})["id"]
        for p, i in taxed
    ]
    subscription = subscriptions.create(world, wanted | ({"trial_period_days": 5} if trial else {}))
    customer["balance"] = balance
    return world, subscription


def product_and_price(world: World, amount: int) -> tuple[str, str]:
    product = catalog.create_product(world, {"name": "Gold"})["id"]
    price = {"product": product, "unit_amount": amount, "currency": "usd", "recurring": {"interval": "month"}}
    return product, catalog.create_price(world, price)["id"]


def fetched(world: World, subscription: Obj) -> Subscription:
    """As the program reads it."""
    data = expand(world, present(world, subscription), PARTS)
    known = {
        c["id"]: {**present(world, c), "applies_to": discounts.applies_to(world, c)}
        for c in world.all("coupon")
    }
    return map_subscription(data, "test", known)


def next_invoice(world: World, subscription: Obj) -> Obj:
    """Let time go on until the next renewal is paid."""
    before = subscription["latest_invoice"]
    clock = world.clock
    assert isinstance(clock, MovableClock)
    ends = min(item["current_period_end"] for item in subscription["items"]["data"])
    clock.advance(ends - clock.now() + 3700)
    world.next_due = None
    clockwork.catch_up(world)
    assert subscription["latest_invoice"] != before
    return world.by_id[subscription["latest_invoice"]]
