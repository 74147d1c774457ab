"""A member whose Discord is in German uses the commands in German."""

from __future__ import annotations

from tests.app.harness import AppHarness


async def test_a_member_whose_discord_is_german_reads_and_cancels_in_german(app: AppHarness) -> None:
    await app.sell()
    app.bob.user.locale = "de"
    await app.buy()
    overview = await app.bob.run(app.guild, "subscriptions")
    assert "Server: **Pottery**" in overview.text
    assert "Verlängert sich am <t:" in overview.text
    assert "Preis: 5,00\xa0€ pro Monat, über Stripe" in overview.text
    assert [button.label for button in overview.buttons] == ["Verwalten", "Kündigen", "Warum diese Rollen?"]
    question = await app.bob.run(app.guild, "cancel")
    assert "### Gold kündigen?" in question.text
    assert "Dafür wird dir nichts mehr abgebucht." in question.text
    receipt = await question.press("Abo kündigen")
    assert "### Gekündigt" in receipt.text
    assert [button.label for button in receipt.buttons] == ["Fortsetzen"]
    again = await app.bob.run(app.guild, "cancel")
    assert "gekündigt" in again.text


async def test_an_error_is_shown_in_the_language_of_its_reader(app: AppHarness) -> None:
    app.bob.user.locale = "de"
    assert "Der Bot findet kein laufendes Abo von dir." in (await app.bob.run(app.guild, "manage")).text
    assert "find an active subscription of yours" in (await app.cleo.run(app.guild, "manage")).text
