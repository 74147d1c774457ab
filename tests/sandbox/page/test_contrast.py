"""Text on the page can be read: WCAG 2.1, 1.4.3 asks for a contrast of 4.5 to 1."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sandbox.page

STATIC = Path(sandbox.page.__file__).parent / "static"
CSS = "".join(path.read_text("utf-8") for path in sorted(STATIC.glob("*.css")))
VARIABLES = dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{3,6});", CSS))
GROUNDS = ("--ground", "--side", "--paper", "--raise")


def colours_of(selector: str, name: str) -> list[str]:
    """The colours that a rule sets, as '#rrggbb'."""
    (rule,) = re.findall(rf"^{re.escape(selector)} {{(.*)}}$", CSS, re.MULTILINE)
    (value,) = re.findall(rf"(?<![-a-z]){name}: ([^;]+);", rule)
    return [
        VARIABLES.get(one.strip("()").removeprefix("var("), one)
        for one in re.findall(r"var\([^)]+|#\w+", value)
    ]


def brightness(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    digits = colour.removeprefix("#")
    full = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    parts = (int(full[i : i + 2], 16) / 255 for i in (0, 2, 4))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_known_colours_is_computed_as_wcag_says() -> None:
    assert round(contrast("#fff", "#000000"), 1) == 21
    assert round(contrast("#767676", "#fff"), 2) == 4.54


@pytest.mark.parametrize(
    "selector", [".app", ".unread", ".avatar.bot", ".button.success", ".button.danger", "#offline"]
)
def test_white_text_on_each_coloured_ground_has_enough_contrast(selector: str) -> None:
    grounds = colours_of(selector, "background")
    assert grounds
    assert min(contrast("#fff", ground) for ground in grounds) >= 4.5


def test_letters_on_avatars_have_enough_contrast() -> None:
    found = re.search(r"const FACES = \[(.+)\]", (STATIC / "dom.js").read_text("utf-8"))
    assert found is not None
    faces = re.findall(r"#[0-9a-f]{6}", found[1])
    assert len(faces) == 8
    assert min(contrast("#fff", face) for face in faces) >= 4.5


@pytest.mark.parametrize("ink", ["--ink", "--soft", "--faint", "--link", "--warn"])
def test_text_on_every_ground_has_enough_contrast(ink: str) -> None:
    assert min(contrast(VARIABLES[ink], VARIABLES[ground]) for ground in GROUNDS) >= 4.5
