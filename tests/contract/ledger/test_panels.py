"""The ledger's public cards: which are outdated, and what a change or a new card does meanwhile."""

from __future__ import annotations

from dataclasses import replace

from billing.model.panels import Panel
from billing.ports import Ledger
from tests.contract.ledger.nouns import GUILD, plan

SHOWN = Panel(GUILD, 10, 20, 1)


async def test_a_card_is_outdated_until_it_is_shown_and_again_after_a_change(ledger: Ledger) -> None:
    await ledger.record_panel(GUILD, 10, 20, 5)
    assert await ledger.load_outdated_panels(4, 9) == []
    assert await ledger.load_outdated_panels(5, 9) == [SHOWN]
    await ledger.record_panel_shown(SHOWN)
    assert await ledger.load_outdated_panels(9, 9) == []
    await ledger.record_plan(plan(), "1", 9)
    assert await ledger.load_outdated_panels(9, 9) == [Panel(GUILD, 10, 20, 2)]


async def test_a_change_while_a_card_is_edited_leaves_it_outdated(ledger: Ledger) -> None:
    await ledger.record_panel(GUILD, 10, 20, 5)
    (editing,) = await ledger.load_outdated_panels(5, 9)
    await ledger.record_plan(plan(), "1", 6)
    await ledger.record_panel_shown(editing)
    assert [each.version for each in await ledger.load_outdated_panels(6, 9)] == [2]


async def test_a_card_that_could_not_be_edited_waits_for_its_next_attempt(ledger: Ledger) -> None:
    await ledger.record_panel(GUILD, 10, 20, 5)
    await ledger.record_panel_failed(SHOWN, 60)
    assert await ledger.load_outdated_panels(59, 9) == []
    assert [each.attempts for each in await ledger.load_outdated_panels(60, 9)] == [1]


async def test_the_fate_of_an_old_card_does_not_touch_the_new_one(ledger: Ledger) -> None:
    await ledger.record_panel(GUILD, 10, 20, 5)
    await ledger.record_panel(GUILD, 11, 21, 6)
    await ledger.record_panel_removed(SHOWN)
    await ledger.record_panel_shown(SHOWN)
    await ledger.record_panel_failed(SHOWN, 60)
    assert await ledger.load_panel(GUILD) == Panel(GUILD, 11, 21, 2)
    assert await ledger.load_outdated_panels(6, 9) == [Panel(GUILD, 11, 21, 2)]


async def test_a_price_that_changed_outdates_the_cards_that_show_it(ledger: Ledger) -> None:
    saved = await ledger.record_plan(plan(), "1", 1)
    await ledger.record_panel(GUILD, 10, 20, 5)
    await ledger.record_panel_shown(SHOWN)
    (price,) = saved.prices
    await ledger.record_price(price)
    assert await ledger.load_outdated_panels(9, 9) == []
    await ledger.record_price(replace(price, amount=7))
    assert [each.version for each in await ledger.load_outdated_panels(9, 9)] == [2]
