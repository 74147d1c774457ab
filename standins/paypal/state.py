"""The local PayPal's state: its records by kind, and how changes of them become events."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from standins.paypal.certs import Shelf
from standins.paypal.errors import missing
from standins.paypal.times import stamp_ms

Obj = dict[str, Any]

LETTERS = string.ascii_uppercase + string.digits
PAYER = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
DAY = 86_400


class Clock(Protocol):
    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass
class Settings:
    """Properties of the account, and faults of its API that tests can switch on."""

    business_name: str = "Local shop"
    business_email: str = "shop@example.com"
    merchant_id: str = "LCALSHQPTEST2"
    token_seconds: int = 32_400
    retry_days: tuple[int, ...] = (5, 5)  # payment-failure-retry: every 5 days, up to twice
    # For so long after activation, `next_billing_time` shows the start instead (seen in live
    # notifications).
    stale_billing_seconds: int = 0
    # A set-up fee is charged at once and the first cycle begins this much later (seen in live
    # subscriptions: `last_payment` is set, while every `cycles_completed` is 0).
    fee_first_seconds: int = 4 * 3600
    # Notifications of reversals contain the sale, as merchants have published, or only the reversal, as
    # PayPal's webhook simulator sends it: under an id of its own, which is a refund's.
    bare_reversals: bool = False
    # Subscriptions' webhook page names only ACTIVATED; the list of event names has RE-ACTIVATED too.
    reactivated_event: str = "BILLING.SUBSCRIPTION.ACTIVATED"
    decline_next: int = 0  # this many charges are declined, whoever the buyer is
    search_allowed: bool = True  # whether the application may use Transaction Search
    search_lag_seconds: int = 0  # delay until a payment appears in that search (PayPal: up to 3 hours)
    sparse: bool = False  # leave out fields that the documents call optional but a reader might rely on


@dataclass
class Buyer:
    """A person with a PayPal account; charges to it fail while `funded` is False."""

    email: str
    given_name: str = "Ada"
    surname: str = "Member"
    funded: bool = True
    payer_id: str = field(default_factory=lambda: pick(PAYER, 13))


@dataclass
class Subscription:
    id: str
    plan_id: str
    created: int
    start: int
    changed: int
    updated: int
    status: str = "APPROVAL_PENDING"
    note: str | None = None
    custom_id: str | None = None
    quantity: str | None = None
    shipping: Decimal = Decimal(0)
    override: Obj = field(default_factory=dict)
    context: Obj = field(default_factory=dict)
    wanted: Obj = field(default_factory=dict)  # the subscriber's data as the merchant sent it
    ba_token: str = ""
    buyer: Buyer | None = None
    activated: int | None = None
    anchor: int = 0  # the current cycle's periods are counted from here, unix seconds
    periods: int = 0  # periods billed since the anchor
    cycles: dict[int, int] = field(default_factory=dict)  # periods billed by each cycle's sequence
    next_at: int | None = None
    retry_at: int | None = None
    tries: int = 0  # retries made for the amount that is due
    due: Decimal = Decimal(0)
    failed: int = 0
    outstanding: Decimal = Decimal(0)
    last_payment: tuple[Decimal, int] | None = None
    last_failed: Obj | None = None


@dataclass
class World:
    clock: Clock
    url: str = ""
    settings: Settings = field(default_factory=Settings)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    moment: int | None = None  # the moment that the clockwork is playing, if it is
    listeners: list[Callable[[Obj], None]] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)
    # Sends an event to the given webhooks, subscribed to it or not; set by the server.
    send: Callable[[Obj, list[Obj]], None] = lambda event, webhooks: None

    def now(self) -> int:
        """Return unix seconds: the due time of the running job, or the clock's time if no job is running."""
        return int(self.clock.now()) if self.moment is None else self.moment

    def add(self, kind: str, key: str, thing: Any) -> Any:
        self.tables.setdefault(kind, {})[key] = thing
        return thing

    def find(self, kind: str, key: str) -> Any:
        """Return the record of that kind and key; None if there is none."""
        return self.tables.get(kind, {}).get(key)

    def get(self, kind: str, key: str) -> Any:
        """Return the record of that kind and key. Raises PayPalRefusal 404 if there is none."""
        found = self.find(kind, key)
        if found is None:
            raise missing()
        return found

    def all(self, kind: str) -> list[Any]:
        """Return all records of a kind, oldest first."""
        return list(self.tables.get(kind, {}).values())

    def subscription(self, key: str) -> Subscription:
        found: Subscription = self.get("subscription", key)
        return found

    def buyer(self, email: str, given_name: str = "", surname: str = "") -> Buyer:
        """Return the account with that email address, opening one if there is none."""
        found: Buyer | None = self.find("buyer", email.lower())
        if found is None:
            found = self.add("buyer", email.lower(), Buyer(email))
        found.given_name, found.surname = given_name or found.given_name, surname or found.surname
        return found

    def link(self, path: str, rel: str = "self", method: str = "GET") -> Obj:
        return {"href": f"{self.url}{path}", "rel": rel, "method": method}

    def emit(self, kind: str, resource_type: str, summary: str, resource: Obj) -> Obj:
        """Record an event and notify the listeners. `resource`: copied, so later changes do not affect it."""
        event = self.event(kind, resource_type, summary, resource)
        self.add("event", event["id"], event)
        for listener in self.listeners:
            listener(event)
        return event

    def event(self, kind: str, resource_type: str, summary: str, resource: Obj) -> Obj:
        event_id = f"WH-{pick(LETTERS, 17)}-{pick(LETTERS, 17)}"
        path = f"/v1/notifications/webhooks-events/{event_id}"
        moment = self.clock.now() if self.moment is None else float(self.moment)
        version = {"resource_version": "2.0"} if resource_type in ("subscription", "plan") else {}
        return {
            "id": event_id,
            "event_version": "1.0",
            "create_time": stamp_ms(moment),
            "resource_type": resource_type,
            **version,
            "event_type": kind,
            "summary": summary,
            "resource": resource,
            "links": [self.link(path), self.link(f"{path}/resend", "resend", "POST")],
        }


def pick(letters: str, length: int) -> str:
    return "".join(random.choices(letters, k=length))


def new_id(prefix: str = "", length: int = 17) -> str:
    return prefix + pick(LETTERS, length)
