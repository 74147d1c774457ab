"""Parses form bodies of API v1: `items[0][price]=x` becomes {"items": {"0": {"price": "x"}}}."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from standins.stripe.errors import invalid

MAX_DEPTH = 8


def path_of(key: str) -> list[str]:
    """Split a key into its parts. `a[]` ends in an empty part, which stands for the next index of a list."""
    head, *rest = key.split("[")
    if not head or any(not part.endswith("]") for part in rest) or len(rest) > MAX_DEPTH:
        raise invalid(f"Invalid parameter name: {key}", key)
    return [head, *(part[:-1] for part in rest)]


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in pairs:
        parts = path_of(key)
        _put(tree, parts, value, key)
    return tree


def _put(tree: dict[str, Any], parts: list[str], value: str, key: str) -> None:
    for part in parts[:-1]:
        inner = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid {parts[0]}: given both as a value and as a hash.", key)
        tree = inner
    last = parts[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise invalid(f"Invalid {parts[0]}: given both as a value and as a hash.", key)
    tree[last] = value


def as_list(value: dict[str, Any], param: str) -> list[Any]:
    """Convert a dict with the keys 0, 1, 2 … to a list."""
    if not all(key.isdigit() for key in value):
        raise invalid("Invalid array", param)
    return [value[key] for key in sorted(value, key=int)]
