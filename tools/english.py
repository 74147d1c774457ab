"""Lists words and phrases that a native speaker would not use: `python -m tools.english [--sink]`.

Reads docstrings, comments, the English catalogue, the documents and the unreleased part of the changelog, and
prints `file:line: form: text` for each find. tests/tools/english.json limits the number of finds in each
folder; `--sink` lowers these limits to the current numbers, and never raises one.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
CEILINGS = ROOT / "tests" / "tools" / "english.json"
CATALOGUE = "i18n/locales/en.po"
SKIPPED = {"__pycache__", "build", "data"}

# A sentence may follow a list's dash, a table's bar, bold type, an opening bracket or another sentence.
_START = r"(?:^[\s>*|\"(-]*|[.!?:]\"?\s+|\|\s*\**)"
FORMS = {
    "wish": r"\bwish(?:es|ed)?\b",
    "anew": r"\banew\b",
    "beside it": r"\bbeside (?:it|them)\b",
    "mend": r"\bmend(?:s|ed|ing)?\b",
    "be had": r"\bbe had\b",
    "astray": r"\bastray\b",
    "lane": r"\blanes?\b",
    "as was known": r"\bas (?:was|is|were) known\b",
    "what is none": r"\bwhat is none\b",
    "nothing more is charged": r"\bnothing more is charged\b",
    "stands on another docstring": r"\bThe (?:same|other(?: \w+)?)\.(?=\s|$)|\bOne of several\.",
    # A question may begin so.
    "who or what as subject": _START + r"(?:Who(?:ever)?|What(?:ever)?)\b(?![^.!?]*\?)(?! (?:if|about)\b)",
}
# The ledger's and the rules' word for the person who pays; people are told "you", or "subscribers".
FOR_PEOPLE = {"payer": r"\bpayers?\b", "mind": r"\bMind:"}


@dataclass(frozen=True)
class Passage:
    """A passage of text, and the number of its first line, from 1."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Find:
    """One use of a form; `line` counts from 1."""

    file: str
    line: int
    form: str
    words: str


def find_forms(passage: Passage) -> Iterator[Find]:
    """Yield every use of a form in one passage. Text in backticks is code and does not count."""
    text = re.sub(r"`[^`]*`", lambda code: re.sub(r"[^\n]", "`", code[0]), passage.text)
    for form, pattern in (FORMS | (FOR_PEOPLE if passage.file == CATALOGUE else {})).items():
        for found in re.finditer(pattern, text, re.MULTILINE if passage.file.endswith(".md") else 0):
            start = found.end() - len(found[0].lstrip(' \n|*>-.!?:"('))
            words = " ".join(passage.text[start : found.end() + 40].split())
            yield Find(passage.file, passage.line + text.count("\n", 0, start), form, words)


def read_python(file: str, text: str) -> Iterator[Passage]:
    """Yield a module's docstrings and comments; consecutive comment lines form one passage."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False)
            if doc is not None:
                yield Passage(file, node.body[0].lineno, doc)
    words: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            number, alone = token.start[0], token.line.lstrip().startswith("#")
            if words and not (alone and number == last + 1):
                yield Passage(file, first, "\n".join(words))
                words = []
            first = first if words else number
            words.append(token.string.lstrip("#").strip())
            last = number
    if words:
        yield Passage(file, first, "\n".join(words))


def read_markdown(file: str, text: str) -> Iterator[Passage]:
    """Yield a document's paragraphs without code blocks, and only the unreleased part of the changelog."""
    if file == "CHANGELOG.md":
        text = "\n## ".join(text.split("\n## ")[:2])
    text = re.sub(r"```.*?```", lambda code: "\n" * code[0].count("\n"), text, flags=re.DOTALL)
    line = 1
    for part in re.split(r"(\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) ))", text):
        if part.strip():
            yield Passage(file, line, part)
        line += part.count("\n")


def read_catalogue(file: str, path: Path) -> Iterator[Passage]:
    """Yield each English text, plural forms separately, with the line of its code."""
    with path.open("rb") as opened:
        for message in read_po(opened):
            if message.id:
                forms = message.string if isinstance(message.string, tuple) else (message.string,)
                yield from (Passage(file, message.lineno or 0, str(form)) for form in forms)


def read_project(root: Path) -> Iterator[Passage]:
    """Yield all passages of a tree, except those in hidden folders and in folders that tools generate."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if any(part.startswith(".") or part in SKIPPED for part in inside.parts):
            continue
        file = inside.as_posix()
        if path.suffix == ".py":
            yield from read_python(file, path.read_text("utf-8"))
        elif path.suffix == ".md":
            yield from read_markdown(file, path.read_text("utf-8"))
        elif file == CATALOGUE:
            yield from read_catalogue(file, path)


def folder_of(file: str) -> str:
    """Return the folder that a file's finds count towards.

    This is the top-level folder, the first two levels within tests/, or '.' for files in the root.
    """
    folders = file.split("/")[:-1]
    return "/".join(folders[: 2 if folders[:1] == ["tests"] else 1]) or "."


def count_folders(finds: Iterable[Find]) -> Counter[str]:
    """Return the number of finds in each folder."""
    return Counter(folder_of(find.file) for find in finds)


def load_ceilings() -> dict[str, int]:
    """Load the maximum number of finds for each folder. A folder without an entry may have none."""
    return dict(json.loads(CEILINGS.read_text("utf-8")))


def sink_ceilings(counts: Counter[str]) -> None:
    """Lower each folder's limit to its current number of finds, and drop limits that have reached zero."""
    lower = {folder: min(most, counts[folder]) for folder, most in load_ceilings().items() if counts[folder]}
    CEILINGS.write_text(json.dumps(lower, indent=4, sort_keys=True) + "\n", "utf-8")


def main() -> int:
    """Print every find and the number of finds in each folder.

    Returns exit code 1 if a folder exceeds its limit, otherwise 0.
    """
    finds = [find for passage in read_project(ROOT) for find in find_forms(passage)]
    for find in finds:
        print(f"{find.file}:{find.line}: {find.form}: {find.words}")
    counts = count_folders(finds)
    print(f"\n{counts.total()} in all: {', '.join(f'{name} {n}' for name, n in counts.most_common())}")
    if "--sink" in sys.argv[1:]:
        sink_ceilings(counts)
    ceilings = load_ceilings()
    return int(any(n > ceilings.get(folder, 0) for folder, n in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
