"""Limits on what callers may store as metadata (docs.stripe.com/api/metadata)."""

from __future__ import annotations

from typing import Any

from standins.stripe.errors import invalid


def refuse_long_metadata(values: Any, param: str = "") -> None:
    """Refuse any `metadata` in the request with over 50 keys, names over 40 or values over 500 characters."""
    if isinstance(values, list):
        for n, one in enumerate(values):
            refuse_long_metadata(one, f"{param}[{n}]")
    elif isinstance(values, dict):
        for key, one in values.items():
            inner = f"{param}[{key}]" if param else key
            if key == "metadata" and isinstance(one, dict):
                _check(one, inner)
            else:
                refuse_long_metadata(one, inner)


def _check(metadata: dict[str, str], param: str) -> None:
    if len(metadata) > 50:
        raise invalid("Metadata cannot have more than 50 keys.", param)
    for key, value in metadata.items():
        if len(key) > 40:
            raise invalid(f"Metadata keys can be up to 40 characters long: {key[:40]}…", param)
        if len(value) > 500:
            raise invalid("Metadata values can have up to 500 characters.", f"{param}[{key}]")
