"""Checks every exchange and event against PayPal's OpenAPI documents, which are not part of this project.

They are expected in the same folder as Discord's: see standins/discord/conformance.py. PayPal's schemas
rarely forbid unknown names; this check reports them, in requests that were accepted and in answers. None of
the available documents describes payments v1 and v2 or disputes. Needs the development dependency jsonschema.
"""

from __future__ import annotations

import json
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from standins.discord.conformance import specs_folder
from standins.paypal.api import Exchange
from standins.paypal.errors import NO_PART
from standins.paypal.state import Obj

DOCUMENTS = ("products", "subscriptions", "transactions", "webhooks")
RESOURCES = {"subscription": "subscriptions", "plan": "subscriptions", "product": "products"}
# The documents list no such issue for revise; its wording follows the other actions.
OWN_ISSUES = {NO_PART, "SUBSCRIPTION_STATUS_INVALID"}
COMBINED = ("allOf", "anyOf", "oneOf")


class Conformance:
    """Checks exchanges when passed to PayPalServer as `watch=`, and collects differences in `problems`."""

    def __init__(self, documents: dict[str, Obj]) -> None:
        self.problems: list[str] = []
        self.checked = 0
        self.documents = documents
        pairs = [(f"urn:{name}", DRAFT202012.create_resource(one)) for name, one in documents.items()]
        self._registry: Registry[Any] = Registry().with_resources(pairs)
        self._issues = {name: _issues(one["components"]["schemas"]) for name, one in documents.items()}

    @classmethod
    def load(cls) -> Conformance | None:
        """Load the documents from `specs_folder()`; return None if there is no such folder."""
        folder = specs_folder()
        if folder is None:
            return None
        fresh = copy(_read(folder))
        fresh.problems = []
        return fresh

    def __call__(self, exchange: Exchange) -> None:
        route = exchange.route
        if exchange.injected or route is None or not route.spec:
            return
        where = f"{exchange.method} {exchange.path} -> {exchange.status}"
        operation = self.documents[route.spec]["paths"].get(route.path, {}).get(exchange.method.lower())
        if operation is None:
            self.problems.append(f"{where}: PayPal has no such route")
        elif exchange.status >= 300:
            self._refusal(route.spec, exchange, where)
        else:
            self._request(route.spec, operation, exchange, where)
            self._answer(route.spec, operation, exchange, where)

    def event(self, event: Obj) -> None:
        """Check a notification, and its resource if a document describes it."""
        where = f"event {event['event_type']}"
        self._hold("webhooks", {"$ref": "#/components/schemas/event"}, event, where)
        if document := RESOURCES.get(event["resource_type"]):
            ref = f"#/components/schemas/{event['resource_type']}"
            self._hold(document, {"$ref": ref}, event["resource"], where)

    def _request(self, document: str, operation: Obj, exchange: Exchange, where: str) -> None:
        known = {one["name"]: one["schema"] for one in self._parameters(document, operation)}
        for name, value in exchange.query.items():
            if name not in known:
                self.problems.append(f"{where}: accepted the parameter {name}, which PayPal does not have")
            else:
                self._hold(document, known[name], _typed(value, known[name]), f"{where} ?{name}")
        schema = self._content(document, operation.get("requestBody", {}))
        if exchange.given is not None and schema:
            self._hold(document, schema, exchange.given, f"{where} request")

    def _parameters(self, document: str, operation: Obj) -> list[Obj]:
        found = [self._resolve(document, one) for one in operation.get("parameters", [])]
        return [one for one in found if one["in"] == "query"]

    def _answer(self, document: str, operation: Obj, exchange: Exchange, where: str) -> None:
        response = operation["responses"].get(str(exchange.status))
        if response is None:
            self.problems.append(f"{where}: PayPal does not answer so")
            return
        schema = self._content(document, response)
        if schema is None and exchange.body is not None:
            self.problems.append(f"{where}: came with a body")
        elif schema:
            self._hold(document, schema, exchange.body, where)

    def _refusal(self, document: str, exchange: Exchange, where: str) -> None:
        plain = exchange.status in (401, 409, 415)  # refused before the resource was reached
        name = "error" if document == "webhooks" and not plain else f"error_{exchange.status}"
        self._hold(document, {"$ref": f"#/components/schemas/{name}"}, exchange.body, where)
        for detail in [] if document == "webhooks" else exchange.body.get("details", []):
            pair = (detail["issue"], detail.get("description"))
            if detail["issue"] not in OWN_ISSUES and pair not in self._issues[document]:
                self.problems.append(f"{where}: PayPal knows no such issue: {pair}")

    def _content(self, document: str, holder: Obj) -> Obj | None:
        content = self._resolve(document, holder).get("content", {}).get("application/json", {})
        found: Obj | None = content.get("schema")
        return found

    def _hold(self, document: str, schema: Obj, body: Any, where: str) -> None:
        """Check a body against a schema: types, patterns and limits with jsonschema, names with own code."""
        self.checked += 1
        rooted = _rooted(schema, f"urn:{document}")
        validator = Draft202012Validator(rooted, registry=self._registry)
        if fault := best_match(validator.iter_errors(body)):
            self.problems.append(f"{where}: {fault.json_path}: {fault.message[:300]}")
        self._names(document, [schema], body, where)

    def _names(self, document: str, schemas: list[Obj], body: Any, where: str) -> None:
        flat = [one for schema in schemas for one in self._flat(document, schema)]
        if isinstance(body, list):
            inner = [one["items"] for one in flat if "items" in one]
            for n, one in enumerate(body):
                self._names(document, inner, one, f"{where}[{n}]")
        known: dict[str, list[Obj]] = {}
        for schema in flat:
            for name, one in schema.get("properties", {}).items():
                known.setdefault(name, []).append(one)
        if not isinstance(body, dict) or not known:
            return
        for name, value in body.items():
            if name not in known:
                self.problems.append(f"{where}: has {name}, which PayPal's schema does not")
            else:
                self._names(document, known[name], value, f"{where}.{name}")

    def _flat(self, document: str, schema: Obj) -> list[Obj]:
        """Return the schema and all schemas that it is combined from."""
        schema = self._resolve(document, schema)
        inner = [one for name in COMBINED for one in schema.get(name, [])]
        return [schema, *(found for one in inner for found in self._flat(document, one))]

    def _resolve(self, document: str, node: Obj) -> Obj:
        while "$ref" in node:
            found: Any = self.documents[document]
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node


@cache
def _read(folder: Path) -> Conformance:
    """Read the documents once per process: they take a megabyte and do not change."""
    found = {name: json.loads((folder / f"paypal_{name}.json").read_text()) for name in DOCUMENTS}
    _correct(found["transactions"])
    return Conformance(found)


def _rooted(schema: Any, root: str) -> Any:
    """Add to each reference the name of the document that it points into."""
    if isinstance(schema, list):
        return [_rooted(one, root) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: f"{root}{value}" if name == "$ref" and isinstance(value, str) else _rooted(value, root)
        for name, value in schema.items()
    }


def _typed(value: str, schema: Obj) -> Any:
    """Convert a query parameter's text to the type that the document declares."""
    if schema.get("type") == "integer" and value.removeprefix("-").isdigit():
        return int(value)
    return value == "true" if schema.get("type") == "boolean" else value


def _issues(node: Any) -> set[tuple[str, str]]:
    """Return every issue that a document lists, with its description."""
    if isinstance(node, list):
        return {pair for one in node for pair in _issues(one)}
    if not isinstance(node, dict):
        return set()
    fields = node.get("properties", {})
    issues = fields.get("issue", {}).get("enum", []) if isinstance(fields, dict) else []
    own = {(issue, text) for issue in issues for text in fields["description"]["enum"]} if issues else set()
    return own | {pair for one in node.values() for pair in _issues(one)}


def _correct(transactions: Obj) -> None:
    """Allow two things that the document forbids but PayPal does.

    They are a subscription's id, with its hyphen, as a reference, and an empty list if no payment was made.
    """
    schemas = transactions["components"]["schemas"]
    del schemas["transaction_info"]["properties"]["paypal_reference_id"]["pattern"]
    del schemas["search_response"]["properties"]["transaction_details"]["minItems"]
