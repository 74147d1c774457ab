"""The next charge is exact to the cent, or unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.model import Discount, Item, Price, Status, Step, Subscription, Tax, Terms, Unsure
from billing.rules.calendar import FAR, later
from billing.rules.upcoming_charges import decide_charges
from tests.rules.builders import make_price, make_subscription

START = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())


def at(month: int, day: int, year: int = 2027) -> int:
    return int(datetime(year, month, day, 12, tzinfo=UTC).timestamp())


def sold(*items: Item, status: Status = Status.ACTIVE, **terms: Any) -> Subscription:
    found = make_subscription("sub_1", status, at=START, items=items or (Item(make_price()),))
    return replace(found, period_end=at(2, 28), terms=Terms(anchor=START, **terms))


def steps(sub: Subscription) -> tuple[Step, ...]:
    (charge,) = decide_charges(sub)
    return charge.steps


def unsure(sub: Subscription) -> tuple[Unsure, ...]:
    (charge,) = decide_charges(sub)
    assert charge.steps == ()
    return charge.unsure


def test_the_plain_price_is_charged_at_the_end_of_the_period() -> None:
    (charge,) = decide_charges(sold(Item(make_price(), 3)))
    assert (charge.at, charge.currency, charge.interval) == (at(2, 28), "eur", "month")
    assert (charge.steps, charge.listed) == ((Step(1500),), 1500)


def test_a_discount_that_ends_reduces_the_charges_before_its_end_and_no_other() -> None:
    # Three months from the 31st of January: charged on the last of January (past), 28 February and 31 March.
    half = Discount(percent="50", ends_at=at(4, 30))
    assert steps(sold(discounts=(half,))) == (Step(250, 2), Step(500))


def test_a_discount_that_ends_with_the_next_charge_reduces_none() -> None:
    assert steps(sold(discounts=(Discount(percent="50", ends_at=at(2, 28)),))) == (Step(500),)


def test_a_discount_without_an_end_reduces_every_charge() -> None:
    assert steps(sold(discounts=(Discount(percent="50"),))) == (Step(250),)


def test_a_discount_for_one_charge_reduces_the_next_one() -> None:
    assert steps(sold(discounts=(Discount(amount=120, once=True),))) == (Step(380, 1), Step(500))


def test_nothing_is_charged_below_nought() -> None:
    assert steps(sold(discounts=(Discount(amount=900),))) == (Step(0),)


def test_several_discounts_apply_one_after_another() -> None:
    both = (Discount(percent="10"), Discount(percent="20", ends_at=at(3, 31)))
    assert steps(sold(discounts=both)) == (Step(360, 1), Step(450))


def test_a_discount_of_one_item_leaves_the_others() -> None:
    two = (Item(make_price()), Item(make_price("price_2", amount=1000)))
    assert steps(sold(*two, discounts=(Discount(percent="50", items=(1,)),))) == (Step(1000),)


@pytest.mark.parametrize(("inclusive", "charged"), [(True, 500), (False, 595)])
def test_a_tax_is_added_unless_the_price_contains_it(inclusive: bool, charged: int) -> None:
    assert steps(sold(taxes=(Tax("19", inclusive),))) == (Step(charged),)


def test_the_tax_is_on_what_the_discount_leaves() -> None:
    found = sold(taxes=(Tax("19", False),), discounts=(Discount(amount=100, once=True),))
    assert steps(found) == (Step(476, 1), Step(595))


def test_a_sum_that_depends_on_the_rounding_is_not_guessed() -> None:
    odd = Item(make_price(amount=499))
    assert unsure(sold(odd, discounts=(Discount(percent="50"),))) == (Unsure.ROUNDING,)
    lines = [Item(make_price(f"price_{n}", amount=103)) for n in range(3)]
    assert unsure(sold(*lines, taxes=(Tax("5.4", False),))) == (Unsure.ROUNDING,)


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("eur", 90), ("isk", 100), ("kwd", 1010)],  # 45 cents, half a krona, 0.505 dinar
)
def test_an_amount_that_the_currency_cannot_express_is_not_guessed(currency: str, amount: int) -> None:
    small = Item(make_price(amount=amount, currency=currency))
    assert unsure(sold(small, discounts=(Discount(percent="50"),))) == (Unsure.ROUNDING,)


@pytest.mark.parametrize("reason", Unsure)
def test_a_charge_that_only_the_provider_knows_is_not_guessed(reason: Unsure) -> None:
    assert unsure(sold(unsure=(reason,))) == (reason,)


def test_a_period_cut_short_by_a_set_end_is_charged_in_part() -> None:
    assert unsure(replace(sold(), ends_at=at(3, 10))) == (Unsure.CHANGE,)
    for whole in (at(3, 31), at(4, 10)):
        assert steps(replace(sold(), ends_at=whole)) == (Step(500),)


def test_a_discount_of_unknown_size_and_a_price_by_use_are_not_guessed() -> None:
    assert unsure(sold(discounts=(Discount(),))) == (Unsure.DISCOUNT,)
    assert unsure(sold(Item(make_price(amount=None)))) == (Unsure.USAGE,)


def test_inclusive_and_exclusive_taxes_together_are_not_guessed() -> None:
    assert unsure(sold(taxes=(Tax("5", True), Tax("7", False)))) == (Unsure.TAX,)


def test_items_of_two_intervals_are_charged_apart() -> None:
    yearly: Price = make_price("price_2", amount=10_000, interval="year")
    both = sold(Item(make_price()), Item(yearly, period_end=at(1, 31, 2028)))
    month, year = decide_charges(both)
    assert (month.interval, month.at, month.steps) == ("month", at(2, 28), (Step(500),))
    assert (year.interval, year.at, year.steps) == ("year", at(1, 31, 2028), (Step(10_000),))


def test_a_fixed_discount_on_a_bill_of_two_intervals_is_uncertain() -> None:
    yearly = Item(make_price("price_2", amount=10_000, interval="year"), period_end=at(1, 31, 2028))
    found = decide_charges(sold(Item(make_price()), yearly, discounts=(Discount(amount=100),)))
    assert [charge.unsure for charge in found] == [(Unsure.DISCOUNT,)] * 2


def test_the_providers_own_sums_are_taken_as_they_are() -> None:
    named = (Step(100, 2), Step(900))
    assert steps(sold(steps=named)) == named


def test_nothing_is_charged_while_collection_is_paused() -> None:
    assert decide_charges(sold(paused=True)) == ()


def test_the_first_charge_after_a_pause_is_the_first_of_the_cycle() -> None:
    (charge,) = decide_charges(sold(paused=True, resumes_at=at(4, 2)))
    assert charge.at == at(4, 30)


@pytest.mark.parametrize(
    "status", [s for s in Status if s not in (Status.ACTIVE, Status.TRIALING, Status.PAST_DUE)]
)
def test_no_charge_is_announced_if_it_is_uncertain(status: Status) -> None:
    assert decide_charges(sold(status=status)) == ()


def test_nothing_is_charged_after_the_end() -> None:
    assert decide_charges(replace(sold(), ends_at=at(2, 28))) == ()
    assert len(decide_charges(replace(sold(), ends_at=at(2, 28, 2029)))) == 1


def test_the_current_period_counts_if_the_anchor_does_not_lead_to_it() -> None:
    moved = replace(sold(discounts=(Discount(percent="50", ends_at=at(4, 20)),)), period_end=at(2, 15))
    (charge,) = decide_charges(moved)
    assert (charge.at, charge.steps) == (at(2, 15), (Step(250, 3), Step(500)))


def test_a_charge_without_a_known_period_has_no_date() -> None:
    (charge,) = decide_charges(replace(sold(), period_end=None))
    assert (charge.at, charge.steps) == (None, (Step(500),))


def test_a_date_beyond_the_calendar_becomes_the_last_possible_one() -> None:
    assert later(START, "year", 9000) == FAR
    assert later(START, "day", 10**9) == FAR
