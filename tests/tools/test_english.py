"""The list of words and forms that a native would not use, and the ceiling of each folder."""

from __future__ import annotations

import pytest

from tools.english import (
    CATALOGUE,
    ROOT,
    Passage,
    count_folders,
    find_forms,
    folder_of,
    load_ceilings,
    read_markdown,
    read_project,
    read_python,
)


def forms(text: str, file: str = "cogs/cards.py") -> list[str]:
    return [find.form for find in find_forms(Passage(file, 1, text))]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("The wish is kept.", "wish"),
        ("It is made anew.", "anew"),
        ("It cannot be had.", "be had"),
        ("Nothing more is charged, or nothing more is charged.", "nothing more is charged"),
        ("The same.", "stands on another docstring"),
        ("The other button.", "stands on another docstring"),
        ("What pays for it.", "who or what as subject"),
        ("Take it. Whoever pays keeps it.", "who or what as subject"),
        ("- **Who** pays", "who or what as subject"),
    ],
)
def test_each_form_is_found(text: str, form: str) -> None:
    assert forms(text) == [form]


@pytest.mark.parametrize(
    "text",
    ["What is a plan?", "The same plan.", "Amend it.", "Run `make anew`.", "Show what it is. The payer."],
)
def test_a_native_sentence_has_no_finds(text: str) -> None:
    assert forms(text) == []


def test_payers_are_not_named_to_people_but_may_be_named_in_code() -> None:
    assert forms("Its payers keep it.", CATALOGUE) == ["payer"]
    assert forms("Its payers keep it.") == []


def test_a_find_in_a_module_names_the_line_of_its_word() -> None:
    text = '"""One.\n\nAnd anew.\n"""\n\n# Plain,\n# then a wish.\nx = "a wish"  # anew\n'
    found = [find for passage in read_python("bot.py", text) for find in find_forms(passage)]
    assert sorted((find.line, find.form) for find in found) == [(3, "anew"), (7, "wish"), (8, "anew")]


def test_a_find_in_a_document_names_the_line_of_its_word_and_leaves_code_out() -> None:
    text = "# Title\n\n```\nmake anew\n```\n\nOne.\nWhat pays goes.\n\n| a | Who pays |\n"
    found = [find for passage in read_markdown("docs/a.md", text) for find in find_forms(passage)]
    assert [find.line for find in found] == [8, 10]


def test_only_the_unreleased_part_of_the_changelog_counts() -> None:
    text = "# Changes\n\n## Not yet released\n\n- A wish.\n\n## 0.1\n\n- A wish.\n"
    assert len([find for passage in read_markdown("CHANGELOG.md", text) for find in find_forms(passage)]) == 1


def test_files_are_counted_by_top_folder_and_tests_by_the_next() -> None:
    assert [folder_of(file) for file in ("bot.py", "cogs/views/a.py", "tests/app/a.py", "tests/a.py")] == [
        ".",
        "cogs",
        "tests/app",
        "tests",
    ]


def test_no_folder_is_over_its_ceiling_and_folders_without_one_have_no_finds() -> None:
    counts = count_folders(find for passage in read_project(ROOT) for find in find_forms(passage))
    ceilings = load_ceilings()
    over = {folder: n for folder, n in counts.items() if n > ceilings.get(folder, 0)}
    assert not over, f"{over}: `python -m tools.english` lists them; reword, ceilings never rise"
