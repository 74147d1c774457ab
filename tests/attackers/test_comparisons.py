"""Secrets are compared in constant time: the test reads the program's source."""

from __future__ import annotations

import ast
import hmac
import re
from pathlib import Path

import pytest

from providers.stripe.webhook import verify

ROOT = Path(__file__).parents[2]
PARTS = ("billing", "cogs", "db", "providers", "web")
SECRET = re.compile(
    r"secret|signature|token|digest|hmac|password|api_?key|mac\b|(^|_)sig($|_)|expected", re.IGNORECASE
)
# Lookups by hash find a secret by how much of it is right as well.
COMPARED = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


def names_in(node: ast.AST) -> set[str]:
    """Every name and attribute of an expression."""
    parts = list(ast.walk(node))
    plain = {part.id for part in parts if isinstance(part, ast.Name)}
    return plain | {part.attr for part in parts if isinstance(part, ast.Attribute)}


def comparisons(source: str) -> list[str]:
    """Comparisons with `==`, `!=` or `in` in which something is called like a secret."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(op, COMPARED) for op in node.ops):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue  # what stands in the program's text is no secret
            if any(SECRET.search(name) for side in sides for name in names_in(side)):
                found.append(ast.unparse(node))
    return found


def sources() -> list[Path]:
    """Of the program, without its tests and its sandbox."""
    return sorted([*ROOT.glob("*.py"), *(f for part in PARTS for f in (ROOT / part).rglob("*.py"))])


def test_no_secret_is_compared_with_an_operator_that_stops_at_the_first_difference() -> None:
    assert len(sources()) > 90
    found = {str(f.relative_to(ROOT)): comparisons(f.read_text()) for f in sources()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_signature_of_stripes_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with each, whichever fits. PayPal's is checked with a public key, which is no secret."""
    compared, honest = [], hmac.compare_digest

    def watched(one: str, other: str) -> bool:
        compared.append(other)
        return honest(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    mark = hmac.digest(b"whsec_1", b"1800000000.{}", "sha256").hex()
    other = "0" * 64
    header = f"t=1800000000,v1={mark},v1={other}"
    verify(b"{}", header, 1_800_000_000, ("whsec_1", "whsec_2"))
    assert compared == [mark, other] * 2


@pytest.mark.parametrize(
    "line",
    [
        "expected == signature",
        "given != self._secret",
        "x in self._tokens",
        "request.headers['X'] == settings.api_key",
        "mac(body) == given",
        "hmac.digest(k, b, 'sha256') == given",
        "a == b.hexdigest()",
        "sent.transmission_sig == made",
        "left == right == token",
    ],
)
def test_a_comparison_of_secrets_by_an_operator_is_found(line: str) -> None:
    assert comparisons(line) == [line]


@pytest.mark.parametrize(
    "line", ["hmac.compare_digest(a, signature)", "token is self._token", "secret != ''"]
)
def test_comparisons_of_other_values_are_not_reported(line: str) -> None:
    assert comparisons(line) == []
