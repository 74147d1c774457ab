"""Implements `expand[]`, which replaces ids with the objects that they name.

Source: docs.stripe.com/api/expanding_objects.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from standins.stripe.cancel import OVER
from standins.stripe.catalog import currency_options
from standins.stripe.checkout import line_items
from standins.stripe.discounts import applies_to
from standins.stripe.errors import BadParameter, invalid
from standins.stripe.state import Obj, World, listing, present

DEEPEST = 4


def _payments(world: World, invoice: Obj) -> Obj:
    rows = world.all("invoice_payment", invoice=invoice["id"])
    return listing(rows, f"/v1/invoice_payments?invoice={invoice['id']}")


def _subscriptions(world: World, customer: Obj) -> Obj:
    rows = [row for row in world.all("subscription", customer=customer["id"]) if row["status"] not in OVER]
    return listing(rows[::-1], f"/v1/customers/{customer['id']}/subscriptions")


def _refunds(world: World, charge: Obj) -> Obj:
    return listing(world.all("refund", charge=charge["id"])[::-1], f"/v1/charges/{charge['id']}/refunds")


# Fields that Stripe shows only when they are expanded.
ON_REQUEST: dict[tuple[str, str], Callable[[World, Obj], Obj | None]] = {
    ("coupon", "applies_to"): applies_to,
    ("price", "currency_options"): currency_options,
    ("checkout.session", "line_items"): line_items,
    ("invoice", "payments"): _payments,
    ("customer", "subscriptions"): _subscriptions,
    ("charge", "refunds"): _refunds,
}
PRODUCTS = ["features", "subscription_update", "products"]


def expand(world: World, shown: Obj, paths: list[str]) -> Obj:
    """Expand `paths` in the object, in place, and return it.

    Raises BadParameter for a path that cannot be expanded.
    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST:
            raise invalid(
                f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}", "expand"
            )
        _walk(world, shown, parts, path)
    return shown


def _walk(world: World, node: Any, parts: list[str], path: str) -> None:
    if isinstance(node, list):
        for one in node:
            _walk(world, one, parts, path)
    elif isinstance(node, dict):
        _step(world, node, parts, path)
    elif node is not None:
        raise _cannot(path)


def _step(world: World, node: Obj, parts: list[str], path: str) -> None:
    key, rest = parts[0], parts[1:]
    build = ON_REQUEST.get((node.get("object", ""), key))
    if build and key not in node:
        built = build(world, world.by_id[node["id"]])
        node[key] = None if built is None else present(world, built)
    if node.get("object") == "billing_portal.configuration" and parts == PRODUCTS:
        stored = world.by_id[node["id"]]["features"]["subscription_update"]["products"]
        node["features"]["subscription_update"]["products"] = copy.deepcopy(stored)
        return
    if key not in node:
        raise _cannot(path)
    if isinstance(node[key], list) and node[key] and all(isinstance(one, str) for one in node[key]):
        node[key] = [_written_out(world, one, path) for one in node[key]]
    if isinstance(node[key], str):
        found = world.by_id.get(node[key])
        if found is None or key == "id":
            raise _cannot(path)
        node[key] = present(world, found)
    if rest:
        _walk(world, node[key], rest, path)
    elif not isinstance(node[key], dict | list | None):
        raise _cannot(path)


def _written_out(world: World, name: str, path: str) -> Obj:
    found = world.by_id.get(name)
    if found is None:
        raise _cannot(path)
    return present(world, found)


def _cannot(path: str) -> BadParameter:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
