"""Checks every exchange against the stripe package's own classes.

A resource's class annotates each field of the pinned API version: names, types, enums, nesting, and whether
the field may be null. The class does not say whether a nullable field may also be absent. Stripe's
fixtures, where available, decide that: every field that they show must be present. The fixtures are older
than the package, so a field that only they have is not an error.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, ForwardRef, Literal, NotRequired, Union, get_args, get_origin

import stripe
from stripe import ListObject, StripeObject
from stripe._object_classes import get_object_class
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from standins.stripe.api import Exchange
from standins.stripe.expand import ON_REQUEST, PRODUCTS
from standins.stripe.params import OPTIONS, params_class, resolve
from standins.stripe.state import Obj

# The package's names for classes whose plain name is already taken.
ALIASES = {"CardResource": "Card", "DiscountResource": "Discount", "TaxIdResource": "TaxId"}
ERROR_TYPES = {"api_error", "card_error", "idempotency_error", "invalid_request_error"}
# The package's list class also has the fields of search results.
LIST_FIELDS = {"object", "data", "has_more", "url"}
# Fields that must be requested, although the fixtures show them.
ASKED_FOR = {*ON_REQUEST, ("subscription_update", PRODUCTS[-1])}


@dataclass
class Conformance:
    """Checks exchanges when passed to StripeServer as `watch=`, and collects differences in `problems`."""

    fixtures: dict[str, Any] = field(default_factory=dict)  # Stripe's own fixtures, by resource name
    problems: list[str] = field(default_factory=list)
    checked: int = 0

    @classmethod
    def with_fixtures(cls, file: Path) -> Conformance:
        return cls(json.loads(file.read_text())["resources"] if file.exists() else {})

    def __call__(self, exchange: Exchange) -> None:
        self.checked += 1
        where = f"{exchange.method} {exchange.path} -> {exchange.status}"
        if exchange.status == 200:
            if exchange.route:
                self._params(exchange.given, params_class(exchange.route.params), where)
            self._answer(exchange.body, where)
        else:
            self._error(exchange.body, where)

    def event(self, event: Obj) -> None:
        self.checked += 1
        self._answer(event, f"event {event['type']}")

    def _say(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")

    def _error(self, body: Obj, where: str) -> None:
        error = body.get("error", {})
        for name in set(error) - set(stripe.ErrorObject.__annotations__) - {"payment_method_type"}:
            self._say(where, f"the error has a field {name}, which the package does not know")
        if error.get("type") not in ERROR_TYPES or not error.get("message"):
            self._say(where, f"the error lacks type or message: {error}")

    def _params(self, given: Any, cls: Any, where: str) -> None:
        """Check only names, at every depth: each accepted parameter must be in the TypedDict."""
        for name, value in given.items():
            if name not in cls.__annotations__ or name in OPTIONS:
                self._say(where, f"accepted the parameter {name}, which {cls.__name__} does not have")
                continue
            for inner in _typed_dicts(cls.__annotations__[name], cls.__module__):
                keyed = isinstance(value, dict) and ("0" in value or name == "currency_options")
                rows = list(value.values()) if keyed else [value]
                for row in rows:
                    if isinstance(row, dict):
                        self._params(row, inner, f"{where} {name}")

    def _answer(self, body: Obj, where: str) -> None:
        if body.get("object") == "list":
            self._list(body, where)
        else:
            self._resource(body, where)

    def _list(self, body: Obj, where: str) -> None:
        if set(body) != LIST_FIELDS:
            self._say(where, f"a list has the fields {sorted(body)}")
        for n, one in enumerate(body["data"]):
            self._resource(one, f"{where}[{n}]")

    def _resource(self, obj: Any, where: str, expected: str | None = None) -> None:
        name = obj.get("object") if isinstance(obj, dict) else None
        cls: Any = get_object_class("V1", name) if name else None
        if cls is None or cls is StripeObject:
            self._say(where, f"is no resource of the package: {name}")
            return
        if expected and cls.__name__ != ALIASES.get(expected, expected):
            self._say(where, f"is a {cls.__name__}, not a {expected}")
        if obj.get("deleted") and name != "discount":  # a deleted discount is shown with its last state
            if set(obj) != {"id", "object", "deleted"}:
                self._say(where, f"a deleted object has the fields {sorted(obj)}")
            return
        self._fields(obj, cls, f"{where} {name}", self.fixtures.get(str(name)), str(name))
        if name == "event":
            self._resource(obj["data"]["object"], f"{where}.data.object")

    def _fields(self, obj: Obj, cls: Any, where: str, sample: Any, name: str) -> None:
        hints = {k: v for k, v in cls.__annotations__.items() if not k.startswith("_") and k != "OBJECT_NAME"}
        for key in set(obj) - set(hints):
            self._say(where, f"has {key}, which {cls.__qualname__} does not")
        for key, hint in hints.items():
            if key in obj:
                inner = sample.get(key) if isinstance(sample, dict) else None
                self._value(obj[key], hint, cls.__module__, f"{where}.{key}", inner)
            elif not _optional(hint, cls.__module__):
                self._say(where, f"lacks {key}")
            elif isinstance(sample, dict) and key in sample and (name, key) not in ASKED_FOR:
                self._say(where, f"lacks {key}, which Stripe's fixture shows")

    def _value(self, value: Any, hint: Any, module: str, where: str, sample: Any) -> None:
        options = _options(hint, module)
        if value is None:
            if NoneType not in options:
                self._say(where, "is null")
            return
        literals = [one for option in options if get_origin(option) is Literal for one in get_args(option)]
        if literals and isinstance(value, str | bool | int):
            if value not in literals:
                self._say(where, f"is {value!r}, none of {literals[:12]}")
            return
        if not any(self._fits(value, option, module, where, sample) for option in options):
            self._say(where, f"is {type(value).__name__}, not {options}")

    def _fits(self, value: Any, option: Any, module: str, where: str, sample: Any) -> bool:
        if isinstance(option, ForwardRef):
            if isinstance(value, dict):
                self._resource(value, where, option.__forward_arg__)
            return isinstance(value, dict)
        origin = get_origin(option)
        if origin is list:
            return self._fits_rows(value, get_args(option)[0], module, where, sample)
        if origin is ListObject:
            if isinstance(value, dict):
                self._list(value, where)
            return isinstance(value, dict)
        if option is Any or origin is UntypedStripeObject or option is UntypedStripeObject:
            return option is Any or isinstance(value, dict)
        if isinstance(option, type) and issubclass(option, StripeObject):
            return self._fits_object(value, option, where, sample)
        if option is Decimal:
            return isinstance(value, str)
        if option is float:
            return isinstance(value, int | float)
        return type(value) is option

    def _fits_rows(self, value: Any, hint: Any, module: str, where: str, sample: Any) -> bool:
        if not isinstance(value, list):
            return False
        first = sample[0] if isinstance(sample, list) and sample else None
        for n, one in enumerate(value):
            self._value(one, hint, module, f"{where}[{n}]", first)
        return True

    def _fits_object(self, value: Any, cls: Any, where: str, sample: Any) -> bool:
        if not isinstance(value, dict):
            return False
        if "OBJECT_NAME" in cls.__dict__:
            self._resource(value, where, cls.__name__)
        else:
            self._fields(value, cls, where, sample, where.rpartition(".")[2])
        return True


def _options(hint: Any, module: str) -> list[Any]:
    """Return the members of a union, or the hint itself; names quoted in other modules stay quoted."""
    if isinstance(hint, str):
        names = vars(sys.modules[module])
        hint = resolve(hint, module) if hint in names else ForwardRef(hint)
    return list(get_args(hint)) if get_origin(hint) is Union else [hint]


def _optional(hint: Any, module: str) -> bool:
    return NoneType in _options(hint, module)


def _typed_dicts(hint: Any, module: str) -> list[Any]:
    """Return the TypedDicts inside a parameter's type hint."""
    hint = resolve(hint, module)
    if is_typeddict(hint):
        return [hint]
    if get_origin(hint) in (Literal, NotRequired, None):
        return []
    return [found for arg in get_args(hint) for found in _typed_dicts(arg, module)]
