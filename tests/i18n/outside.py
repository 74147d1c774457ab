"""Finds sentences for people that stand in the code.

Not for people are, by the call or the type that they stand in: log lines, `detail` of an error, faults of the
program, HELP texts of metrics, SQL, docstrings, and whatever is declared as `LogWords`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

# Calls whose words go to the log, to a developer, or to a tool.
NOT_FOR_PEOPLE = {
    "debug", "info", "warning", "error", "exception", "critical", "log", "LogRecord",
    "ValueError", "TypeError", "RuntimeError", "AssertionError", "KeyError", "compile", "getLogger",
    "WorkOutcome", "put_off", "Change", "SyncResult",  # the log and the history
    "Counter", "Gauge", "Histogram", "GaugeMetricFamily", "CounterMetricFamily", "Reading",  # HELP of metrics
    "execute", "setattr", "execution", "deprecated", "cast",
    "in_time", "_misread", "parse_decimal", "Verbatim",
}  # fmt: skip
NOT_FOR_PEOPLE_AS = {"detail", "documentation", "name", "help", "provider_note"}
# billing/model/translatable_text.py: a constant, or what a function returns, is for the log.
LOG_WORDS = "LogWords"
# Markup and headers of web pages, whose words are placeholders.
_MARKUP = re.compile(r"<!doctype html>|default-src |text/plain;")
_SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|WHERE|FROM)\b")
# Two words with a space between them, one of them of three letters or more: `f"{a}: {b}"` is none.
_WORDS = re.compile(r"[A-Za-z’']{2,}[,:;]? +[a-zA-Z’']{2,}")


def literals_of(tree: ast.AST) -> Iterator[str]:
    """Every string constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def sentences_outside(tree: ast.Module) -> list[str]:
    """Strings that read as words for a person, in the order of the file."""
    hidden = _not_for_people(tree)
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in hidden:
            words = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            hidden |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
            words = node.value
        else:
            continue
        if _WORDS.search(words) and not _SQL.search(words) and not _MARKUP.match(words):
            found.append((node.lineno, words))
    return [words for _, words in sorted(found)]


def _not_for_people(tree: ast.Module) -> set[int]:
    """The ids of nodes within docstrings, log calls, faults of the program and the like."""
    hidden: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _hide_docstrings(node, hidden)
            if isinstance(node, ast.FunctionDef) and _is_typed(node.returns, LOG_WORDS):
                hidden |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.Call):
            parts: list[ast.AST] = [word.value for word in node.keywords if word.arg in NOT_FOR_PEOPLE_AS]
            if _is_for_developers(node.func):
                parts.append(node)
            hidden |= {id(inner) for part in parts for inner in ast.walk(part)}
        elif isinstance(node, ast.AnnAssign) and _is_typed(node.annotation, "TypeAlias", LOG_WORDS):
            hidden |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.Assert) and node.msg is not None:
            hidden |= {id(inner) for inner in ast.walk(node.msg)}
    return hidden


def _is_typed(annotation: ast.expr | None, *names: str) -> bool:
    return annotation is not None and any(name in ast.unparse(annotation) for name in names)


def _is_for_developers(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        return called.attr in NOT_FOR_PEOPLE
    return isinstance(called, ast.Name) and called.id in NOT_FOR_PEOPLE - {"info", "log"}


def _hide_docstrings(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, hidden: set[int]
) -> None:
    for statement in node.body:  # a class may have a docstring for each attribute
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            hidden.add(id(statement.value))
