"""Texts as the ledger keeps them: by their code, with typed arguments."""

from __future__ import annotations

import pytest

from billing.model import Money
from billing.model.stored_texts import from_stored, to_stored
from billing.model.translatable_text import Day, MemberRef, Moment, RoleRef, Text, Verbatim


@pytest.mark.parametrize(
    "text",
    [
        Text("error.role_gone"),
        Text("error.several", plan="Gold {x}\n*", n=3, amount=Money(500, "eur")),
        Text("error.several", day=Day(1), moment=Moment(2), member=MemberRef(3), role=RoleRef(4)),
        Text("error.several", id=Verbatim("sub_1"), of=("Gold", Text("error.role_gone", n=1))),
        "A sentence that an earlier version kept.",
        "",
    ],
)
def test_a_stored_text_is_read_back_unchanged(text: Text | str) -> None:
    assert from_stored(to_stored(text)) == text
    assert "\n" not in to_stored(text)  # a line each, where the ledger keeps several


def test_a_text_without_arguments_is_stored_as_its_code() -> None:
    assert to_stored(Text("error.role_gone")) == "error.role_gone"
