from __future__ import annotations

import pytest

from billing.rules.names import find_unseen, plain_name, twin_key


@pytest.mark.parametrize(
    "name", ["Gold", "Café", "❤️ Club", "👨‍👩‍👧 Family", "#️⃣ One", "می‌خواهم", "क्‍ष", "골드", "★彡"]
)
def test_a_visible_text_is_a_valid_name(name: str) -> None:
    assert find_unseen(name) is None
    assert twin_key(name)


@pytest.mark.parametrize(
    "hidden",
    [
        *"\u3164\u2800\u115f\u1160\uffa0\u200b\u200c\u200d\u2060\u00ad\u034f\u202e\u2066\ufeff\ufe0f",
        *"\u17b4\u180e\U000e0041\U000e0100\ue000\x07",
    ],
)
def test_invisible_characters_in_a_name_are_found(hidden: str) -> None:
    assert find_unseen(f"Go{hidden}ld") == hidden
    assert find_unseen(hidden) == hidden
    assert twin_key(f"Go{hidden}ld") == twin_key("Gold")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Caf\u00e9", "Cafe\u0301"),
        ("GOLD", "gold"),
        ("Ｇｏｌｄ", "Gold"),
        ("Stra\u00dfe", "STRASSE"),
        ("G\u043eld", "Gold"),
        ("\u0391lpha", "Alpha"),
        ("\u2460", "1"),
        ("Gold  Plus", "gold\u00a0plus"),
    ],
)
def test_names_that_look_the_same_are_confusable(one: str, other: str) -> None:
    assert twin_key(one) == twin_key(other)


def test_names_that_look_different_are_not_confusable() -> None:
    names = ["Gold", "Golden", "Cafe", "Café", "Золото", "ゴールド", "❤️", "💛"]
    assert len({twin_key(name) for name in names}) == len(names)


def test_a_plain_name_has_no_markup_and_no_address() -> None:
    typed = "[Pay](https://evil.example/x) **now** `_` <b> \u202e@everyone\nsecond\u3164"
    assert plain_name(typed, 100) == "Pay https evil.example x now b everyone second"


def test_a_plain_name_is_cut_in_the_units_that_providers_count() -> None:
    assert plain_name("a" * 30, 10) == "aaaaaaaaa…"
    assert plain_name("a" * 10, 10) == "a" * 10
    assert plain_name("💛" * 10, 9) == "💛💛💛💛…"
