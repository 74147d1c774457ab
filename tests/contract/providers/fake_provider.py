"""The smallest whole provider: in memory, without a network, held to the same suite as Stripe and PayPal.

    fake = FakeProvider(MovableClock(), "secret")
    price = fake.sell(500)                              # its id, for /plans add
    page = await fake.start_checkout(order)
    fake.pay(page.url)                                  # as a person on the page
    clock.advance(32 * 86_400)
    fake.play()                                         # renewals, failures and ends by now
    fake.sent                                           # signed notifications, as (body, headers)

For trying rules without a provider's stand-in, and the shortest example of the port for who adds another one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from billing.errors import Malformed, NotAuthentic, ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import (
    Binding,
    BoundBy,
    DisputeState,
    Event,
    Finding,
    Item,
    Money,
    Payment,
    Plan,
    Price,
    Status,
    Subject,
    Subscription,
    SubscriptionKey,
)
from billing.ports import CheckoutFound, CheckoutOrder, Clock, Failure, PaceState, PaymentPage, PortalOptions

T = TypeVar("T")

DAY = 86_400
MONTH = 30 * DAY  # its months are all alike
TOLERANCE, PAGE_LIVES = 300, DAY
_HOME = "http://127.0.0.1/fake"
_RUNNING = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)


@dataclass
class _Sold:
    """A subscription with what its provider alone knows."""

    now: Subscription
    session_id: str
    checkout_id: str
    payments: list[str] = field(default_factory=list)


class FakeProvider:
    """One account. It keeps paid periods and lists all it has."""

    name = "fake"
    title = "Fake"
    account = "test"
    keeps_period = True
    closes_pages = True
    pace = PaceState()
    lists_all = True

    def __init__(self, clock: Clock, secret: str, webhook_url: str = "") -> None:
        self._clock, self._secret, self._webhook_url = clock, secret, webhook_url
        self.webhook_print = hashlib.sha256(secret.encode()).hexdigest()[:16]
        self._prices: dict[str, Price] = {}
        self._orders: dict[str, tuple[CheckoutOrder, PaymentPage]] = {}
        self._sold: dict[str, _Sold] = {}
        self._payments: dict[str, Payment] = {}
        self._disputes: dict[str, tuple[str, DisputeState]] = {}
        self._gone: set[str] = set()
        self._closed: set[str] = set()
        self._count = 0
        self.sent: list[tuple[bytes, dict[str, str]]] = []
        self.declines = 0  # of the next charges so many fail
        self.silent = False  # no call is answered
        self.lost_answers = 0  # so many changes are made, and their answers lost

    # Actions of people and banks

    def sell(self, amount: int, trial_days: int = 0) -> str:
        """A price a month, in euros; its id."""
        price_id, product = self._new("price"), self._new("product")
        self._prices[price_id] = Price(
            self.name, self.account, price_id, product, amount, "eur", "month", trial_days=trial_days
        )
        return price_id

    def pay(self, url: str) -> str:
        """As a person on a payment page; the subscription's id."""
        order, page = next(one for one in self._orders.values() if one[1].url == url)
        if page.id in self._closed:
            raise ProviderRefused("This page was closed.")
        known = order.customer_id if order.customer_id not in self._gone else None
        subscription_id, now = self._new("sub"), self._now()
        free_until = order.starts_at or now + order.trial_days * DAY
        free = free_until > now
        begun = Subscription(
            key=SubscriptionKey(self.name, self.account, subscription_id),
            customer_id=known or self._new("customer"),
            status=Status.TRIALING if free else Status.ACTIVE,
            provider_status="running",
            items=(Item(order.price),),
            created_at=now,
            period_start=now,
            period_end=free_until if free else now + MONTH,
            trial_end=free_until if free else None,
            checkout_id=order.checkout.id,
        )
        self._sold[subscription_id] = _Sold(begun, page.id, order.checkout.id)
        if not free:
            self._charge(subscription_id, now)
        self._tell("begun", subscription_id)
        return subscription_id

    def play(self) -> None:
        """Everything that is due by now, in order."""
        for subscription_id, sold in self._sold.items():
            while sold.now.status in _RUNNING and (sold.now.period_end or 0) <= self._now():
                self._turn(subscription_id, sold)

    def _turn(self, subscription_id: str, sold: _Sold) -> None:
        at = sold.now.period_end or 0
        if sold.now.ends_at is not None:
            self._end(sold, sold.now.ends_at)
        elif self.declines > 0:
            self.declines -= 1
            since = sold.now.unpaid_since or at
            sold.now = replace(sold.now, status=Status.PAST_DUE, unpaid_since=since)
            sold.now = replace(sold.now, period_start=at, period_end=at + MONTH)
        else:
            sold.now = replace(sold.now, status=Status.ACTIVE, unpaid_since=None, trial_end=None)
            sold.now = replace(sold.now, period_start=at, period_end=at + MONTH)
            self._charge(subscription_id, at)
        self._tell("turned", subscription_id)

    def _charge(self, subscription_id: str, at: int) -> None:
        sold, payment_id = self._sold[subscription_id], self._new("payment")
        total, currency = sold.now.total, sold.now.price.currency
        self._payments[payment_id] = Payment(payment_id, total.amount if total else 0, 0, currency, at)
        sold.payments.append(payment_id)

    def give_back(self, subscription_id: str, amount: int) -> None:
        """The owner refunds a part of the last payment by hand."""
        payment_id = self._sold[subscription_id].payments[-1]
        payment = self._payments[payment_id]
        self._payments[payment_id] = replace(payment, refunded=payment.refunded + amount)

    def dispute(self, subscription_id: str) -> str:
        """The payer's bank takes the last payment back; the dispute's id."""
        dispute_id = self._new("dispute")
        self._disputes[dispute_id] = (subscription_id, DisputeState.OPEN)
        self._tell("disputed", dispute_id, "dispute")
        return dispute_id

    def win(self, dispute_id: str) -> None:
        """It ends for the owner."""
        self._disputes[dispute_id] = (self._disputes[dispute_id][0], DisputeState.WON)
        self._tell("disputed", dispute_id, "dispute")

    def forget_customer(self, customer_id: str) -> None:
        """The owner deletes a customer: what they pay ends."""
        self._gone.add(customer_id)
        for sold in self._sold.values():
            if sold.now.customer_id == customer_id:
                self._end(sold, self._now())

    # The port

    @property
    def clock_skew(self) -> float | None:
        """It lives by the program's own clock."""
        return 0.0

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        """Everything is looked at with the body."""

    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        """Signed with HMAC-SHA256 over `time.body`, five minutes young."""
        stamp = headers.get("fake-time", "")
        expected, given = self._signature(stamp, body), headers.get("fake-signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode()) or abs(now - int(stamp)) > TOLERANCE:
            raise NotAuthentic
        try:
            return [self._event(body, stamp)]
        except (ValueError, TypeError, KeyError):
            raise Malformed from None

    def _event(self, body: bytes, stamp: str) -> Event:
        told = json.loads(body)
        return Event(self.name, self.account, told["id"], told["kind"], Subject(*told["subject"]), int(stamp))

    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        """As it is."""
        return self._get(subscription_id).now

    async def locate(self, subject: Subject) -> list[str]:
        """Of subscriptions, customers and disputes."""
        self._ask()
        match subject.kind:
            case "subscription":
                return [subject.id]
            case "customer":
                return [i for i, sold in self._sold.items() if sold.now.customer_id == subject.id]
            case "dispute":
                return [self._disputes[subject.id][0]] if subject.id in self._disputes else []
            case _:
                return []

    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        """The page that led to it."""
        self._ask()
        sold = self._sold.get(subscription_id)
        if sold is None:
            return None
        return CheckoutFound(sold.session_id, sold.checkout_id, subscription_id, sold.now.customer_id)

    async def was_charged_back(self, dispute_id: str) -> bool:
        """It knows no inquiries."""
        return dispute_id in self._disputes

    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        """ProviderNotFound when there is none of that id."""
        self._ask()
        if dispute_id not in self._disputes:
            raise ProviderNotFound
        return self._disputes[dispute_id]

    async def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """Oldest first."""
        self._ask()
        for dispute_id, (_, state) in list(self._disputes.items()):
            yield dispute_id, state

    async def list_subscriptions(self, *_: Any, **__: Any) -> AsyncIterator[Subscription]:
        """Oldest first."""
        self._ask()
        for sold in list(self._sold.values()):
            yield sold.now

    async def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        """Newest first."""
        self._ask()
        for body, headers in reversed(self.sent):
            if int(headers["fake-time"]) >= since:
                yield self._event(body, headers["fake-time"])

    def unheard(self, *, refused: bool) -> Finding:
        """Either way the secret is looked at first."""
        says = "The bot refuses what the fake sends." if refused else "Nothing arrives from the fake."
        return Finding("Fake notifications", False, says, "Give the bot the fake's own secret.")

    async def fetch_price(self, price_id: str) -> Price:
        """As it was made."""
        self._ask()
        if price_id not in self._prices:
            raise ProviderNotFound(f"There is no price `{price_id[:80]}`.")
        return self._prices[price_id]

    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        """The same page for the same checkout."""
        self._ask()
        if order.checkout.id not in self._orders:
            page_id = self._new("page")
            page = PaymentPage(page_id, f"{_HOME}/pay/{page_id}", self._now() + PAGE_LIVES)
            self._orders[order.checkout.id] = (order, page)
        return self._orders[order.checkout.id][1]

    async def list_paid(self, since: int) -> AsyncIterator[str]:
        for found in list[str]():
            yield found

    def lacks_payer(self, subscription: Subscription, whose: Binding, bound_by: BoundBy) -> bool:
        return False

    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        """There is no place for it."""

    async def fetch_page(self, page_id: str) -> str | None:
        """The subscription that was paid on this page; None while there is none."""
        self._ask()
        return next((one for one, sold in self._sold.items() if sold.session_id == page_id), None)

    async def close_page(self, page_id: str) -> None:
        """Nobody pays on it any more."""
        self._ask()
        self._closed.add(page_id)

    async def manage_link(self, subscription: Subscription, options: PortalOptions) -> str:
        """A new one every time."""
        self._ask()
        return f"{_HOME}/manage/{self._new('link')}"

    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        """Nothing happens to what has ended."""
        sold = self._get(subscription.key.id)
        if sold.now.status is not Status.ENDED:
            sold.now = replace(sold.now, ends_at=sold.now.period_end)
        return self._answer(sold.now)

    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        """For good."""
        sold = self._get(subscription.key.id)
        if sold.now.status is not Status.ENDED:
            self._end(sold, self._now())
        return self._answer(sold.now)

    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        """ProviderRefused if it has ended."""
        sold = self._get(subscription.key.id)
        if sold.now.status is Status.ENDED:
            raise ProviderRefused("This subscription has ended. Subscribe anew with /subscribe.")
        sold.now = replace(sold.now, ends_at=None)
        return self._answer(sold.now)

    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        """It tells nothing of that."""

    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        """None before the first."""
        payments = self._get(subscription.key.id).payments
        return self._payments[payments[-1]] if payments else None

    async def preview_charge(self, subscription: Subscription) -> Money | None:
        """It tells none."""
        return None

    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        """It has none."""
        return None

    async def refund(self, payment: Payment, key: str) -> Payment:
        """All that is left."""
        self._ask()
        if payment.id not in self._payments:
            raise ProviderNotFound
        now = self._payments[payment.id]
        self._payments[payment.id] = replace(now, refunded=now.amount)
        return self._answer(self._payments[payment.id])

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Whether notifications lead to the bot."""
        self._ask()
        ok = webhook_url == self._webhook_url
        cure = f"Give the fake the address {webhook_url}."
        return [Finding("Fake webhook", ok, f"Notifications go to {self._webhook_url or 'nobody'}.", cure)]

    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        """Refuse everything: the fake has nothing that it can fix by itself."""
        raise ProviderRefused("There is nothing of that name to put right.")

    async def close(self) -> None:
        """There is nothing to let go of."""

    # Inside

    def _ask(self) -> None:
        if self.silent:
            raise ProviderUnavailable

    def _answer(self, answer: T) -> T:
        if self.lost_answers > 0:
            self.lost_answers -= 1
            raise ProviderUnavailable
        return answer

    def _get(self, subscription_id: str) -> _Sold:
        self._ask()
        if subscription_id not in self._sold:
            raise ProviderNotFound
        return self._sold[subscription_id]

    def _end(self, sold: _Sold, at: int) -> None:
        sold.now = replace(sold.now, status=Status.ENDED, provider_status="over", ends_at=None, ended_at=at)
        self._tell("ended", sold.now.key.id)

    def _tell(self, kind: str, subject_id: str, subject: str = "subscription") -> None:
        told = {"id": self._new("event"), "kind": kind, "subject": [subject, subject_id]}
        body, stamp = json.dumps(told).encode(), str(self._now())
        self.sent.append((body, {"fake-time": stamp, "fake-signature": self._signature(stamp, body)}))

    def _signature(self, stamp: str, body: bytes) -> str:
        return hmac.new(self._secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count:06}"

    def _now(self) -> int:
        return int(self._clock.now())
