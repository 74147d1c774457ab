"""How rows of an import are read and sorted."""

from __future__ import annotations

import pytest

from billing.errors import Conflict
from billing.model import Binding, Claim, Status, Subscription
from billing.rules.member_import import MOST_BYTES, MOST_ROWS, Facts, Line, Sorted, read_lines, sort_lines
from tests.rules.builders import (
    GRACE,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    OTHER_MEMBER,
    make_plan,
    make_price,
    make_subscription,
)

NOW = 1_800_000_000
FOUND: dict[str, Subscription] = {
    "sub_free": make_subscription("sub_free", at=NOW),
    "sub_unpaid": make_subscription("sub_unpaid", Status.UNPAID, at=NOW),
    "sub_own": make_subscription("sub_own", at=NOW, binding=Binding(GUILD, MEMBER)),
    "sub_other": make_subscription("sub_other", at=NOW, binding=Binding(GUILD, OTHER_MEMBER)),
    "sub_over": make_subscription("sub_over", Status.ENDED, at=NOW),
    "sub_away": make_subscription("sub_away", at=NOW, claim=Claim(MEMBER, OTHER_GUILD)),
}


def facts(*, owner: bool = False, present: frozenset[int] = frozenset({MEMBER})) -> Facts:
    return Facts(GUILD, [make_plan()], FOUND, present, owner, NOW, GRACE)


@pytest.mark.parametrize(
    ("member", "subscription", "kind"),
    [
        (str(MEMBER), "sub_free", Sorted.LINKS),
        (f"<@{MEMBER}>", "sub_free", Sorted.LINKS),
        (f"'{MEMBER}", "sub_free", Sorted.LINKS),
        (str(MEMBER), "sub_own", Sorted.ALREADY),
        (str(MEMBER), "sub_other", Sorted.TAKEN),
        (str(MEMBER), "sub_lost", Sorted.NOT_FOUND),
        (str(MEMBER), "sub_over", Sorted.NOT_RUNNING),
        (str(MEMBER), "sub_away", Sorted.ELSEWHERE),
        (str(OTHER_MEMBER), "sub_free", Sorted.ABSENT),
        ("1.23457E+17", "sub_free", Sorted.MALFORMED),
        ("", "sub_free", Sorted.MALFORMED),
        ("9" * 19, "sub_free", Sorted.MALFORMED),
        (str(MEMBER), "", Sorted.MALFORMED),
        (str(MEMBER), "../x", Sorted.MALFORMED),
    ],
)
def test_a_row_is_sorted_by_what_an_import_would_do(member: str, subscription: str, kind: Sorted) -> None:
    (done,) = sort_lines([Line(2, member, subscription)], facts())
    assert done.kind is kind


def test_a_subscription_on_another_price_is_not_sold_here() -> None:
    other = make_plan(2, prices=(make_price("price_9", "prod_9"),))
    (done,) = sort_lines(
        [Line(2, str(MEMBER), "sub_free")],
        Facts(GUILD, [other], FOUND, frozenset({MEMBER}), False, NOW, GRACE),
    )
    assert done.kind is Sorted.NOT_SOLD


def test_rows_about_one_subscription_count_once_and_not_if_they_disagree() -> None:
    same = [Line(2, str(MEMBER), "sub_free"), Line(3, str(MEMBER), "sub_free")]
    assert [each.kind for each in sort_lines(same, facts())] == [Sorted.LINKS, Sorted.REPEATED]
    both = facts(present=frozenset({MEMBER, OTHER_MEMBER}))
    differing = [Line(2, str(MEMBER), "sub_free"), Line(3, str(OTHER_MEMBER), "sub_free")]
    assert {each.kind for each in sort_lines(differing, both)} == {Sorted.CONTRADICTED}


def test_the_owner_may_link_what_names_another_server_and_unpaid_rows_are_marked() -> None:
    (away,) = sort_lines([Line(2, str(MEMBER), "sub_away")], facts(owner=True))
    (unpaid,) = sort_lines([Line(2, str(MEMBER), "sub_unpaid")], facts())
    assert (away.kind, away.pays) == (Sorted.LINKS, True)
    assert (unpaid.kind, unpaid.pays) == (Sorted.LINKS, False)


@pytest.mark.parametrize(
    "content",
    [
        b"discord id,subscription id\n11,sub_1\n",
        b"\xef\xbb\xbfName;Discord_User_ID;Subscription\r\nx;11;sub_1\r\n\r\n",
        b'"User ID"\t"Subscription ID"\n"11"\t" sub_1 "\n',
    ],
)
def test_columns_are_found_by_their_headers(content: bytes) -> None:
    (line,) = read_lines(content)
    assert (line.number, line.member_id, line.subscription) == (2, 11, "sub_1")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "error.import_headers"),
        (b"email,subscription\nx,y\n", "error.import_headers"),
        (b"\xff\xfe", "error.import_unreadable"),
        (b"x" * (MOST_BYTES + 1), "error.import_too_large"),
        (b"user id,subscription\n" + b"1,s\n" * (MOST_ROWS + 1), "error.import_too_long"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(content: bytes, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        read_lines(content)
    said = refused.value.user_message
    assert getattr(said, "code", "") == code


def test_a_file_with_more_rows_than_allowed_is_refused_even_if_most_are_empty() -> None:
    many = b"discord id,subscription id\n" + b",\n" * (2 * MOST_ROWS + 1)
    with pytest.raises(Conflict):
        read_lines(many)
