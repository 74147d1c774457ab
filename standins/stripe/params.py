"""Parses request parameters, with Stripe's names and types from the stripe package's own TypedDicts.

A parameter is one of three kinds: unknown to Stripe (refused as Stripe refuses it), known to Stripe but not
implemented here (refused with that reason, never silently ignored), or handled (converted to Python values).
"""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from functools import cache
from types import UnionType
from typing import Any, ForwardRef, Literal, NotRequired, Union, get_args, get_origin

import stripe
from stripe._stripe_object import UntypedStripeObject

# The package imports NotRequired from typing_extensions, which need not be typing's.
from typing_extensions import is_typeddict

from standins.stripe.errors import BadParameter, invalid, required, unknown, unsupported
from standins.stripe.forms import as_list

# The package adds these to the params of its older call style; they are sent as headers, not as params.
OPTIONS = frozenset(stripe.RequestOptions.__annotations__)


def params_class(name: str) -> Any:
    """Return a parameter TypedDict of the stripe package, by its dotted name.

    `checkout.SessionCreateParams` is found in stripe.params.checkout.
    """
    found: Any = stripe.params
    for part in name.split("."):
        found = getattr(found, part)
    return found


def resolve(hint: Any, module: str) -> Any:
    """Resolve a type hint's quoted parts in the module that declares it."""
    if isinstance(hint, ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        return resolve(eval(hint, dict(vars(sys.modules[module]))), module)  # noqa: S307  the stripe package's own text
    if get_origin(hint) is NotRequired:
        return resolve(get_args(hint)[0], module)
    return hint


@cache
def fields_of(cls: Any) -> dict[str, Any]:
    own = {k: v for k, v in cls.__annotations__.items() if k not in OPTIONS}
    return {name: resolve(hint, cls.__module__) for name, hint in own.items()}


def coerce(value: Any, hint: Any, param: str, module: str) -> Any:
    """Convert the value to the hinted type.

    Raises BadParameter, worded as Stripe words it, if the value does not fit.
    """
    hint = resolve(hint, module)
    if is_typeddict(hint):
        return coerce_hash(value, hint, param)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _coerce_union(value, get_args(hint), param, module)
    if origin is list:
        return _coerce_list(value, get_args(hint)[0], param, module)
    if origin is dict:
        if not isinstance(value, dict):
            raise invalid("Invalid object", param)
        return {key: coerce(one, get_args(hint)[1], f"{param}[{key}]", module) for key, one in value.items()}
    if origin is Literal:
        return _coerce_literal(value, get_args(hint), param)
    return _coerce_plain(value, hint, param)


def coerce_hash(value: Any, cls: Any, param: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid("Invalid object", param)
    known = fields_of(cls)
    inner = {key: f"{param}[{key}]" if param else key for key in value}
    for key in value:
        if key not in known:
            raise unknown(inner[key])
    for key in cls.__required_keys__ - set(value) - OPTIONS:
        raise required(f"{param}[{key}]" if param else key)
    return {key: coerce(one, known[key], inner[key], cls.__module__) for key, one in value.items()}


def _coerce_list(value: Any, hint: Any, param: str, module: str) -> list[Any]:
    if not isinstance(value, dict):
        raise invalid("Invalid array", param)
    return [coerce(one, hint, f"{param}[{n}]", module) for n, one in enumerate(as_list(value, param))]


def _coerce_union(value: Any, hints: tuple[Any, ...], param: str, module: str) -> Any:
    options = [resolve(hint, module) for hint in hints]
    literals = [arg for hint in options if get_origin(hint) is Literal for arg in get_args(hint)]
    if value == "" and "" in literals:
        return ""
    named = [one for one in literals if one != ""]
    if isinstance(value, str) and value in named:
        return value
    # The package also allows any str, so that new values compile; the server accepts only the listed ones.
    plain = [
        one
        for one in options
        if get_origin(one) not in (Literal, UntypedStripeObject) and not (one is str and named)
    ]
    wanted = [one for one in plain if _is_container(one) == isinstance(value, dict)]
    for one in wanted[:-1]:
        try:
            return coerce(value, one, param, module)
        except BadParameter:
            continue
    if wanted:
        return coerce(value, wanted[-1], param, module)
    raise invalid(_must_be(param, named) if named else "Invalid object", param)


def _is_container(hint: Any) -> bool:
    return is_typeddict(hint) or get_origin(hint) in (dict, list)


def _must_be(param: str, allowed: list[Any]) -> str:
    *others, last = allowed
    return f"Invalid {param}: must be one of {', '.join(map(str, others))}, or {last}"


def _coerce_literal(value: Any, allowed: tuple[Any, ...], param: str) -> Any:
    for one in allowed:
        if value == one or (isinstance(one, bool) and value == str(one).lower()):
            return one
    raise invalid(f"Invalid {param}: must be one of {', '.join(map(str, allowed))}", param)


def _coerce_plain(value: Any, hint: Any, param: str) -> Any:
    if not isinstance(value, str):
        raise invalid("Invalid string: a hash was given", param)
    if hint is bool:
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param)
        return value == "true"
    if hint is int:
        if not value.removeprefix("-").isdigit():
            raise invalid(f"Invalid integer: {value}", param, "parameter_invalid_integer")
        return int(value)
    if hint in (float, Decimal):
        try:
            return hint(value)
        except (ValueError, InvalidOperation):
            raise invalid(f"Invalid decimal: {value}", param) from None
    return value


@cache
def supported_tree(spec: str) -> dict[str, Any]:
    """Parse a list of supported names: `a b(c d)` gives {"a": {}, "b": {"c": {}, "d": {}}}.

    An empty inner dict accepts anything below it.
    """
    tree: dict[str, Any] = {}
    open_trees, name = [tree], ""
    for word in spec.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            open_trees.append(open_trees[-1][name])
        elif word == ")":
            open_trees.pop()
        else:
            name = word
            open_trees[-1][name] = {}
    return tree


def refuse_unsupported(values: Any, tree: dict[str, Any], param: str = "") -> None:
    if isinstance(values, list):
        for n, one in enumerate(values):
            refuse_unsupported(one, tree, f"{param}[{n}]")
    elif isinstance(values, dict) and tree:
        for key, one in values.items():
            inner = f"{param}[{key}]" if param else key
            if key not in tree:
                raise unsupported(inner)
            refuse_unsupported(one, tree[key], inner)
