"""The port of a payment provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from billing.checkout_cache import PaymentPage
from billing.model import (
    Binding,
    BoundBy,
    Checkout,
    DisputeState,
    Event,
    Finding,
    GuildSettings,
    Money,
    Payment,
    Plan,
    Price,
    Subject,
    Subscription,
)
from billing.model.translatable_text import Text
from billing.rules.names import NAMELESS, Names


@dataclass(frozen=True, slots=True)
class CheckoutOrder:
    """The data from which a provider creates a payment page.

    `return_url`: the address to which the page leads back; `names`: the member and server that the page
    shows.

    `starts_at`: when the first payment is due, because the time until then is already paid; None:
    immediately.
    """

    checkout: Checkout
    plan_name: str
    price: Price
    trial_days: int
    customer_id: str | None
    return_url: str
    starts_at: int | None = None
    names: Names = NAMELESS


@dataclass(frozen=True, slots=True)
class PortalOptions:
    """A server's settings for the provider's customer portal."""

    settings: GuildSettings
    prices: tuple[Price, ...]
    return_url: str


@dataclass(frozen=True, slots=True)
class CheckoutFound:
    """A finished checkout at the provider.

    `session_id`: the provider's id; `checkout_id`: our opaque id; `subscription_id` and `customer_id`: the
    resulting subscription and customer.
    """

    session_id: str
    checkout_id: str | None
    subscription_id: str | None
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed payment, as the provider reports it.

    `reason`: why it failed, for the customer; a plain string holds the provider's own words. `next_try_at`:
    when the provider tries again, in unix seconds.
    """

    amount: Money | None = None
    reason: Text | str = ""
    next_try_at: int | None = None


@dataclass(frozen=True, slots=True)
class ListPart:
    """A selection of an account's subscriptions.

    `created`: only those created between these two moments (unix seconds); None: all. `after`: only those
    that follow the subscription with this id in the list; '': all. `ended`: include those that have ended.
    """

    created: tuple[int, int] | None = None
    after: str = ""
    ended: bool = True


ALL = ListPart()


@dataclass(frozen=True, slots=True)
class NamedPrice:
    """A price of the account that can be sold, with the name that the owner gave it or its product."""

    price: Price
    name: str


@dataclass(frozen=True, slots=True)
class PaceState:
    """The load on an account's API rate limits.

    `waiting`: calls that wait for their turn. `share`: the slowest rate in use as a share of the documented
    one, 1 where no limit was met. `limited`: calls that were answered with 429 since the start.
    """

    waiting: int = 0
    share: float = 1.0
    limited: int = 0


class Provider(Protocol):
    """A payment provider with one of the owner's accounts there.

    Every network method raises ProviderError and nothing else, within 15 seconds; a caller in the background
    (billing.priority) may wait for the rate limit in addition.
    """

    name: str  # 'stripe', 'paypal': used in webhook paths and keys
    title: str  # for people: 'Stripe', 'PayPal'
    account: str  # the account or mode; part of every key
    keeps_period: bool  # can cancel at the end of the period, and can therefore resume
    closes_pages: bool  # can stop a payment page from taking payments
    lists_all: bool  # can list every subscription of the account
    # fingerprint of the data that proves notifications; changes with it and reveals nothing of it
    webhook_print: str

    @property
    def clock_skew(self) -> float | None:
        """The seconds by which this machine's clock is ahead of the provider's; None before the first answer.

        Measured at the provider's last answer.
        """

    @property
    def pace(self) -> PaceState:
        """The load on the account's API rate limits."""

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        """Raise NotAuthentic if no notification can have these headers, whatever its body.

        Called before the body is read; `authenticate` checks all of them again.
        """

    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        """Return the events in a notification.

        Header names must be in lower case. Raises NotAuthentic or Malformed, and ProviderUnavailable if the
        provider cannot currently be asked.
        """

    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        """Return the current state of one subscription, unbound (`binding` None)."""

    async def locate(self, subject: Subject) -> list[str]:
        """Return the ids of the subscriptions that an event's subject is about; empty if there are none."""

    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        """Return the checkout that created this subscription; None if the provider knows none."""

    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        """Return the id of the subscription that a dispute is about, and the state of the dispute.

        The id is None if the dispute is about no subscription.
        """

    async def was_charged_back(self, dispute_id: str) -> bool:
        """Return True if a lost dispute reversed the payment against the owner's will.

        Return False for an inquiry that the owner settled with a refund.
        """

    def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """Yield the id and state of every dispute that the provider still lists, page by page.

        Raises ProviderError; skips disputes that cannot be parsed.
        """

    def list_subscriptions(
        self, known: Sequence[str] = (), part: ListPart = ALL
    ) -> AsyncIterator[Subscription]:
        """Yield every subscription of the account, page by page.

        If the provider cannot list them (`lists_all` is False), yield those of the `known` ids that it still
        has.
        """

    def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        """Yield events since this moment (unix seconds) that concern access or money, newest first.

        Leaves out kinds that the webhook at `webhook_url` is not subscribed to, if the provider shows that.
        Raises ProviderError; skips events that cannot be parsed.
        """

    def unheard(self, *, refused: bool) -> Finding:
        """Return the finding that genuine notifications do not arrive, with its cure.

        `refused`: notifications arrived, but the bot refused them.
        """

    async def fetch_price(self, price_id: str) -> Price:
        """Return the provider's current data of a price. Raises ProviderNotFound if it does not exist."""

    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        """Create a payment page and return it. The checkout's id is the idempotency key."""

    def list_paid(self, since: int) -> AsyncIterator[str]:
        """Yield the ids of subscriptions that received a payment since `since`, in unix seconds.

        Includes subscriptions that are not recorded. For providers that can list payments but not
        subscriptions (`lists_all` is False).
        """

    def lacks_payer(self, subscription: Subscription, whose: Binding, bound_by: BoundBy) -> bool:
        """Return True if the provider could store the owner of this subscription but does not yet."""

    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        """Write the owner of a subscription to the provider.

        The owner can then be recovered if the ledger is lost.
        """

    async def fetch_page(self, page_id: str) -> str | None:
        """Return the id of the subscription that a payment page led to; None if there is none yet."""

    async def close_page(self, page_id: str) -> None:
        """Close a payment page so that it takes no payment, if the provider can.

        A page that was paid or has expired is no error.
        """

    async def manage_link(self, subscription: Subscription, options: PortalOptions) -> str:
        """Return a fresh link to the provider's management page for this subscription's customer."""

    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        """Stop renewal and return the subscription as it is afterwards.

        Without `keeps_period` it has then ended, and `paid_through` is the end of the paid time.
        """

    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        """End the agreement and its billing immediately, without a refund.

        Returns the subscription as it is afterwards.
        """

    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        """Undo a scheduled end, so that the subscription renews again.

        Returns the subscription as it is afterwards.
        """

    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        """Return the last payment above zero; None if there is none."""

    async def preview_charge(self, subscription: Subscription) -> Money | None:
        """Return the next charge as the provider calculates it; None if the provider does not show it.

        Call this only when a person is waiting for the answer, never in a sweep.
        """

    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        """Return the address of the page on which the customer confirms or pays an open payment.

        Returns None if no payment is open.
        """

    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        """Return details of the last failed payment; None if the provider gives none."""

    async def refund(self, payment: Payment, key: str) -> Payment:
        """Refund the rest of a payment and return the payment as it is afterwards.

        A payment that was already refunded is no error.
        """

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Check the setup of the account and return the findings."""

    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        """Apply the cure that a finding of `check` named in `fix`."""

    async def close(self) -> None:
        """Close the connections."""


@runtime_checkable
class ListsPrices(Provider, Protocol):
    """A provider that can list the account's prices with their amounts. PayPal cannot."""

    async def list_prices(self) -> list[NamedPrice]:
        """Return the newest prices that can be sold. Raises ProviderError."""
