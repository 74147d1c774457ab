"""Cards at their largest stay within what Discord takes: 40 components, 4000 characters, ids of 100."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, cast

import pytest

from billing.model import Binding, Override, OverrideKind, Plan
from billing.rules.access import SubscriptionAccess
from cogs.core.bot_interface import BaseBot
from cogs.core.components import custom_id
from cogs.core.subscription_keys import key_text, parse_key
from cogs.subscriptions import NEWS_IN_FRONT, PAGE, ROOM
from cogs.views import layout
from cogs.views.reader import Audience
from cogs.views.subscription import SubscriptionView, subscription_box
from tests.app.test_text import NOW, PAID, PRICE

SNOWFLAKE = (1 << 63) - 1


class Nowhere:
    """A client that knows no server, so that cards show words instead of names."""

    server_names: ClassVar[dict[int, str]] = {}

    def get_guild(self, guild_id: int) -> None:
        """None."""


def largest() -> SubscriptionView:
    """A subscription with the longest possible text in every part."""
    name = "*" * 60
    plan = Plan(1, SNOWFLAKE, name, tuple(SNOWFLAKE - n for n in range(50)), (PRICE,), description="_" * 300)
    block = Override(1, "d" * 16, SNOWFLAKE, SNOWFLAKE, None, OverrideKind.BLOCK, 0, None, "*" * 300, 1, 0)
    key = replace(PAID.key, id="sub_" + "x" * 28)
    return SubscriptionView(
        subscription=replace(PAID, key=key),
        binding=Binding(SNOWFLAKE, SNOWFLAKE),
        plans=(plan, replace(plan, id=2)),
        right=SubscriptionAccess(NOW, ""),
        block=block,
        parked=("p" * 300,),
        waiting=(),
        connected=True,
        keeps_period=True,
        title="Stripe",
    )


def count(components: list[dict[str, Any]]) -> int:
    """The number of components as Discord counts them, with nested ones."""
    return sum(1 + count(c.get("components", [])) for c in components)


def test_a_page_of_the_largest_subscriptions_stays_within_discords_limits() -> None:
    place = Audience(cast("BaseBot", Nowhere()))
    news = layout.box("### News\n" + "n" * NEWS_IN_FRONT)
    boxes = [subscription_box(largest(), place, ROOM) for _ in range(PAGE)]
    pager = layout.pager("page", SNOWFLAKE, "", 1, 3)
    assert pager is not None
    card = layout.Card(news, *boxes, pager)
    payload: list[dict[str, Any]] = card.to_components()  # type: ignore[no-untyped-call]  # discord.py left it out
    assert count(payload) <= 40
    assert card.content_length() <= 4_000


async def test_a_sent_card_leaves_no_view_in_memory() -> None:
    assert layout.note("x", layout.row(layout.button("a", "b", 1))).is_finished()


def test_the_longest_key_fits_into_a_custom_id() -> None:
    key = largest().subscription.key
    assert len(custom_id("cancelyes", SNOWFLAKE, f"end{NOW}:{key_text(key)}")) <= 100
    with pytest.raises(ValueError, match="custom id"):
        custom_id("x", 1, "y" * 100)


def test_a_subscription_key_survives_a_custom_id() -> None:
    key = replace(PAID.key, account="acct:1")
    assert parse_key(key_text(key)) == key
    assert parse_key("Gold") is None
    assert parse_key("a:b") is None


def test_a_link_too_long_for_a_button_becomes_text() -> None:
    short, long = (
        layout.Link("Pay", "https://p.example/1"),
        layout.Link("Pay", "https://p.example/" + "x" * 600),
    )
    text, row = layout.links([short, long])
    assert text == f"[Pay]({long.url})"
    assert row is not None
    assert [b["url"] for b in row.to_component_dict()["components"]] == [short.url]


@pytest.mark.parametrize(("page", "pages", "off"), [(0, 3, [True, False]), (2, 3, [False, True])])
def test_the_page_buttons_are_off_at_both_ends(page: int, pages: int, off: list[bool]) -> None:
    row = layout.pager("page", 1, "", page, pages)
    assert row is not None
    assert [b["disabled"] for b in row.to_component_dict()["components"]] == off
    assert layout.pager("page", 1, "", 0, 1) is None


def test_a_page_that_no_longer_exists_becomes_the_last_one() -> None:
    assert layout.leaf(range(9), 7, 4) == (2, 3)
    assert layout.leaf([], 0, 4) == (0, 1)
