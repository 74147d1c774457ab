"""The surroundings that the contract tests need for a provider. A new provider adds one class."""

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
    arrived: list[
        tuple[bytes, dict[str, str]]
    ]  # body and headers of each notification, in the order of arrival

    def sell(self, amount: int = 500, trial_days: int = 0) -> str:
        """Create a price that is on sale, and return its id. `amount` is in minor units."""

    def known(self) -> list[str]:
        """The subscription ids that the ledger would know, for a provider that cannot list them."""

    def pay(self, url: str) -> None:
        """Pay on the payment page, as a member would."""

    async def settle(self) -> None:
        """Let everything happen that is due, and wait until all notifications are delivered."""

    def fail_next_payment(self) -> None:
        """Decline the next charge and its retries."""

    def dispute(self, subscription: Subscription) -> str:
        """Let the payer's bank reverse the last payment, and return the dispute's id."""

    def win(self, dispute_id: str) -> None:
        """Decide the dispute in the owner's favour."""

    def refund_part(self, subscription: Subscription, amount: int) -> None:
        """Refund part of the last payment as the owner would, by hand. `amount` is in minor units."""

    def go_silent(self) -> None:
        """Answer no more requests from now on."""

    def lose_answer_to_change(self) -> None:
        """Carry out the next change, and lose its answer."""


class CustomersToo(Surroundings, Protocol):
    """Surroundings of a provider where the owner manages the customers."""

    def forget_customer(self, customer_id: str) -> None:
        """Delete a customer as the owner would, by hand."""


@dataclass
class Sink:
    """A listener that keeps the notifications that it receives."""

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
    """The server's options for the provider's own page."""
    return PortalOptions(GuildSettings(GUILD, plan_switching=switching), prices, HOME)


async def buy(
    there: Surroundings, checkout_id: str = "opaque-1", *, trial_days: int = 0, customer: str | None = None
) -> Subscription:
    """Create a price, buy it, and return the subscription that the provider now has."""
    price = await there.provider.fetch_price(there.sell())
    page = await there.provider.start_checkout(
        order(price, checkout_id, trial_days=trial_days, customer=customer)
    )
    there.pay(page.url)
    await there.settle()
    return await find(there, checkout_id)


async def find(there: Surroundings, checkout_id: str = "opaque-1") -> Subscription:
    """The only subscription that was bought on this payment page."""
    provider, found = there.provider, []
    async for subscription in provider.list_subscriptions(there.known()):
        checkout = await provider.fetch_checkout(subscription.key.id)
        if checkout is not None and checkout.checkout_id == checkout_id:
            found.append(subscription)
    assert len(found) == 1
    return found[0]


def unknown(provider: Provider, like: Subscription) -> Subscription:
    """A subscription whose id the provider never issued."""
    key = SubscriptionKey(provider.name, provider.account, f"{like.key.id[:-4]}none")
    return Subscription(key, like.customer_id, like.status, like.provider_status, like.items, like.created_at)
