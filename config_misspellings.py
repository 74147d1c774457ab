"""Finds misspelt setting names in the settings file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from billing.model.translatable_text import Text

MOST = 2  # most letters by which a misspelt name may differ


def find_misspelt(names: Iterable[str], known: Iterable[str]) -> list[Text]:
    """Return a warning for each name that is one or two letters off a setting's name, ignoring case."""
    settings = sorted(known)
    return list(_misspelt([name for name in names if name not in settings], settings))


def _misspelt(names: list[str], settings: list[str]) -> Iterator[Text]:
    for name in names:
        away, setting = min((distance(name.upper(), setting), setting) for setting in settings)
        if away <= MOST:
            yield Text("setting.misspelt", name=name, setting=setting)


def distance(one: str, other: str) -> int:
    """Return the edit distance of two words (Levenshtein).

    This is the number of letters to insert, delete or replace to turn one word into the other.
    """
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        line = [row]
        for column, there in enumerate(other, start=1):
            changed = above[column - 1] + (letter != there)
            line.append(min(changed, above[column] + 1, line[-1] + 1))
        above = line
    return above[-1]
