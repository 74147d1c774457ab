"""A payment provider, a server's roles and a messenger in memory, for tests.

Each can be told to fail: before it acts, after it acted (the answer is lost), or by doing nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from billing.errors import (
    DiscordError,
    MemberGone,
    NotAuthentic,
    ProviderError,
    ProviderNotFound,
    ProviderRefused,
)
from billing.model import (
    Binding,
    BoundBy,
    Claim,
    DisputeState,
    Event,
    Finding,
    Money,
    Notice,
    Payment,
    Plan,
    Price,
    Seen,
    Status,
    Subject,
    Subscription,
)
from billing.model.panels import Panel
from billing.ports import (
    ALL,
    CheckoutFound,
    CheckoutOrder,
    Clock,
    Failure,
    ListPart,
    PaceState,
    PaymentPage,
    PortalOptions,
)


@dataclass
class Fault:
    """The behaviour of a method for its next `times` calls; -1: always."""

    error: ProviderError
    after: bool = False
    times: int = -1


@dataclass
class FakeProvider:
    """A provider in memory. `calls` lists every call with its subject, and with its key if it changes
    something."""

    clock: Clock
    name: str = "stripe"
    title: str = "Stripe"
    account: str = "test"
    keeps_period: bool = True
    closes_pages: bool = True
    lists_all: bool = True
    writes_payers: bool = False
    paid: list[str] = field(default_factory=list)
    webhook_print: str = "one"
    events: list[Event] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    checkouts: dict[str, CheckoutFound] = field(default_factory=dict)
    disputes: dict[str, tuple[str | None, DisputeState]] = field(default_factory=dict)
    inquiries: set[str] = field(default_factory=set)
    payments: dict[str, Payment] = field(default_factory=dict)
    previews: dict[str, Money] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    last_payment: dict[str, str] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    located: dict[Subject, list[str]] = field(default_factory=dict)
    orders: list[CheckoutOrder] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    clock_skew: float | None = 0.0
    pace: PaceState = field(default_factory=PaceState)

    def fail(self, method: str, error: ProviderError, *, after: bool = False, times: int = -1) -> None:
        """Let a method fail; '*': every method."""
        self.faults[method] = Fault(error, after, times)

    def heal(self) -> None:
        """Remove all faults."""
        self.faults.clear()

    def count(self, *methods: str) -> int:
        """The number of calls to these methods."""
        return sum(name in methods for name, _ in self.calls)

    def _meet(self, method: str, about: str, *, after: bool) -> None:
        if not after:
            self.calls.append((method, about))
        fault = self.faults.get(method) or self.faults.get("*")
        if fault is not None and fault.after is after and fault.times != 0:
            fault.times -= 1
            raise fault.error

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        if headers.get("signature") != "good":
            raise NotAuthentic

    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        if headers.get("signature") != "good":
            raise NotAuthentic
        events = []
        for raw in json.loads(body):
            subject = Subject(*raw["subject"]) if raw["subject"] else None
            at = raw.get("at", int(now))
            events.append(Event(self.name, self.account, raw["id"], raw["kind"], subject, at))
        return events

    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        self._meet("fetch_subscription", subscription_id, after=False)
        if subscription_id not in self.subscriptions:
            raise ProviderNotFound
        return self.subscriptions[subscription_id]

    async def locate(self, subject: Subject) -> list[str]:
        self._meet("locate", subject.id, after=False)
        return self.located.get(subject, [])

    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        self._meet("fetch_checkout", subscription_id, after=False)
        return self.checkouts.get(subscription_id)

    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        self._meet("fetch_dispute", dispute_id, after=False)
        return self.disputes[dispute_id]

    async def was_charged_back(self, dispute_id: str) -> bool:
        return dispute_id not in self.inquiries

    async def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        self._meet("list_disputes", "", after=False)
        for name, (_, state) in list(self.disputes.items()):
            yield name, state

    async def list_subscriptions(
        self, known: Sequence[str] = (), part: ListPart = ALL
    ) -> AsyncIterator[Subscription]:
        self._meet("list_subscriptions", "", after=False)
        after = part.after
        for subscription in list(self.subscriptions.values()):
            if after:
                after = "" if subscription.key.id == after else after
                continue
            first, last = part.created or (0, subscription.created_at)
            wanted = self.lists_all or subscription.key.id in known
            wanted = wanted and (part.ended or subscription.status is not Status.ENDED)
            if wanted and first <= subscription.created_at <= last:
                yield subscription
        self._meet("list_subscriptions", "", after=True)

    async def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        self._meet("list_events", str(since), after=False)
        for event in list(self.events):
            if event.occurred_at >= since:
                yield event

    def unheard(self, *, refused: bool) -> Finding:
        return Finding("Stripe notifications", False, "Refused." if refused else "None arrives.", "Cure it.")

    async def fetch_price(self, price_id: str) -> Price:
        self._meet("fetch_price", price_id, after=False)
        if price_id not in self.prices:
            raise ProviderNotFound
        return self.prices[price_id]

    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        self._meet("start_checkout", order.checkout.id, after=False)
        self.orders.append(order)
        self._meet("start_checkout", order.checkout.id, after=True)
        number = len(self.orders)
        return PaymentPage(f"cs_{number}", f"https://pay.example/{number}", int(self.clock.now()) + 86_400)

    async def list_paid(self, since: int) -> AsyncIterator[str]:
        if self.paid:
            self._meet("list_paid", str(since), after=False)
        for name in self.paid:
            yield name

    def lacks_payer(self, subscription: Subscription, whose: Binding, bound_by: BoundBy) -> bool:
        return self.writes_payers and bound_by is not BoundBy.ADMIN and subscription.claim is None

    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        self._meet("write_payer", subscription_id, after=False)
        claim = Claim(whose.member_id, whose.guild_id, proven=True, current=True)
        self.subscriptions[subscription_id] = replace(self.subscriptions[subscription_id], claim=claim)

    async def fetch_page(self, page_id: str) -> str | None:
        self._meet("fetch_page", page_id, after=False)
        return self.pages.get(page_id)

    async def close_page(self, page_id: str) -> None:
        self._meet("close_page", page_id, after=False)

    async def manage_link(self, subscription: Subscription, options: PortalOptions) -> str:
        self._meet("manage_link", subscription.customer_id, after=False)
        return f"https://portal.example/{subscription.customer_id}/{len(self.calls)}"

    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        now = self.subscriptions[subscription.key.id]
        after = replace(now, ends_at=now.period_end) if self.keeps_period else self._ended(now)
        return self._change("cancel_at_period_end", after, key)

    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        return self._change("cancel_now", self._ended(self.subscriptions[subscription.key.id]), key)

    def _ended(self, now: Subscription) -> Subscription:
        at = int(self.clock.now())
        return replace(now, status=Status.ENDED, provider_status="canceled", ends_at=None, ended_at=at)

    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        now = self.subscriptions[subscription.key.id]
        if now.status is Status.ENDED:
            raise ProviderRefused
        return self._change("resume", replace(now, ends_at=None), key)

    def _change(self, method: str, after: Subscription, key: str) -> Subscription:
        self.keys.append(key)
        self._meet(method, after.key.id, after=False)
        self.subscriptions[after.key.id] = after
        self._meet(method, after.key.id, after=True)
        return after

    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        self._meet("fetch_failure", subscription.key.id, after=False)
        return self.failures.get(subscription.key.id)

    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        self._meet("fetch_last_payment", subscription.key.id, after=False)
        found = self.last_payment.get(subscription.key.id)
        return None if found is None else self.payments[found]

    async def preview_charge(self, subscription: Subscription) -> Money | None:
        self._meet("preview_charge", subscription.key.id, after=False)
        return self.previews.get(subscription.key.id)

    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        self._meet("fetch_payment_link", subscription.key.id, after=False)
        return self.links.get(subscription.key.id)

    async def refund(self, payment: Payment, key: str) -> Payment:
        self.keys.append(key)
        self._meet("refund", payment.id, after=False)
        now = self.payments[payment.id]
        self.payments[payment.id] = replace(now, refunded=now.amount)
        self._meet("refund", payment.id, after=True)
        return self.payments[payment.id]

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        self._meet("check", webhook_url, after=False)
        return self.findings

    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        self._meet("fix", what, after=False)
        self.fixed.append(what)

    async def close(self) -> None:
        """Nothing to let go of."""

    def pay(self, subscription_id: str, payment_id: str, amount: int = 500) -> None:
        """Set the subscription's last payment."""
        self.payments[payment_id] = Payment(payment_id, amount, 0, "eur", int(self.clock.now()))
        self.last_payment[subscription_id] = payment_id


@dataclass
class FakeRoles:
    """Members with their roles; `pending` ones have not passed the screening. `faults`: by role id, or by
    'fetch', 'owners', 'look', 'look 100' (in that server); roles in `deaf` never change."""

    members: dict[tuple[int, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    gone: set[tuple[int, int]] = field(default_factory=set)
    pending: set[tuple[int, int]] = field(default_factory=set)
    faults: dict[int | str, DiscordError] = field(default_factory=dict)
    deaf: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    log: list[tuple[str, int]] = field(default_factory=list)

    async def fetch_member(self, guild_id: int, member_id: int) -> Seen:
        self.log.append(("fetch", member_id))
        if "fetch" in self.faults:
            raise self.faults["fetch"]
        if (guild_id, member_id) in self.gone:
            raise MemberGone
        return self._seen(guild_id, member_id)

    def _seen(self, guild_id: int, member_id: int) -> Seen:
        who = (guild_id, member_id)
        return Seen(frozenset(self.members[who]), who in self.pending)

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        for name in ("look", f"look {guild_id}"):
            if name in self.faults:
                raise self.faults[name]
        assert 0 < len(member_ids) <= 100
        here = [one for one in member_ids if (guild_id, one) not in self.gone]
        return {one: self._seen(guild_id, one) for one in here}

    async def fetch_owners(self) -> frozenset[int]:
        if "owners" in self.faults:
            raise self.faults["owners"]
        return frozenset({99})

    def is_in(self, guild_id: int) -> bool:
        return guild_id not in self.left

    async def apply_role(
        self, guild_id: int, member_id: int, role_id: int, *, give: bool, reason: str
    ) -> None:
        self.log.append(("give" if give else "take", role_id))
        if role_id in self.faults:
            raise self.faults[role_id]
        if role_id not in self.deaf:
            roles = self.members[guild_id, member_id]
            roles.add(role_id) if give else roles.discard(role_id)

    def changes(self) -> list[tuple[str, int]]:
        """Gives and takes so far, in order."""
        return [entry for entry in self.log if entry[0] != "fetch"]


@dataclass
class FakeMessenger:
    """Remembers the notices it was given; `fault` is raised by every call."""

    told: list[Notice] = field(default_factory=list)
    tries: int = 0
    fault: DiscordError | None = None
    panels: dict[int, list[str]] = field(default_factory=dict)

    async def tell(self, notice: Notice) -> None:
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        self.told.append(notice)

    async def show_panel(self, panel: Panel, plans: Sequence[Plan]) -> bool:
        if self.fault is not None:
            raise self.fault
        self.panels[panel.message_id] = [plan.name for plan in plans]
        return True

    def kinds(self) -> list[str]:
        """The kinds of the notices, in order."""
        return [notice.body.kind for notice in self.told]
