"""The records with which a resource's module declares the routes that it serves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from standins.stripe.errors import invalid, missing
from standins.stripe.state import Obj, World

Handler = Callable[..., Obj]

PAGING = "limit starting_after ending_before expand "


@dataclass(frozen=True)
class Route:
    """A route.

    `path`: may contain {ids}. `params`: the name of a TypedDict in stripe.params. `supported`: the parameters
    that are implemented.
    """

    method: str
    path: str
    params: str
    supported: str
    handler: Handler

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{\w+\}", "([^/]+)", self.path) + "$")


def get(path: str, params: str, handler: Handler, supported: str = "") -> Route:
    return Route("GET", path, params, f"expand {supported}", handler)


def post(path: str, params: str, handler: Handler, supported: str = "") -> Route:
    return Route("POST", path, params, f"expand {supported}", handler)


def delete(path: str, params: str, handler: Handler, supported: str = "") -> Route:
    return Route("DELETE", path, params, f"expand {supported}", handler)


def list_of(kind: str, path: str, params: str, fields: str = "") -> Route:
    """Return a list route whose filters compare a field for equality, apart from `created`."""

    def handler(world: World, given: Obj) -> Obj:
        wanted = {key: given[key] for key in fields.split() if key in given}
        return page(world.all(kind, **wanted), given, path)

    return get(path, params, handler, PAGING + fields + " created")


def retrieve(kind: str, path: str, params: str) -> Route:
    def handler(world: World, given: Obj, object_id: str) -> Obj:
        return world.get(kind, object_id)

    return get(path, params, handler)


def within(moment: int, wanted: Any) -> bool:
    """Return True if `moment` passes one of Stripe's time filters: a time, or any of gt, gte, lt, lte."""
    if isinstance(wanted, int):
        return moment == wanted
    tests: dict[str, Callable[[int], bool]] = {
        "gt": lambda limit: moment > limit,
        "gte": lambda limit: moment >= limit,
        "lt": lambda limit: moment < limit,
        "lte": lambda limit: moment <= limit,
    }
    return all(tests[name](limit) for name, limit in wanted.items())


def page(rows: list[Obj], given: Obj, url: str) -> Obj:
    """Return a page of `rows` (oldest first), newest first, cut by limit and cursors.

    Raises BadParameter for a bad cursor.
    """
    if "created" in given:
        rows = [row for row in rows if within(row["created"], given["created"])]
    rows = rows[::-1]
    limit = given.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid(f"Limit must be between 1 and 100, not {limit}.", "limit", "parameter_invalid_integer")
    if "starting_after" in given and "ending_before" in given:
        raise invalid("You cannot give both starting_after and ending_before.", "ending_before")
    for cursor in ("starting_after", "ending_before"):
        if cursor not in given:
            continue
        places = [n for n, row in enumerate(rows) if row["id"] == given[cursor]]
        if not places:
            raise missing("object", given[cursor], cursor)
        rows = rows[places[0] + 1 :] if cursor == "starting_after" else rows[: places[0]]
    backwards = "ending_before" in given
    data = rows[-limit:] if backwards else rows[:limit]
    return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": data}
