"""The stripe package's own types."""

from __future__ import annotations

import ast
from pathlib import Path

import stripe


def literals(file: str, field: str) -> list[str]:
    """The values that the stripe package's own type lists for a field of the object in that file."""
    tree = ast.parse((Path(stripe.__file__).parent / file).read_text())
    (annotation,) = [
        node.annotation
        for top in tree.body
        if isinstance(top, ast.ClassDef)
        for node in top.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == field
    ]
    return [n.value for n in ast.walk(annotation) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
