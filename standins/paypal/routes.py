"""The records with which a resource's module declares the routes that it serves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any

from standins.paypal.errors import bad, no_part
from standins.paypal.request_checks import Check
from standins.paypal.state import Obj, World

Answer = tuple[int, Any]  # status and body; None sends no body


@dataclass
class Call:
    """A validated request, as handlers receive it."""

    body: Any = None
    query: Obj = field(default_factory=dict)
    full: bool = False  # Prefer: return=representation
    raw: bytes = b""  # the body's bytes as received


Handler = Callable[..., Answer]


@dataclass(frozen=True)
class Route:
    """A route.

    `path`: may contain {ids}. `spec`: the name of the OpenAPI document that describes it, empty if none does.
    """

    method: str
    path: str
    handler: Handler
    body: Check | None = None
    query: Mapping[str, Check] = field(default_factory=dict)
    needed: str = ""  # required query parameters
    spec: str = ""
    keyed: bool = False  # accepts PayPal-Request-Id
    bodyless: bool = False  # the body may be left out

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{\w+\}", "([^/]+)", self.path) + "$")

    def read_query(self, given: Mapping[str, str]) -> Obj:
        for name in self.needed.split():
            if name not in given:
                raise bad("MISSING_REQUIRED_PARAMETER", name, "query")
        for name in given:
            if name not in self.query:
                raise no_part(name)
        return {name: self.query[name](value, name) for name, value in given.items()}


def page(world: World, rows: list[Obj], name: str, query: Obj, path: str) -> Obj:
    """Return one page of a collection, by `page` and `page_size`, with totals on request."""
    size, number = query.get("page_size", 10), query.get("page", 1)
    total = max(ceil(len(rows) / size), 1)
    body: Obj = {name: rows[(number - 1) * size : number * size]}
    if query.get("total_required"):
        body |= {"total_items": len(rows), "total_pages": total}
    places = {"self": number, "first": 1, "last": total}
    places |= {"next": number + 1} if number < total else {}
    places |= {"prev": number - 1} if number > 1 else {}
    links = [world.link(f"{path}?page_size={size}&page={n}", rel) for rel, n in places.items()]
    return {**body, "links": links}
