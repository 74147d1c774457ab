"""Groups JSON bodies that Discord's document cannot tell apart, so that each group is validated only once."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator
from typing import Any

from standins.discord.model import Json

# The keywords whose effect `Shapes` knows; any other would let it group bodies that differ.
KEYWORDS = {
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "contentEncoding", "description", "enum",
    "format", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
    "minProperties", "minimum", "oneOf", "pattern", "properties", "required", "title", "type", "uniqueItems",
    "x-discord-union",
}  # fmt: skip


class Shapes:
    """Computes shapes: two bodies that the schemas accept or refuse alike have equal shapes.

    Two texts are alike if neither is a named constant, both lie between the same length limits, and both
    match the same patterns. Two numbers are alike if no limit lies between them. Two unknown property names
    are always alike. Raises ValueError for a schema with a keyword that is not in `KEYWORDS`.
    """

    def __init__(self, schemas: list[Json]) -> None:
        found = [node for schema in schemas for node in _nodes(schema)]
        if unknown := {name for node in found for name in node} - KEYWORDS:
            raise ValueError(f"keywords that are not known here: {sorted(unknown)}")
        self._names = {name for node in found for name in node.get("properties", {})}
        listed = [value for node in found for value in (*node.get("enum", ()), *_const(node))]
        self._constants = {(type(value), value) for value in listed}
        self._lengths = _limits(found, "minLength", "maxLength")
        self._sizes = _limits(found, "minimum", "maximum")
        self._patterns = [
            re.compile(text) for text in {node["pattern"] for node in found if "pattern" in node}
        ]

    def of(self, body: Any) -> Hashable:
        """Return the shape of a JSON body; bodies of equal shape need only one validation."""
        if isinstance(body, dict):
            named = ((name if name in self._names else None, self.of(value)) for name, value in body.items())
            return dict, len(body), frozenset(named)
        if isinstance(body, list):
            distinct = all(one not in body[:number] for number, one in enumerate(body))
            return list, distinct, tuple(self.of(one) for one in body)
        if body is None or isinstance(body, bool) or (type(body), body) in self._constants:
            return type(body), body
        if isinstance(body, str):
            matched = tuple(bool(pattern.search(body)) for pattern in self._patterns)
            return str, _between(self._lengths, len(body)), matched
        return type(body), _between(self._sizes, body), body == int(body)


def _nodes(schema: Any) -> Iterator[Json]:
    """Yield the schema and all schemas within it."""
    if not isinstance(schema, dict):
        return
    yield schema
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for name in ("allOf", "anyOf", "oneOf"):
        inner += schema.get(name, ())
    for one in inner:
        yield from _nodes(one)


def _const(node: Json) -> tuple[Any, ...]:
    return (node["const"],) if "const" in node else ()


def _limits(nodes: list[Json], *names: str) -> list[float]:
    return sorted({node[name] for node in nodes for name in names if name in node})


def _between(limits: list[float], value: float) -> tuple[int, int]:
    """Return the limits that a value lies between, or the one that it equals, as two indexes."""
    return bisect_left(limits, value), bisect_right(limits, value)
