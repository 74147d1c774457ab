"""Converts texts for the ledger: the code of a text, with its arguments as JSON if it has any.

i18n/ looks up the words when somebody reads the text, in the language of the reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from billing.model.money import Money
from billing.model.translatable_text import Arg, Day, MemberRef, Moment, RoleRef, Text, Verbatim

_CODE = re.compile(r"[a-z][a-z_0-9]*(\.[a-z][a-z_0-9]*)+")
_TEXT = '{"code":'
_KINDS: Mapping[str, type[Day | Moment | MemberRef | RoleRef]] = MappingProxyType(
    {"day": Day, "moment": Moment, "member": MemberRef, "role": RoleRef}
)
_NAMES = MappingProxyType({kind: name for name, kind in _KINDS.items()})


def to_stored(text: Text | str) -> str:
    """Return the form in which the ledger stores a text. A plain string is stored unchanged."""
    if isinstance(text, str):
        return text
    return json.dumps(_packed(text), separators=(",", ":")) if text.args else text.code


def from_stored(stored: str) -> Text | str:
    """Return the text that was stored in this form.

    Earlier versions stored whole sentences; those stay plain strings.
    """
    if _CODE.fullmatch(stored):
        return Text(stored)
    if not stored.startswith(_TEXT):
        return stored
    found = _unpacked(json.loads(stored))
    assert isinstance(found, Text)
    return found


def _packed(arg: Arg) -> Any:
    match arg:
        case str() | int():
            return arg
        case Text(code, args):
            return {"code": code, "args": {name: _packed(one) for name, one in args}}
        case Money(amount, currency):
            return {"money": [amount, currency]}
        case Verbatim(text):
            return {"verbatim": text}
        case Day(number) | Moment(number) | MemberRef(number) | RoleRef(number):
            return {_NAMES[type(arg)]: number}
        case _:
            return [_packed(one) for one in arg]


def _unpacked(found: Any) -> Arg:
    match found:
        case {"code": str(code), "args": dict(args)}:
            return Text(code, **{str(name): _unpacked(arg) for name, arg in args.items()})
        case {"money": [amount, currency]}:
            return Money(amount, currency)
        case {"verbatim": text}:
            return Verbatim(text)
        case dict():
            ((name, number),) = found.items()
            return _KINDS[name](number)
        case list():
            return tuple(map(_unpacked, found))
    number_or_words: int | str = found
    return number_or_words
