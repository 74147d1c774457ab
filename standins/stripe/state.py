"""The local Stripe's state: its objects by kind, and how changes of them become events.

Objects are plain dicts as the API shows them, with ids where Stripe has expandable fields. `World.hidden`
contains what the API never shows, such as secrets and the behaviour of a card.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from standins.stripe.errors import missing

API_VERSION = "2026-10-28.endive"
DAY = 86_400
ALPHABET = string.ascii_letters + string.digits

Obj = dict[str, Any]

NAMES = {  # names of kinds in error messages, where they differ from `object`
    "checkout.session": "checkout.session",
    "billing_portal.configuration": "configuration",
    "payment_method": "PaymentMethod",
    "subscription_schedule": "subscription schedule",
    "webhook_endpoint": "webhook endpoint",
}


class Clock(Protocol):
    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass
class Settings:
    """The settings that an owner chooses in Stripe's dashboard."""

    business_name: str = "Local Stripe"
    country: str = "US"
    # Subscriptions are flexible by default since 2025-09-30.clover; a request may say classic.
    billing_mode: str = "flexible"
    retry_days: tuple[int, ...] = (1, 3, 5, 7)
    after_retries: str = "cancel"  # or "unpaid", or "past_due" to leave the subscription as it is
    draft_seconds: int = 3600  # how long the invoice of a renewal stays a draft
    tax_percent: float = 20.0  # the rate that Stripe Tax applies to every customer
    decline_next: int = 0  # this many charges are declined, whatever the card
    delay_next: int = 0  # this many charges stay pending, as bank debits do, until Dashboard.settle_debit


@dataclass
class RequestInfo:
    id: str
    idempotency_key: str | None = None


@dataclass
class World:
    clock: Clock
    livemode: bool = False
    url: str = ""
    settings: Settings = field(default_factory=Settings)
    tables: dict[str, dict[str, Obj]] = field(default_factory=dict)
    by_id: dict[str, Obj] = field(default_factory=dict)
    hidden: dict[Any, Any] = field(default_factory=dict)
    moment: int | None = None  # the moment that the clockwork is playing, if it is
    request: RequestInfo | None = None
    listeners: list[Callable[[Obj], None]] = field(default_factory=list)
    # When the next job is due; None if something has changed since this was computed.
    next_due: float | None = None

    def now(self) -> int:
        """Return unix seconds: the due time of the running job, or the clock's time if no job is running."""
        return int(self.clock.now()) if self.moment is None else self.moment

    def add(self, obj: Obj) -> Obj:
        self.tables.setdefault(obj["object"], {})[obj["id"]] = obj
        self.by_id[obj["id"]] = obj
        self.next_due = None
        return obj

    def drop(self, obj: Obj) -> None:
        del self.tables[obj["object"]][obj["id"]]
        del self.by_id[obj["id"]]

    def all(self, kind: str, **equal: Any) -> list[Obj]:
        """Return the objects of a kind whose fields equal those given, oldest first."""
        rows = self.tables.get(kind, {}).values()
        return [row for row in rows if all(row.get(key) == value for key, value in equal.items())]

    def get(self, kind: str, object_id: str, param: str = "id") -> Obj:
        """Return an object by id. Raises StripeRefusal if there is none.

        The status is 404, or 400 if `param` names the parameter that contained the id.
        """
        found = self.tables.get(kind, {}).get(object_id)
        if found is None:
            raise missing(NAMES.get(kind, kind), object_id, param)
        return found

    def emit(self, kind: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """Record an event with a snapshot of the object, and notify the listeners."""
        data: Obj = {"object": present(self, obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.add(
            {
                "id": new_id("evt", 24),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": data,
                "livemode": self.livemode,
                "pending_webhooks": 0,
                "request": {
                    "id": self.request.id if self.request else None,
                    "idempotency_key": self.request.idempotency_key if self.request else None,
                },
                "type": kind,
            }
        )
        for listener in self.listeners:
            listener(event)
        return event

    @contextmanager
    def changing(self, obj: Obj, event: str) -> Iterator[Obj]:
        """Emit `event` when the block ends, if the object has changed, with the former values."""
        before = present(self, obj)
        yield obj
        previous = changed(before, present(self, obj))
        if previous:
            self.emit(event, obj, previous)


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_{token(length)}"


def token(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def blank(names: str) -> Obj:
    """Return a dict of the named fields, all None."""
    return dict.fromkeys(names.split())


def changed(before: Obj, after: Obj) -> Obj:
    """Return Stripe's previous_attributes: the old values of those fields that changed, at any depth."""
    previous: Obj = {}
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        inner = changed(old, new) if isinstance(old, dict) and isinstance(new, dict) else old
        previous[key] = inner
    return previous


def present(world: World, obj: Obj) -> Obj:
    """Return a copy to show, with prices expanded where Stripe always expands them."""
    shown: Obj = _shown(world, obj)
    return shown


def _shown(world: World, value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(world, one) for one in value]
    if not isinstance(value, dict):
        return value
    shown = {key: _shown(world, inner) for key, inner in value.items()}
    kind = shown.get("object")
    if kind == "billing_portal.configuration":  # shown only when expanded, see expand.py
        shown["features"]["subscription_update"].pop("products", None)
    _write_out(world, shown, kind)
    if kind in ("subscription_item", "item") and isinstance(shown["price"], str):
        price = shown["price"] = _shown(world, world.by_id[shown["price"]])
        if kind == "subscription_item":
            shown["plan"] = plan_of(price)
    return shown


def _write_out(world: World, shown: Obj, kind: Any) -> None:
    """Expand a customer's discount and an object's tax rates, which Stripe never shows as ids."""
    rates = {"subscription": "default_tax_rates", "subscription_item": "tax_rates"}.get(str(kind))
    if rates and shown.get(rates):
        shown[rates] = [dict(world.by_id[r]) if isinstance(r, str) else r for r in shown[rates]]
    if kind == "customer" and isinstance(shown.get("discount"), str):
        shown["discount"] = _shown(world, world.by_id[shown["discount"]])


def plan_of(price: Obj) -> Obj:
    """Return the price in the older plan shape, which subscription items still contain."""
    recurring = price["recurring"]
    return {
        **{
            k: price[k]
            for k in ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata")
        },
        **{k: price[k] for k in ("nickname", "product", "tiers_mode")},
        **{
            k: recurring[k]
            for k in ("interval", "interval_count", "meter", "trial_period_days", "usage_type")
        },
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "transform_usage": None,
    }


def merge_metadata(obj: Obj, given: Any) -> None:
    """Merge metadata into an object. An empty string deletes a key or, as the whole value, all keys."""
    if given == "":
        obj["metadata"] = {}
    for key, value in (given or {}).items():
        if value == "":
            obj["metadata"].pop(key, None)
        else:
            obj["metadata"][key] = value


def listing(data: list[Obj], url: str) -> Obj:
    return {"object": "list", "data": data, "has_more": False, "url": url}
