from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.model import DisputeState, Item, Money, Price, Status, Subscription, SubscriptionKey
from billing.rules.access import SubscriptionAccess, decide_right
from cogs.views.charges import price_words, sums_words
from cogs.views.text import escaped, plain, roles, status_text
from i18n.money import NO_DECIMALS, THREE_DECIMALS, format_money

PRICE = Price("stripe", "test", "price_1", "prod_1", 500, "eur", "month")
NOW = 1_800_000_000
PAID = Subscription(
    key=SubscriptionKey("stripe", "test", "sub_1"),
    customer_id="cus_1",
    status=Status.ACTIVE,
    provider_status="active",
    items=(Item(PRICE),),
    created_at=NOW - 86_400,
    period_end=NOW + 86_400,
)


@given(st.text(), st.integers(1, 300))
def test_typed_text_becomes_one_visible_line(text: str, limit: int) -> None:
    line = plain(text, limit)
    assert len(line) <= limit
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Zl", "Zp", "Co", "Cs"} for c in line)
    assert "\n" not in line


@given(st.text(alphabet="\\*_~`|[]<@>#!&()abc ", max_size=40))
def test_typed_text_is_never_markdown(text: str) -> None:
    shown, at = escaped(text), 0
    while at < len(shown):
        if shown[at] == "\\":
            at += 1  # whatever follows is shown as it is
        else:
            assert shown[at] not in "*_~`|[]<@"
        at += 1


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<@1> @everyone", r"\<\@1> \@everyone"),
        ("[free](https://x.example)", r"\[free\](https://x.example)"),
        ("Go\u202eld\u200b", "Gold"),
        ("a\n# b", "a # b"),
        ("x" * 101, "x" * 99 + "…"),
    ],
)
def test_mentions_links_and_invisible_characters_are_shown_as_text(typed: str, shown: str) -> None:
    assert escaped(typed) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        (500, "eur", "en-US", "€5.00"),
        (500, "eur", "de", "5,00\xa0€"),
        (500, "jpy", "en-US", "¥500"),
        (5_000, "kwd", "en-US", "KWD5.000"),
        (123_456, "usd", "zh-CN", "US$1,234.56"),
        (500, "usd", "not-a-locale", "$5.00"),
        (50_000, "isk", "en-US", "ISK500"),
        (250_000, "huf", "en-US", "HUF2,500"),
        (250_000, "huf", "hu", "2\xa0500\xa0Ft"),
        (250_000, "twd", "de", "2.500\xa0NT$"),
    ],
)
def test_money_is_written_in_its_currency(amount: int, currency: str, locale: str, shown: str) -> None:
    assert format_money(Money(amount, currency), locale) == shown


@pytest.mark.parametrize("currency", sorted(NO_DECIMALS))
def test_a_currency_without_decimals_shows_none(currency: str) -> None:
    assert format_money(Money(1_234, currency)).endswith("1,234")


@pytest.mark.parametrize("currency", sorted(THREE_DECIMALS))
def test_a_currency_with_three_decimals_shows_three(currency: str) -> None:
    assert format_money(Money(1_234_560, currency)).endswith("1,234.560")


@pytest.mark.parametrize("currency", ["eur", "usd", "huf", "twd", "rsd", "isk", "ugx", "all"])
def test_a_currency_with_two_decimals_never_hides_them(currency: str) -> None:
    assert format_money(Money(123_450, currency)).endswith("1,234.50")


def test_a_price_says_how_often_it_is_paid() -> None:
    assert price_words(PRICE) == "€5.00 a month"
    assert price_words(replace(PRICE, interval_count=3)) == "€5.00 every 3 months"


def test_a_sum_that_only_the_provider_knows_is_not_called_free() -> None:
    tiered = replace(PRICE, amount=None)
    assert price_words(tiered) == "an amount that Stripe calculates"
    assert sums_words(replace(PAID, items=(Item(PRICE), Item(tiered)))) == price_words(tiered)
    assert sums_words(replace(PAID, items=(Item(PRICE, 2),))) == "€10.00 a month"


def test_a_role_is_shown_as_a_mention_or_by_its_name() -> None:
    assert roles([1, 2]) == "<@&1>, <@&2>"
    assert roles([1, 2], {1: "A*B"}) == r"**A\*B**, a deleted role"
    assert roles(range(12)).endswith("<@&7> and 4 more")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Renews on <t:1800086400:D>."),
        (
            {"ends_at": NOW + 5},
            "Ends on <t:1800000005:D> and won't renew. You won't be charged for it again.",
        ),
        ({"status": Status.TRIALING, "trial_end": NOW + 7}, "Free until <t:1800000007:D>. Your first"),
        ({"status": Status.TRIALING, "ends_at": NOW + 7}, "Free until <t:1800000007:D>. It won't renew"),
        (
            {"status": Status.PAST_DUE, "unpaid_since": NOW - 9},
            "You'll keep your roles until <t:1800000091:D>",
        ),
        ({"status": Status.PAST_DUE, "unpaid_since": NOW - 900}, "The payment deadline has passed."),
        ({"status": Status.PAST_DUE}, "You'll keep your roles for now."),
        ({"status": Status.UNPAID}, "Stripe has stopped retrying."),
        ({"status": Status.PAUSED}, "Paused. You"),
        ({"status": Status.PENDING}, "The first payment is on its way."),
        ({"status": Status.UNKNOWN}, "You'll keep what you have."),
        ({"status": Status.ENDED, "ended_at": NOW - 5}, "Ended on <t:1799999995:D>."),
        ({"status": Status.ENDED, "paid_through": NOW + 5}, "keep your roles until <t:1800000005:D>"),
        ({"dispute": DisputeState.OPEN}, "on hold"),
        ({"dispute": DisputeState.LOST}, "reversed"),
        ({"dispute": DisputeState.WON}, "Renews on"),
    ],
)
def test_each_status_is_written_in_plain_words(change: dict[str, object], said: str) -> None:
    subscription = replace(PAID, **change)  # type: ignore[arg-type]  # built from parts
    assert said in status_text(subscription, decide_right(subscription, NOW, grace=100))


@pytest.mark.parametrize("status", Status)
def test_every_status_has_words(status: Status) -> None:
    assert status_text(replace(PAID, status=status), SubscriptionAccess(None, "")) != ""
