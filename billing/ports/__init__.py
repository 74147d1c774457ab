"""What the rules need from outside. Each edge implements one of these; nothing else crosses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from billing.checkout_cache import OpenPages, PaymentPage
from billing.checkout_looks import Looks
from billing.errors import ProviderRefused
from billing.locks import Turns
from billing.model import SubscriptionKey
from billing.ports.clock import Clock
from billing.ports.discord import Messenger, RoleGateway
from billing.ports.ledger import Ledger
from billing.ports.meter import Meter, Unmeasured
from billing.ports.provider import CheckoutFound, CheckoutOrder, Failure, PortalWish, Provider
from billing.ports.records import Dispute, Health, Known, StaleSubscription, Synced, Work
from billing.ports.values import Values
from billing.provider_names import title_of
from billing.role_latency import Pace
from billing.signing import Signer
from billing.webhook_arrivals import Arrivals

__all__ = [
    "Arrivals",
    "CheckoutFound",
    "CheckoutOrder",
    "Clock",
    "Dispute",
    "Failure",
    "Health",
    "Known",
    "Ledger",
    "Messenger",
    "Meter",
    "Pace",
    "PaymentPage",
    "PortalWish",
    "Ports",
    "Provider",
    "RoleGateway",
    "Signer",
    "StaleSubscription",
    "Synced",
    "Unmeasured",
    "Values",
    "Work",
]


@dataclass(frozen=True, slots=True)
class Ports:
    """What every use case works with. `grace`, `sync_interval` (seconds) and `public_url` are the
    owner's settings.

    `signer` signs with the owner's SECRET_KEY, or nothing without one.
    `turns`: whoever fetches a subscription to record it, or changes it, holds the turn of its key.
    """

    ledger: Ledger
    providers: Mapping[str, Provider]
    roles: RoleGateway
    messenger: Messenger
    clock: Clock
    grace: int
    public_url: str
    turns: Turns = field(default_factory=Turns)
    pages: OpenPages = field(default_factory=OpenPages)
    signer: Signer = field(default_factory=Signer)
    arrivals: Arrivals = field(default_factory=Arrivals)
    looks: Looks = field(default_factory=Looks)
    meter: Meter = field(default_factory=Unmeasured)
    pace: Pace = field(default_factory=Pace)
    sync_interval: float = 3600.0

    def now(self) -> int:
        """Unix seconds, whole."""
        return int(self.clock.now())

    def clock_skew(self) -> float:
        """Seconds that this machine's clock is ahead of a provider's, the one that differs most; 0 where none
        has answered yet."""
        skews = (provider.clock_skew for provider in self.providers.values())
        return max((skew for skew in skews if skew is not None), key=abs, default=0.0)

    def connects(self, key: SubscriptionKey) -> bool:
        """Whether the bot is connected to the account that a subscription lives at."""
        provider = self.providers.get(key.provider)
        return provider is not None and provider.account == key.account

    def provider_of(self, key: SubscriptionKey) -> Provider:
        """The provider that a subscription lives at; ProviderRefused when the owner has turned it off."""
        if not self.connects(key):
            where = f"{title_of(key.provider)} ({key.account})"
            off = ProviderRefused(
                f"This subscription is paid through {where}, which the bot is not connected to just now. "
                "Please tell the server's admins.",
            )
            off.retry = True  # its settings may come back
            raise off
        return self.providers[key.provider]
