"""Commands, their buttons and their errors speak the language that the caller's Discord speaks."""

from __future__ import annotations

from tests.app.harness import AppHarness


async def test_a_command_and_its_button_answer_in_the_callers_language(app: AppHarness) -> None:
    await app.sell()
    app.cleo.user.locale = "de"
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    assert "Das Mitglied kann hier keinen Plan mehr abonnieren." in asked.text
    assert (await asked.press("Zugang lassen")).text == "Es wurde nichts geändert."
    english = await app.ada.run(app.guild, "revoke", {"member": app.bob.user})
    assert "They won't be able to subscribe to any plan in this server." in english.text


async def test_a_commands_error_is_shown_in_the_callers_language(app: AppHarness) -> None:
    app.cleo.user.locale = "de"
    options = {"name": "Gold", "role": app.guild.everyone, "stripe_price": app.price}
    reply = await app.cleo.run(app.guild, "plans add", options)
    assert reply.text == "Alle haben die Rolle @everyone schon, deshalb lässt sie sich nicht verkaufen."


async def test_an_admins_report_is_written_in_their_language(app: AppHarness) -> None:
    await app.sell()
    app.cleo.user.locale = "de"
    report = await app.cleo.run(app.guild, "doctor")
    assert "Alles in Ordnung" in report.text
    assert f"Der Bot kann <@&{app.gold.id}> von Gold vergeben." in report.text
