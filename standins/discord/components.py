"""Validates the components of messages and modals, and converts them to the form that Discord returns.

Limits: Discord's developer documentation, "Component Reference" (40 components and 4000 characters of text in
a Components V2 message, custom_id 1-100, button label 80, url 512, 25 select options, 5 buttons per row).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from standins.discord.errors import Form
from standins.discord.model import Json

ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
SELECTS = (3, 5, 6, 7, 8)
SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER, LABEL = 9, 10, 11, 12, 13, 14, 17, 18
LINK = 5

Path = tuple[str | int, ...]

_V2_CHILDREN: dict[int | None, tuple[int, ...]] = {
    None: (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER),
    ROW: (BUTTON, *SELECTS),
    SECTION: (TEXT,),
    CONTAINER: (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR),
}


def walk(components: list[Json]) -> Iterator[Json]:
    """Yield every component of a tree, parents before children."""
    for component in components:
        yield component
        yield from walk(component.get("components", []))
        for key in ("accessory", "component"):
            if isinstance(component.get(key), dict):
                yield from walk([component[key]])


def is_tree(form: Form, path: Path, components: Any) -> bool:
    """Return True if the tree is a list of objects at every level; otherwise record an error in `form`."""
    if isinstance(components, list) and all(isinstance(part, dict) for part in components):
        inner = [part["components"] for part in components if part.get("components")]
        return all(is_tree(form, path, children) for children in inner)
    form.fail(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    return False


def text_of(components: list[Json]) -> str:
    """Return the content of all text displays, joined by line feeds."""
    return "\n".join(part["content"] for part in walk(components) if part["type"] == TEXT)


class MessageTree:
    """Validates the components of one message; `normalised` is the tree as Discord would store it."""

    def __init__(self, form: Form, path: Path, components: list[Json], *, v2: bool) -> None:
        self._form = form
        self._v2 = v2
        components = components if is_tree(form, path, components) else []
        self._count = self._text = 0
        self._custom_ids: set[str] = set()
        self._next_id = 1
        self._taken = {part["id"] for part in walk(components) if part.get("id")}
        top = _V2_CHILDREN[None] if v2 else (ROW,)
        self.normalised = self._children(path, components, top)
        self._totals(path, components)

    def _totals(self, path: Path, components: list[Json]) -> None:
        if self._v2 and not components:
            self._form.fail(path, "BASE_TYPE_REQUIRED", "A message with components needs at least one.")
        if not self._v2 and len(components) > 5:
            self._form.fail(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        if self._count > 40:
            self._form.fail(path, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", "At most 40 components in all.")
        if self._text > 4000:
            message = "The text of all components must be 4000 or fewer in length."
            self._form.fail(path, "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message)

    def _children(self, path: Path, components: list[Json], allowed: tuple[int, ...]) -> list[Json]:
        return [self._one((*path, place), part, allowed) for place, part in enumerate(components)]

    def _one(self, path: Path, part: Json, allowed: tuple[int, ...]) -> Json:
        self._count += 1
        kind = part.get("type")
        if not isinstance(kind, int) or kind not in allowed:
            message = f'Value of field "type" must be one of {allowed}.'
            self._form.fail((*path, "type"), "UNION_TYPE_CHOICES", message)
            return {"type": 0, "id": 0}
        body: Json = {"type": kind, "id": part.get("id") or self._fresh_id()}
        if kind == BUTTON:
            return body | self._button(path, part)
        if kind in SELECTS:
            return body | self._select(path, part)
        if kind in _V2_CHILDREN:
            return body | self._parent(path, part, kind)
        return body | self._leaf(path, part, kind)

    def _fresh_id(self) -> int:
        while self._next_id in self._taken:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _parent(self, path: Path, part: Json, kind: int) -> Json:
        inner = part.get("components") or []
        children = self._children((*path, "components"), inner, _V2_CHILDREN[kind])
        most = {ROW: 5, SECTION: 3}.get(kind, 40)
        self._length((*path, "components"), inner, 1, most)
        if kind == ROW:
            if len(inner) > 1 and any(child.get("type") in SELECTS for child in inner):
                message = "A select stands alone in its row."
                self._form.fail((*path, "components"), "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message)
            return {"components": children}
        if kind == SECTION:
            accessory = part.get("accessory") or {}
            beside = self._one((*path, "accessory"), accessory, (BUTTON, THUMBNAIL))
            return {"components": children, "accessory": beside}
        return {
            "components": children,
            "accent_color": part.get("accent_color"),
            "spoiler": bool(part.get("spoiler")),
        }

    def _leaf(self, path: Path, part: Json, kind: int) -> Json:
        if kind == TEXT:
            content = part.get("content") or ""
            self._length((*path, "content"), content, 1, 4000)
            self._text += len(content)
            return {"content": content}
        if kind == SEPARATOR:
            return {"divider": part.get("divider") is not False, "spacing": part.get("spacing") or 1}
        if kind == GALLERY:
            items = part.get("items") or []
            self._length((*path, "items"), items, 1, 10)
            return {"items": [_media(item) for item in items]}
        if kind == FILE:
            return {"file": _media({"media": part["file"]})["media"], "name": "", "size": 0, "spoiler": False}
        return _media(part)

    def _button(self, path: Path, part: Json) -> Json:
        style = part.get("style")
        if style not in (1, 2, 3, 4, 5, 6):
            self._form.fail((*path, "style"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6).")
        self._length((*path, "label"), part.get("label") or "", 0, 80)
        if not part.get("label") and not part.get("emoji"):
            self._form.fail(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", "A label or emoji is required.")
        if style == LINK:
            self._link(path, part)
        elif part.get("url"):
            self._form.fail(path, "BUTTON_COMPONENT_INVALID_URL", "Only a link button may have a url.")
        else:
            self._custom_id(path, part)
        body = {"style": style, "disabled": bool(part.get("disabled"))}
        return body | _given(part, "label", "emoji", "custom_id", "url")

    def _link(self, path: Path, part: Json) -> None:
        url = part.get("url") or ""
        if part.get("custom_id"):
            message = "A custom id and url cannot both be specified."
            self._form.fail(path, "BUTTON_COMPONENT_CUSTOM_ID_AND_URL", message)
        self._length((*path, "url"), url, 1, 512)
        split = urlsplit(url)
        if split.scheme not in ("http", "https", "discord") or not split.netloc:
            message = "Scheme must be one of ('http', 'https', 'discord'), and the url well formed."
            self._form.fail((*path, "url"), "URL_TYPE_INVALID_URL", message)

    def _select(self, path: Path, part: Json) -> Json:
        self._custom_id(path, part)
        least, most = _or(part.get("min_values"), 1), _or(part.get("max_values"), 1)
        if not 0 <= least <= 25 or not 1 <= most <= 25 or least > most:
            message = "min_values must be 0-25, max_values 1-25, and min not above max."
            self._form.fail(path, "SELECT_COMPONENT_MIN_MAX_VALUES", message)
        self._length((*path, "placeholder"), part.get("placeholder") or "", 0, 150)
        body: Json = {"min_values": least, "max_values": most, "disabled": bool(part.get("disabled"))}
        if part["type"] == STRING_SELECT:
            body["options"] = check_options(self._form, (*path, "options"), part.get("options") or [])
        return body | _given(part, "custom_id", "placeholder", "default_values", "channel_types")

    def _custom_id(self, path: Path, part: Json) -> None:
        custom_id = part.get("custom_id") or ""
        self._length((*path, "custom_id"), custom_id, 1, 100)
        if custom_id in self._custom_ids:
            message = "Component custom id cannot be duplicated."
            self._form.fail((*path, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message)
        self._custom_ids.add(custom_id)

    def _length(self, path: Path, value: str | list[Json], least: int, most: int) -> None:
        check_length(self._form, path, value, least, most)


def check_length(form: Form, path: Path, value: str | list[Any], least: int, most: int) -> None:
    """Record an error if the value has fewer than `least` or more than `most` characters."""
    if not least <= len(value) <= most:
        form.fail(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def check_options(form: Form, path: Path, options: list[Json]) -> list[Json]:
    """Return the options of a string select, validated and normalised."""
    check_length(form, path, options, 1, 25)
    values = [option.get("value") for option in options]
    if len(set(values)) != len(values):
        message = "The specified option value is already used."
        form.fail(path, "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)
    for place, option in enumerate(options):
        for key, least in (("label", 1), ("value", 1), ("description", 0)):
            check_length(form, (*path, place, key), option.get(key) or "", least, 100)
    return [_given(option, "label", "value", "description", "emoji", "default") for option in options]


def check_modal(form: Form, data: Json) -> Json:
    """Validate a modal's title, custom_id and fields; return it with ids on its components."""
    check_length(form, ("data", "title"), data.get("title") or "", 1, 45)
    check_length(form, ("data", "custom_id"), data.get("custom_id") or "", 1, 100)
    rows = data.get("components") or []
    if not is_tree(form, ("data", "components"), rows):
        return data
    check_length(form, ("data", "components"), rows, 1, 5)
    taken = {part["id"] for part in walk(rows) if part.get("id")}
    fresh = (number for number in range(1, 1 << 20) if number not in taken)
    for part in walk(rows):
        part["id"] = part.get("id") or next(fresh)
    fields = [part for part in walk(rows) if "custom_id" in part]
    for field in fields:
        check_length(form, ("data", "components"), field["custom_id"], 1, 100)
    if len({field["custom_id"] for field in fields}) != len(fields):
        message = "Component custom id cannot be duplicated."
        form.fail(("data", "components"), "COMPONENT_CUSTOM_ID_DUPLICATED", message)
    return data


def _media(part: Json) -> Json:
    url = (part.get("media") or {}).get("url", "")
    media = {"id": "0", "url": url, "proxy_url": url, "width": None, "height": None, "content_type": None}
    return {
        "media": media,
        "description": part.get("description"),
        "spoiler": bool(part.get("spoiler")),
    }


def _given(part: Json, *keys: str) -> Json:
    return {key: part[key] for key in keys if part.get(key) is not None}


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
