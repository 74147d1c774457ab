"""Every text stands in the catalogue, in every language, within Discord's limits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from i18n import LANGUAGES, best_language, tr, use_language
from i18n.catalogue import ENGLISH, load_catalogue
from tests.i18n.outside import literals_of, sentences_outside

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [
    *(
        path
        for folder in ("billing", "cogs", "db", "providers", "web")
        for path in (ROOT / folder).rglob("*.py")
    ),
    *ROOT.glob("*.py"),
]
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
# It says that Python is too old or a package is missing, so it must do without the catalogue's own package.
BEFORE_THE_CATALOGUE = {"terminal.py"}
# Files whose texts still stand in the code.
STILL_INSIDE = set((ROOT / "tests" / "i18n" / "still_inside.txt").read_text("utf-8").split())


def placeholders(form: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(form) if name}


def files() -> Iterator[tuple[str, ast.Module]]:
    for path in PROGRAM:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def test_texts_are_in_the_language_of_the_current_context() -> None:
    with use_language("de-AT"):
        assert tr("count.days", n=1) == "1 Tag"
    assert tr("count.days", n=2) == "2 days"


@pytest.mark.parametrize(("locale", "language"), [("de", "de"), ("en-GB", "en"), ("pt-BR", "en"), ("", "en")])
def test_a_missing_language_falls_back_to_english(locale: str, language: str) -> None:
    assert best_language(locale) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_code_occurs_twice_in_a_catalogue(language: str) -> None:
    lines = (ROOT / "i18n" / "locales" / f"{language}.po").read_text("utf-8").splitlines()
    codes = [line for line in lines if line.startswith('msgid "') and line != 'msgid ""']
    assert sorted(codes) == sorted(set(codes))


def test_an_unknown_text_code_raises() -> None:
    with pytest.raises(KeyError):
        tr("nothing.like.that")


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_every_text_with_its_placeholders(language: str) -> None:
    english, other = load_catalogue(ENGLISH).texts, load_catalogue(language).texts
    assert set(other) == set(english)
    for code, forms in other.items():
        assert all(form.strip() for form in forms), code
        wanted = set.union(*map(placeholders, english[code]))
        for form in forms:
            # A form for one may do without the number.
            assert wanted - {"n"} <= placeholders(form) <= wanted, code


def codes_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The codes with which `tr` and `Text` are called, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"tr", "Text"}:
            code = node.args[0]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield node.lineno, code.value


def test_every_text_code_in_use_exists() -> None:
    texts = load_catalogue(ENGLISH).texts
    unknown = [
        (name, line, code) for name, tree in files() for line, code in codes_in(tree) if code not in texts
    ]
    assert unknown == []


def test_every_use_of_a_text_fills_its_placeholders() -> None:
    texts, wrong = load_catalogue(ENGLISH).texts, []
    for name, tree in files():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"tr", "Text"}
            ):
                code, given = node.args[0], {word.arg for word in node.keywords}
                if None not in given and isinstance(code, ast.Constant) and code.value in texts:
                    wanted = set.union(*map(placeholders, texts[code.value]))
                    if not wanted <= given:
                        wrong.append((name, node.lineno, code.value, wanted - given))
    assert wrong == []


def test_every_text_of_the_catalogue_is_used() -> None:
    said = {literal for _, tree in files() for literal in literals_of(tree)}
    assert set(load_catalogue(ENGLISH).texts) - said - {"count.days"} == set()


def test_every_text_code_names_its_area_and_subject() -> None:
    looks_like_one = re.compile(r"[a-z][a-z_0-9]*(\.[a-z][a-z_0-9]*)+")
    assert [code for code in load_catalogue(ENGLISH).texts if not looks_like_one.fullmatch(code)] == []


# Discord, 'Application Command Object' and 'Component Reference': characters, placeholders not filled.
LIMITS = {"description": 100, "option": 100, "choice": 100, "button": 80, "modal": 45, "placeholder": 150}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_longer_than_discord_allows(language: str) -> None:
    for code, forms in load_catalogue(language).texts.items():
        limit = LIMITS.get(code.partition(".")[0], 2_000)
        assert max(map(len, forms)) <= limit, code


def test_no_sentence_for_people_stands_outside_the_catalogue() -> None:
    # The folder db/ is full of SQL, which looks like sentences.
    trees = ((name, tree) for name, tree in files() if not name.startswith("db/"))
    found = {name: outside for name, tree in trees if (outside := sentences_outside(tree))}
    for name in BEFORE_THE_CATALOGUE:
        del found[name]
    assert {name: outside for name, outside in found.items() if name not in STILL_INSIDE} == {}
    assert set(found) >= STILL_INSIDE, "take those without sentences out of still_inside.txt"


OUTSIDE = '''
"""A docstring of words."""
log = None
def f(x):
    """Another one."""
    log.warning("the log is for %s", x)
    Reading("a metric that Prometheus reads")
    raise ValueError("a fault of the program")
    return Conflict("Somebody reads this.")
ADVICE: LogWords = "raise the limit"
def cause(error) -> LogWords:
    return f"the cause was {error}"
def g(n):
    return f"You have {n} days left."
'''


def test_a_sentence_outside_the_catalogue_is_found() -> None:
    assert sentences_outside(ast.parse(OUTSIDE)) == ["Somebody reads this.", "You have  days left."]
