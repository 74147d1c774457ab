"""Bodies share a shape only where no schema can tell them apart."""

from __future__ import annotations

from typing import Any

import pytest

from standins.discord.validation_cache import Shapes

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "kind": {"oneOf": [{"const": 1}, {"enum": ["one"]}]},
        "size": {"type": "number", "maximum": 10},
        "tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
    },
    "additionalProperties": {"type": "integer"},
}
GOOD: dict[str, Any] = {"id": "15", "name": "abc", "kind": 1, "size": 3, "tags": ["x", "y"], "other": 4}


@pytest.fixture
def shapes() -> Shapes:
    return Shapes([SCHEMA])


@pytest.mark.parametrize(
    "change",
    [
        {"id": "0815"}, {"id": 15}, {"id": None}, {"name": ""}, {"name": "abcdef"}, {"kind": True},
        {"kind": 2}, {"kind": "one"}, {"kind": 1.0}, {"size": 11}, {"size": 3.5}, {"size": "3"},
        {"tags": ["x", "x"]}, {"tags": ["x"]}, {"tags": ["x", 1]}, {"tags": {}}, {"other": "4"}, {"more": 4},
    ],
    ids=str,
)  # fmt: skip
def test_bodies_that_a_schema_may_judge_differently_have_different_shapes(
    shapes: Shapes, change: dict[str, Any]
) -> None:
    assert shapes.of(GOOD | change) != shapes.of(GOOD)


def test_bodies_that_every_schema_judges_alike_share_a_shape(shapes: Shapes) -> None:
    alike = {"id": "27", "name": "xyz", "kind": 1, "size": 4, "tags": ["v", "w"], "another": 5}
    assert shapes.of(alike) == shapes.of(GOOD)


def test_a_schema_with_a_keyword_of_unknown_effect_is_refused() -> None:
    with pytest.raises(ValueError, match="patternProperties"):
        Shapes([{"properties": {"a": {"patternProperties": {}}}}])
