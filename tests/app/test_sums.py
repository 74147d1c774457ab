"""Sums of subscriptions, put into words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.model import Discount, Item, NextCharge, Step, Tax, Terms, Unsure
from cogs.views.charges import charge_words, sums_words
from tests.app.test_text import NOW, PAID, PRICE

DAY = 86_400


def words(**terms: Any) -> str:
    return sums_words(replace(PAID, terms=Terms(**terms)))


def test_a_discount_that_ends_says_how_long_it_lasts_and_the_price_after_it() -> None:
    half = Discount(percent="50", ends_at=NOW + 80 * DAY)
    assert words(discounts=(half,)) == "€2.50 for 3 more months, then €5.00 a month"


def test_a_discount_on_one_charge_lasts_one_more_month() -> None:
    once = Discount(percent="50", once=True)
    assert words(discounts=(once,)) == "€2.50 for 1 more month, then €5.00 a month"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((Step(500, 3),), "€5.00 a month, 3 more times"),
        ((Step(500, 1),), "one more payment of €5.00"),
        ((Step(250, 2), Step(500, 12)), "€2.50 for 2 more months, then €5.00 a month, 12 more times"),
    ],
)
def test_a_limited_number_of_payments_is_counted(steps: tuple[Step, ...], said: str) -> None:
    assert words(steps=steps) == said


def test_a_quarterly_discount_is_counted_in_months() -> None:
    quarterly = replace(PAID, items=(Item(replace(PRICE, interval_count=3)),))
    once = replace(quarterly, terms=Terms(discounts=(Discount(amount=100, once=True),)))
    assert sums_words(once) == "€4.00 for 3 more months, then €5.00 every 3 months"


def test_a_lasting_discount_and_a_tax_are_part_of_the_sum() -> None:
    assert words(discounts=(Discount(percent="50"),), taxes=(Tax("20", False),)) == "€3.00 a month"


@pytest.mark.parametrize("reason", [Unsure.DISCOUNT, Unsure.TAX, Unsure.ROUNDING])
def test_an_uncertain_sum_says_why_after_the_price(reason: Unsure) -> None:
    assert words(unsure=(reason,)) == "€5.00 a month; a discount or tax might apply"


def test_a_sum_that_the_provider_named_is_the_next_one() -> None:
    named = NextCharge(NOW, "eur", "month", 1, (Step(595, 1),), 500, (Unsure.TAX,))
    said = charge_words(named, "stripe")
    assert said == "€5.95 next time (regular price: €5.00 a month; a discount or tax might apply)"


def test_each_interval_has_its_own_sum_and_date() -> None:
    yearly = Item(replace(PRICE, id="price_2", amount=10_000, interval="year"), period_end=NOW + 200 * DAY)
    said = sums_words(replace(PAID, items=(Item(PRICE), yearly)))
    assert said == (
        f"€5.00 a month (next on <t:{NOW + DAY}:D>) and €100.00 a year (next on <t:{NOW + 200 * DAY}:D>)"
    )
