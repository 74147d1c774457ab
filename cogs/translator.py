"""Translates the descriptions of commands and options for Discord. Their names stay English."""

from __future__ import annotations

from discord import Locale, app_commands

from i18n import best_language, tr, use_language
from i18n.catalogue import ENGLISH


def described(code: str) -> app_commands.locale_str:
    """Return the English description with this catalogue code.

    discord.py translates it when the commands are registered.
    """
    return app_commands.locale_str(tr(code), code=code)


class Translator(app_commands.Translator):
    """discord.py's translator of names and descriptions, called for each language that Discord knows."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Return the text in that language; None to keep English."""
        code = string.extras.get("code")
        if code is None or best_language(locale.value) == ENGLISH:
            return None
        with use_language(locale.value):
            return tr(code)
