"""The surroundings that the contract tests need of a provider; a new provider adds one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from billing.model import Checkout, GuildSettings, Price, Subscription, SubscriptionKey
from billing.ports import CheckoutOrder, PortalOptions, Provider
from billing.rules.names import Names, PageWording
from standins.clock import MovableClock

GUILD, MEMBER = 2**62 + 1, 2**62 + 2
DAY = 86_400
HOME = "http://127.0.0.1:9/return"
WORDING = PageWording(
    "{plan} for {member} in {server}",
    "You pay for {member} in {server} on Discord.",
    "{server}, for {member}",
)
NAMES = Names("**Mia** [x](https://evil.example)", "mia", "Pottery \u202e", WORDING)


class Surroundings(Protocol):
    """A stand-in for the provider with the real adapter in front of it, over real sockets."""

    provider: Provider
    clock: MovableClock
    arrived: list[tuple[bytes, dict[str, str]]]  # notifications as they came in

    def sell(self, amount: int = 500, trial_days: int = 0) -> str:
        """A price on sale; its id."""

    def known(self) -> list[str]:
        """Ids that the ledger would know; for a provider that lists nothing by itself."""

    def pay(self, url: str) -> None:
        """Pay on the payment page, as a person does."""

    async def settle(self) -> None:
        """Everything due has happened and was delivered."""

    def fail_next_payment(self) -> None:
        """The next charge is declined, and its retries too."""

    def dispute(self, subscription: Subscription) -> str:
        """The payer's bank takes the last payment back; the dispute's id."""

    def win(self, dispute_id: str) -> None:
        """The dispute ends for the owner."""

    def refund_part(self, subscription: Subscription, amount: int) -> None:
        """The owner gives part of the last payment back by hand."""

    def go_silent(self) -> None:
        """From now on no request is answered."""

    def lose_answer_to_change(self) -> None:
        """The next change is made, and its answer lost."""


class CustomersToo(Surroundings, Protocol):
    """Of a provider where the owner keeps the customers."""

    def forget_customer(self, customer_id: str) -> None:
        """The owner deletes a customer by hand."""


@dataclass
class Sink:
    """A listener that keeps what it gets."""

    arrived: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/hook", self._take)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        return runner

    async def _take(self, request: web.Request) -> web.Response:
        headers: Mapping[str, str] = request.headers
        self.arrived.append((await request.read(), {name.lower(): text for name, text in headers.items()}))
        return web.Response()


def order(
    price: Price, checkout_id: str = "opaque-1", *, trial_days: int = 0, customer: str | None = None
) -> CheckoutOrder:
    """An order for the plan Gold at this price."""
    checkout = Checkout(checkout_id, price.provider, price.account, GUILD, MEMBER, 7, price.id, 0)
    return CheckoutOrder(checkout, "Gold", price, trial_days, customer, HOME, names=NAMES)


def portal_options(*prices: Price, switching: bool = False) -> PortalOptions:
    """How this server wants the provider's own page."""
    return PortalOptions(GuildSettings(GUILD, plan_switching=switching), prices, HOME)


async def buy(
    there: Surroundings, checkout_id: str = "opaque-1", *, trial_days: int = 0, customer: str | None = None
) -> Subscription:
    """From the price to the subscription that the provider now has."""
    price = await there.provider.fetch_price(there.sell())
    page = await there.provider.start_checkout(
        order(price, checkout_id, trial_days=trial_days, customer=customer)
    )
    there.pay(page.url)
    await there.settle()
    return await find(there, checkout_id)


async def find(there: Surroundings, checkout_id: str = "opaque-1") -> Subscription:
    """The subscription that a checkout led to."""
    provider, found = there.provider, []
    async for subscription in provider.list_subscriptions(there.known()):
        checkout = await provider.fetch_checkout(subscription.key.id)
        if checkout is not None and checkout.checkout_id == checkout_id:
            found.append(subscription)
    assert len(found) == 1
    return found[0]


def unknown(provider: Provider, like: Subscription) -> Subscription:
    """One whose id the provider never gave out."""
    key = SubscriptionKey(provider.name, provider.account, f"{like.key.id[:-4]}none")
    return Subscription(key, like.customer_id, like.status, like.provider_status, like.items, like.created_at)
