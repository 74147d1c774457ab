"""Texts with typed arguments, as a terminal shows them."""

from __future__ import annotations

import pytest

from billing.model import Money
from billing.model.translatable_text import Arg, Day, MemberRef, Moment, RoleRef, Text, Verbatim
from i18n import use_language
from i18n.plain import PLAIN, plain_words
from i18n.render import _shown

AT = 1_795_996_800  # 30 November 2026, 0:00 UTC


@pytest.mark.parametrize(
    ("arg", "english", "german"),
    [
        ("Gold *", "Gold *", "Gold *"),
        (3, 3, 3),
        (Verbatim("price_1"), "price_1", "price_1"),
        (Money(500, "eur"), "€5.00", "5,00\xa0€"),
        (Day(AT), "November 30, 2026", "30. November 2026"),
        (Moment(AT), "November 30, 2026, 12:00:00 AM UTC", "30. November 2026, 00:00:00 UTC"),
        (MemberRef(7), "7", "7"),
        (RoleRef(8), "8", "8"),
        (("Gold", "Silver", "Bronze"), "Gold, Silver, and Bronze", "Gold, Silver und Bronze"),
        (Text("count.days", n=2), "2 days", "2 Tage"),
    ],
)
def test_an_argument_is_shown_in_the_readers_language(arg: Arg, english: object, german: object) -> None:
    assert _shown(arg, PLAIN) == english
    with use_language("de"):
        assert _shown(arg, PLAIN) == german


def test_a_plain_string_argument_is_not_changed() -> None:
    assert plain_words("{braces} are no placeholder here") == "{braces} are no placeholder here"
