"""Applies JSON Patch as PayPal accepts it: only listed paths, each at most once.

PayPal's documentation calls them "fields eligible for patch".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from standins.paypal.errors import bad
from standins.paypal.state import Obj

# Path pattern -> (allowed operations, function); the function gets the value and the pattern's groups.
Places = Mapping[str, tuple[str, Callable[..., Any]]]


def apply_patches(places: Places, patches: list[Obj]) -> None:
    """Apply patches. If one has a wrong path or operation, all are refused.

    The functions in `places` check the values.
    """
    todo = [_place(places, patch, n) for n, patch in enumerate(patches)]
    paths = [patch["path"] for patch in patches]
    if len(set(paths)) < len(paths):
        text = "Multiple operations on the same field are not allowed."
        raise bad("INVALID_PATCH_PATH", "/0/path", description=text)
    for act, values in todo:
        act(*values)


def _place(places: Places, patch: Obj, n: int) -> tuple[Callable[..., Any], list[Any]]:
    for pattern, (allowed, act) in places.items():
        match = re.fullmatch(pattern, patch["path"])
        if match is None:
            continue
        if patch["op"] not in allowed.split():
            raise bad("UNSUPPORTED_PATCH_OPERATION", f"/{n}/op")
        if "value" not in patch:
            raise bad("MISSING_REQUIRED_PARAMETER", f"/{n}/value")
        return act, [patch["value"], *match.groups()]
    raise bad("INVALID_PATCH_PATH", f"/{n}/path")
