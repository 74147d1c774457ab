"""Measures size and shape of the code: `python -m tools.measure [TREE]` prints a Markdown table by area.

Lengths are physical lines, without decorators. A p90 is the value that nine out of ten do not exceed. A
helper counts as private if its name begins with an underscore, and as used once if its name occurs only twice
in its area.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

AREAS = {
    "product": ("*.py", "billing", "cogs", "db", "i18n", "providers", "web"),
    "sandbox and stand-ins": ("sandbox", "standins"),
    "tests": ("tests",),
}
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
LOOPS = ast.For | ast.AsyncFor | ast.While | ast.comprehension
CHOICES = ast.If | ast.IfExp | ast.ExceptHandler | ast.match_case


@dataclass(frozen=True)
class Area:
    """An area of the code: the texts of some Python files."""

    texts: Sequence[str]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the files' syntax trees."""
        return [node for text in self.texts for node in ast.walk(ast.parse(text))]

    @cached_property
    def functions(self) -> list[Function]:
        """All functions and methods, including nested ones."""
        return [node for node in self.nodes if isinstance(node, Function)]

    def helpers_used_once(self) -> list[Function]:
        """Return the private functions that are used in only one place."""
        words = Counter(word for text in self.texts for word in re.findall(r"\w+", text))
        return [f for f in self.functions if re.match("_[^_]", f.name) and words[f.name] == 2]

    def explained_lines(self) -> int:
        """Return the number of lines of docstrings, and of comments that have a line to themselves."""
        docs = [n.body[0] for n in self.nodes if isinstance(n, Documented) and ast.get_docstring(n)]
        return sum(span(doc, doc) for doc in docs) + sum(map(comment_lines, self.texts))

    def row(self) -> Iterator[str]:
        """Yield the cells of the area's row in the table."""
        files = [len(text.splitlines()) for text in self.texts]
        lengths = [span(function, function) for function in self.functions]
        once = self.helpers_used_once()
        short = sum(span(helper.body[0], helper.body[-1]) <= 3 for helper in once)
        public = [function for function in self.functions if not function.name.startswith("_")]
        documented = sum(ast.get_docstring(function) is not None for function in public)
        yield f"{sum(files):,}"
        yield f"{len(self.functions):,}"
        yield percentiles(lengths, 50, 90, 99, 100)
        yield percentiles([branches(function) for function in self.functions], 90, 100)
        yield percentiles([lines for lines in files if lines], 50, 90, 100)
        yield f"{len(once) / len(self.functions):.0%} ({short} of {len(once)} with 3 lines or fewer)"
        yield f"{documented / max(len(public), 1):.0%}"
        yield f"{self.explained_lines() / sum(files):.1%}"


HEAD = "lines | functions | function p50 / p90 / p99 / max | branches p90 / max | file p50 / p90 / max"
HEAD += " | private helpers used once | public functions with docstrings | docstring and comment lines"


def span(first: ast.stmt, last: ast.stmt) -> int:
    """Return the number of lines from the beginning of one statement to the end of another."""
    return (last.end_lineno or last.lineno) - first.lineno + 1


def branches(function: Function) -> int:
    """Return a function's number of branching points plus one."""
    found = 1
    for node in ast.walk(function):
        found += len(node.values) - 1 if isinstance(node, ast.BoolOp) else isinstance(node, LOOPS | CHOICES)
    return found


def comment_lines(text: str) -> int:
    """Return the number of comments that have a line to themselves."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(t.type == tokenize.COMMENT and t.line.lstrip().startswith("#") for t in tokens)


def percentiles(values: Sequence[int], *shares: int) -> str:
    """Return the values at these percentiles (from 0 to 100), separated by slashes."""
    ordered = sorted(values)
    return " / ".join(str(ordered[min(len(ordered) * share // 100, len(ordered) - 1)]) for share in shares)


def load_area(tree: Path, names: Sequence[str]) -> Area:
    """Read the Python files that match these folders and patterns. Missing ones are skipped."""
    found = [path for name in names for path in (*tree.glob(name), *tree.glob(f"{name}/**/*.py"))]
    return Area([path.read_text("utf-8") for path in sorted(found) if path.is_file()])


def main() -> None:
    """Print the table for a tree, or for the project itself."""
    tree = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parent.parent
    print(f"| | {HEAD} |", "|---" * (HEAD.count("|") + 2) + "|", sep="\n")
    for name, folders in AREAS.items():
        print(f"| {name} | {' | '.join(load_area(tree, folders).row())} |")


if __name__ == "__main__":
    main()
