"""Translates a text's code to words in the reader's language.

A code such as `cancel.done` is the msgid in locales/*.po, so rewording a text changes no code and loses no
translation. English is complete by definition; a test compares every other language with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import c2py
from pathlib import Path

from babel.messages.pofile import read_po

ENGLISH = "en"
_FOLDER = Path(__file__).parent / "locales"
LANGUAGES = tuple(sorted(file.stem for file in _FOLDER.glob("*.po")))

_locale: ContextVar[str] = ContextVar("locale", default="en-US")


class Catalogue:
    """The texts of one language, by code.

    A text that depends on a number has one form for each of the language's plural forms.
    """

    def __init__(self, language: str) -> None:
        with (_FOLDER / f"{language}.po").open("rb") as file:
            found = read_po(file, locale=language, abort_invalid=True)
        self._plural = c2py(found.plural_expr)
        self.texts: dict[str, tuple[str, ...]] = {}
        for message in found:
            if message.id:
                code = message.id if isinstance(message.id, str) else message.id[0]
                forms = message.string if isinstance(message.string, tuple) else (message.string,)
                self.texts[code] = tuple(str(form) for form in forms)

    def form(self, code: str, n: object) -> str | None:
        """Return a text with its placeholders unfilled; None if the language lacks it.

        `n` chooses the plural form. Raises TypeError if the text has plural forms and `n` is not an integer.
        """
        forms = self.texts.get(code)
        if not forms or not all(forms):
            return None
        if len(forms) == 1:
            return forms[0]
        if not isinstance(n, int):
            raise TypeError(f"{code} depends on a number: give it as n")
        return forms[self._plural(n)]


@cache
def load_catalogue(language: str) -> Catalogue:
    """Load the texts of a language; the result is cached."""
    return Catalogue(language)


def best_language(locale: str) -> str:
    """Return the catalogue's language for a locale such as 'de' or 'en-US'; English if it has none."""
    language = locale.partition("-")[0].lower()
    return language if language in LANGUAGES else ENGLISH


def spoken_language() -> str:
    """Return the language that `tr` currently uses."""
    return best_language(_locale.get())


def spoken_locale() -> str:
    """Return the reader's locale, such as 'en-GB', which decides the format of amounts in every language."""
    return _locale.get()


@contextmanager
def use_language(locale: str) -> Iterator[None]:
    """Render texts for a reader with this locale within the context, including in tasks started there."""
    token = _locale.set(locale)
    try:
        yield
    finally:
        _locale.reset(token)


def speak(locale: str) -> None:
    """Render texts for a reader with this locale from now until the current task ends."""
    _locale.set(locale)


def tr(code: str, /, **args: object) -> str:
    """Return the text for a code in the reader's language, with its placeholders filled from `args`.

    `n` decides between singular and plural. If the language lacks the text, the English one is used. Raises
    KeyError for an unknown code.
    """
    n = args.get("n")
    found = load_catalogue(spoken_language()).form(code, n) or load_catalogue(ENGLISH).form(code, n)
    if found is None:
        raise KeyError(code)
    return found.format(**args)
