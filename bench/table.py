"""Figures, and the Markdown tables of them that the bench prints and writes into docs/."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
PEERS_PAGE = PAGE.parent / "decisions" / "0010-peers.md"

_HEAD = ("what", "median", "spread", "reach", "beyond", "")


@dataclass(frozen=True)
class Figure:
    """One row of the table: a figure for each round, and the two marks that it is compared with, if any.

    `rounds`: ratios to the floor measured in the same round, or amounts in `unit` if the marks are amounts.
    """

    what: str
    rounds: tuple[float, ...]
    reach: float | None = None
    beyond: float | None = None
    more_is_better: bool = True
    unit: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        """Return the median of the rounds, which is compared with the marks."""
        return median(self.rounds)

    @property
    def mark(self) -> str:
        """Return 'short', 'reached' or 'beyond', by the marks that the median passes; '' without marks."""
        if self.reach is None or self.beyond is None:
            return ""
        passes = [self._passes(mark) for mark in (self.reach, self.beyond)]
        return "short" if not passes[0] else "beyond" if passes[1] else "reached"

    def _passes(self, mark: float) -> bool:
        return self.median >= mark if self.more_is_better else self.median <= mark


def table(figures: Sequence[Figure]) -> str:
    """Return the table in Markdown, also aligned for a terminal, with notes below.

    The columns of the marks are left out if no figure has any.
    """
    columns = slice(None if any(figure.mark for figure in figures) else _HEAD.index("reach"))
    rows = [row[columns] for row in (_HEAD, *(_row(figure) for figure in figures))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = [f"- {figure.what}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def _row(figure: Figure) -> tuple[str, ...]:
    spread = f"{_amount(min(figure.rounds))} to {_amount(max(figure.rounds))}"
    sign = "≥" if figure.more_is_better else "≤"
    marks = ("" if mark is None else f"{sign} {mark:g}" for mark in (figure.reach, figure.beyond))
    return (figure.what, f"{_amount(figure.median)} {figure.unit}".strip(), spread, *marks, figure.mark)


def _amount(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> str:
    """Return the number of cores and the versions of Python and SQLite used for the figures."""
    return (
        f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}, {platform.system()}), "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def write(figures: Sequence[Figure], page: Path, part: str) -> None:
    """Write the table into the page, between the two comments that delimit this part."""
    text = page.read_text()
    (rounds,) = {len(figure.rounds) for figure in figures}  # all of them
    shown = f"\nTaken on {machine()}, in {rounds} rounds.\n\n{table(figures)}\n"
    place = rf"(?<=<!-- {part} -->\n).*?(?=<!-- end of {part} -->)"
    written, places = re.subn(place, lambda _: shown, text, count=1, flags=re.DOTALL)
    if not places:
        raise ValueError(f"{page} has no place for {part} between its two comments.")
    page.write_text(written)
