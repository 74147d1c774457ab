"""/stats, as an admin sees it."""

from __future__ import annotations

from tests.app.harness import MONTH, AppHarness


async def test_the_numbers_show_what_runs_what_moved_and_the_revenue(app: AppHarness) -> None:
    await app.sell()
    empty = (await app.cleo.run(app.guild, "stats")).text
    assert "0 before, +0, makes 0 now." in empty
    assert "None yet." in empty
    await app.buy()
    await app.buy(app.cleo)
    await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")
    await app.settled()
    shown = await app.cleo.run(app.guild, "stats")
    assert shown.ephemeral
    assert "The last 30 days" in shown.text
    assert "active 2 ████████████████" in shown.text
    assert "new +2 ████████████████" in shown.text
    assert "0 before, +2, makes 2 now." in shown.text
    assert "Renewed: 0. Cancelled to the end of the period: 1. Resumed: 0." in shown.text
    assert "**€10.00** (before: €0.00; gained €10.00, lost €0.00, changed prices €0.00)" in shown.text
    await app.turn(MONTH + 86_400)
    later = (await app.cleo.run(app.guild, "stats", {"days": 10})).text
    assert "2 before, -1, makes 1 now." in later
    assert "ended, cancelled -1" in later
    assert "Renewed: 1." in later
    assert "**€5.00** (before: €10.00; gained €0.00, lost -€5.00, changed prices €0.00)" in later
    assert "have run for 32 days or longer" in later


async def test_only_admins_see_the_numbers(app: AppHarness) -> None:
    forced = await app.bob.run(app.guild, "stats", force=True)
    assert forced.text == "You need the Manage Server permission for this."
