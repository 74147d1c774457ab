"""Checks every exchange against Discord's OpenAPI document, which is not part of this project.

The document is expected in the folder named by the environment variable DUES_SPECS, or else in
../shared/specs next to the checkout. Needs the development dependency jsonschema.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from standins.discord.model import Json
from standins.discord.rest import Answer, Route
from standins.discord.validation_cache import Shapes

_ANSWERS, _REQUESTS = "urn:discord:answers", "urn:discord:requests"
_CHECKOUT = Path(__file__).resolve().parents[2]

# Parts of gateway events that the document describes: event, path into its data, schema.
_EVENT_PARTS = (
    ("READY", ("user",), "UserPIIResponse"),
    ("GUILD_CREATE", ("roles", "*"), "GuildRoleResponse"),
    ("GUILD_CREATE", ("channels", "*"), "GuildChannelResponse"),
    ("GUILD_CREATE", ("members", "*"), "GuildMemberResponse"),
    ("GUILD_MEMBER_ADD", (), "GuildMemberResponse"),
    ("GUILD_MEMBER_UPDATE", (), "GuildMemberResponse"),
    ("GUILD_MEMBER_REMOVE", ("user",), "UserResponse"),
    ("GUILD_ROLE_CREATE", ("role",), "GuildRoleResponse"),
    ("GUILD_ROLE_UPDATE", ("role",), "GuildRoleResponse"),
    ("INTERACTION_CREATE", ("member",), "GuildMemberResponse"),
    ("INTERACTION_CREATE", ("user",), "UserResponse"),
    ("INTERACTION_CREATE", ("message",), "MessageResponse"),
    ("INTERACTION_CREATE", ("data", "resolved"), "ResolvedObjectsResponse"),
    ("MESSAGE_CREATE", (), "MessageResponse"),
    ("MESSAGE_UPDATE", (), "MessageResponse"),
)


def specs_folder() -> Path | None:
    """Return the folder with the OpenAPI documents; None if this machine does not have it."""
    named = os.environ.get("DUES_SPECS")
    folder = Path(named) if named else _CHECKOUT.parent / "shared" / "specs"
    return folder if folder.is_dir() else None


class Conformance:
    """Collects differences from the document in `violations`; `checked` counts the validated bodies."""

    def __init__(self, document: Json) -> None:
        self.violations: list[str] = []
        self.checked = 0
        self.paths: Json = document["paths"]
        document = _with_enums(_corrected(document))
        self._registry: Registry[Any] = Registry().with_resources(
            [
                (_ANSWERS, DRAFT202012.create_resource(document)),
                (_REQUESTS, DRAFT202012.create_resource(_lenient(document))),
            ]
        )
        self._validators: dict[str, Draft202012Validator] = {}
        schemas = [schema for lists in (document, _lenient(document)) for schema in _schemas(lists)]
        self._shapes = Shapes(schemas)
        self._fitting: set[tuple[str, Hashable]] = set()

    @classmethod
    def load(cls) -> Conformance | None:
        """Load the document from `specs_folder()`; return None if there is no such folder."""
        folder = specs_folder()
        if folder is None:
            return None
        return cls(json.loads((folder / "discord.json").read_text()))

    def exchange(self, route: Route, asked: Any, content_type: str, answer: Answer) -> None:
        """Check a request and its answer. Requests that were refused are not checked."""
        where = f"{route.method} {route.path}"
        operation = self.paths.get(route.path, {}).get(route.method.lower())
        if operation is None:
            self.violations.append(f"{where}: Discord has no such route.")
            return
        if asked is not None and answer.status < 300:
            content = operation.get("requestBody", {}).get("content", {})
            if content_type not in content:
                self.violations.append(f"{where}: sent as {content_type}.")
                return
            pointer = _pointer("paths", route.path, route.method.lower(), "requestBody")
            self._check(
                f"{where} request", f"{pointer}/content/{_part(content_type)}/schema", asked, _REQUESTS
            )
        self._check_answer(where, route, operation, answer)

    def _check_answer(self, where: str, route: Route, operation: Json, answer: Answer) -> None:
        status = str(answer.status)
        if status not in operation["responses"]:
            status = f"{status[0]}XX"
        if status not in operation["responses"]:
            self.violations.append(f"{where}: answered with {answer.status}.")
            return
        response = operation["responses"][status]
        pointer = _pointer("paths", route.path, route.method.lower(), "responses", status)
        if "$ref" in response:
            pointer = response["$ref"]
        elif not response.get("content"):
            if answer.body is not None:
                self.violations.append(f"{where}: {answer.status} came with a body.")
            return
        self._check(f"{where} {status}", f"{pointer}/content/application~1json/schema", answer.body)

    def event(self, name: str, data: Any) -> None:
        """Check those parts of a gateway event that the document describes."""
        for event, path, schema in _EVENT_PARTS:
            if event == name:
                for part in _parts(data, path):
                    self._check(f"{name} {'.'.join(path)}", f"#/components/schemas/{schema}", part)

    def _check(self, where: str, pointer: str, body: Any, document: str = _ANSWERS) -> None:
        self.checked += 1
        # Every bot registers the same commands, and each registration validates some hundred nested
        # schemas.
        held = (document + pointer, self._shapes.of(body))
        if held in self._fitting:
            return
        fault = best_match(self._validator(document + pointer).iter_errors(body))
        if fault is None:
            self._fitting.add(held)
        else:
            self.violations.append(f"{where}: {_told(fault)}")

    def _validator(self, uri: str) -> Draft202012Validator:
        if uri not in self._validators:
            self._validators[uri] = Draft202012Validator({"$ref": uri}, registry=self._registry)
        return self._validators[uri]


def _corrected(document: Json) -> Json:
    """Correct the type of a form error's code, which the document calls a number.

    It is text (Discord's API reference, "Error Messages", has BASE_TYPE_REQUIRED).
    """
    fault = {"properties": {"code": {"type": "string"}, "message": {"type": "string"}}}
    faults = {"type": "array", "items": fault | {"type": "object", "required": ["code", "message"]}}
    inner = {"type": "object", "required": ["_errors"], "additionalProperties": False}
    return _with_schemas(document, {"InnerErrors": inner | {"properties": {"_errors": faults}}})


def _with_enums(node: Any) -> Any:
    """Return the schema with alternatives of constants written as an enum, which validates much faster."""
    if isinstance(node, list):
        return [_with_enums(each) for each in node]
    if not isinstance(node, dict):
        return node
    for key in ("oneOf", "anyOf"):
        choices = node.get(key)
        if isinstance(choices, list) and all("const" in choice for choice in choices):
            rest = {name: value for name, value in node.items() if name != key}
            return rest | {"enum": [choice["const"] for choice in choices]}
    return {key: _with_enums(value) for key, value in node.items()}


def _with_schemas(document: Json, changed: Json) -> Json:
    components = document["components"]
    return document | {"components": components | {"schemas": components["schemas"] | changed}}


def _lenient(document: Json) -> Json:
    """Return the document in a form that also accepts requests which Discord accepts in spite of it.

    discord.py sends ids as numbers (API reference, "Snowflakes") and a role's permissions as text
    ("Permissions").
    """
    schemas = document["components"]["schemas"]
    changed: Json = {"SnowflakeType": {"anyOf": [schemas["SnowflakeType"], {"type": "integer"}]}}
    for name in ("CreateRoleRequest", "UpdateRoleRequestPartial"):
        bits = {"type": ["integer", "string", "null"], "pattern": "^[0-9]+$"}
        changed[name] = schemas[name] | {"properties": schemas[name]["properties"] | {"permissions": bits}}
    return _with_schemas(document, changed)


def _schemas(document: Json) -> list[Json]:
    """Return every schema of the document, including those inside its paths."""
    return [*document["components"]["schemas"].values(), *_in_place(document)]


def _in_place(node: Any) -> list[Json]:
    """Return the values of all keys named `schema`, at any depth."""
    if isinstance(node, list):
        return [found for one in node for found in _in_place(one)]
    if not isinstance(node, dict):
        return []
    own = [node["schema"]] if isinstance(node.get("schema"), dict) else []
    return own + [found for one in node.values() for found in _in_place(one)]


def _told(fault: ValidationError) -> str:
    return f"{fault.json_path}: {fault.message[:300]}"


def _parts(data: Any, path: tuple[str, ...]) -> list[Any]:
    found = [data]
    for key in path:
        inner = [each for part in found for each in part] if key == "*" else None
        found = [part[key] for part in found if key in part] if inner is None else inner
    return found


def _pointer(*parts: str) -> str:
    return "#/" + "/".join(_part(part) for part in parts)


def _part(text: str) -> str:
    """Escape a key as one step of a JSON pointer in a URI fragment."""
    return text.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
