"""A payment provider, as the rules see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.checkout_cache import PaymentPage
from billing.model import (
    Binding,
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
from billing.model.texts import Text
from billing.rules.names import NAMELESS, Names


@dataclass(frozen=True, slots=True)
class CheckoutOrder:
    """What a payment page is to be made for. `return_url` is where the provider leads back to, and `names`
    says for whom one pays.

    `starts_at`: when the first payment is due, as until then it is paid already; None: at once.
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
    """How a server wants the provider's own management page to be."""

    settings: GuildSettings
    prices: tuple[Price, ...]
    return_url: str


@dataclass(frozen=True, slots=True)
class CheckoutFound:
    """A finished checkout at the provider: its own id, our opaque id, and what it led to."""

    session_id: str
    checkout_id: str | None
    subscription_id: str | None
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A payment that failed, as the provider tells it.

    `reason`: why, for the customer; a plain string is the provider's own words. `next_try_at`: when the
    provider tries again, in unix seconds.
    """

    amount: Money | None = None
    reason: Text | str = ""
    next_try_at: int | None = None


class Provider(Protocol):
    """A payment provider with one of the owner's accounts there.

    Every network method raises ProviderError and nothing else, within 15 seconds.
    """

    name: str  # 'stripe', 'paypal': as in webhook paths and keys
    title: str  # for people: 'Stripe', 'PayPal'
    account: str  # which account or mode; part of every key
    keeps_period: bool  # can cancel at the period's end by itself, and therefore resume
    closes_pages: bool  # can keep a payment page from being paid on
    lists_all: bool  # can name every subscription of the account by itself
    webhook_print: str  # changes with what its notifications are proven by, and gives none of that away

    @property
    def clock_skew(self) -> float | None:
        """Seconds that this machine's clock is ahead of the provider's, by its last answer that tells; None
        before."""

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        """NotAuthentic where no notification can have these headers, whatever its body is. Asked before a
        body is read that is still on its way; `authenticate` looks at all of them itself."""

    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        """The events in a notification, whose headers are found by their lower-case names; NotAuthentic or
        Malformed otherwise, and ProviderUnavailable where it cannot be told just now."""

    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        """The truth about one subscription, unbound (`binding` None)."""

    async def locate(self, subject: Subject) -> list[str]:
        """Ids of the subscriptions that an event's subject is about; empty when it is about none."""

    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        """The checkout that made this subscription, where the provider knows one."""

    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        """The subscription that a dispute is about, and where the dispute stands."""

    async def was_charged_back(self, dispute_id: str) -> bool:
        """Whether a dispute that was lost took the payment back against the owner's will: an inquiry that the
        owner settled with a refund did not."""

    def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """Every dispute that the provider still shows, with where it stands, page by page. Raises
        ProviderError like the others; one that cannot be read is left out."""

    def list_subscriptions(self, known: Sequence[str] = ()) -> AsyncIterator[Subscription]:
        """Every subscription of the account, ended ones included, page by page; where the provider cannot
        list them (`lists_all`), those of the `known` ids that it still has."""

    def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        """What happened since that moment and tells of access or money, newest first, without the kinds that
        the webhook at this address is not told of, where that can be seen. Raises ProviderError like the
        others; one that cannot be read is left out."""

    def unheard(self, *, refused: bool) -> Finding:
        """The fault that true notifications do not arrive, with its cure. `refused`: some were refused."""

    async def fetch_price(self, price_id: str) -> Price:
        """A price as the provider has it now; ProviderNotFound when it has none of that id."""

    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        """A fresh payment page. The checkout's id is the idempotency key."""

    def list_paid(self, since: int) -> AsyncIterator[str]:
        """Ids of the subscriptions that something was paid for since then, known or not, where the provider
        cannot list them (`lists_all`) but tells of payments."""

    def lacks_payer(self, subscription: Subscription) -> bool:
        """Whether the provider could show whose subscription this is, and does not yet."""

    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        """Write whose subscription it is to the provider, so that it shows should the ledger be lost."""

    async def fetch_page(self, page_id: str) -> str | None:
        """The subscription that a payment page led to; None while it led to none."""

    async def close_page(self, page_id: str) -> None:
        """Let a payment page take no payment any more, where the provider can do that. One that was paid or
        is over is no error."""

    async def manage_link(self, subscription: Subscription, options: PortalOptions) -> str:
        """The provider's own page for this subscription's customer, made for this moment."""

    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        """Stop renewal; the answer is the subscription as it is afterwards. Without `keeps_period` it has
        ended then, and its `paid_through` says until when it is paid."""

    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        """End the agreement and its billing at once, without a refund."""

    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        """Let a subscription that is scheduled to end renew again."""

    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        """The last payment above zero, or None."""

    async def preview_charge(self, subscription: Subscription) -> Money | None:
        """What the next charge will be, asked of the provider; None where it does not tell. For when a person
        looks, never for sweeps."""

    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        """The provider's page on which its customer confirms or pays what is open; None where nothing is."""

    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        """Why its last payment failed, where the provider says so."""

    async def refund(self, payment: Payment, key: str) -> Payment:
        """Give back what is left of a payment; the answer is the payment afterwards. A payment that is
        refunded already is no error."""

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """What is right and wrong with the account's set-up."""

    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        """Carry out the cure that a finding of `check` named in `fix`."""

    async def close(self) -> None:
        """Let go of connections."""
