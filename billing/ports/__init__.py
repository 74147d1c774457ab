"""What the rules need from outside. Each edge implements one of these; nothing else crosses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from billing.checkout_cache import CheckoutCache, PaymentPage
from billing.checkout_looks import RecentLooks
from billing.errors import ProviderRefused
from billing.locks import KeyedLocks
from billing.model import SubscriptionKey
from billing.model.texts import Text, Verbatim
from billing.ports.clock import Clock
from billing.ports.discord import Messenger, RoleGateway
from billing.ports.ledger import Ledger
from billing.ports.meter import Meter, Unmeasured
from billing.ports.provider import CheckoutFound, CheckoutOrder, Failure, PortalOptions, Provider
from billing.ports.records import (
    Dispute,
    Health,
    QueueName,
    RecordedSubscription,
    StaleSubscription,
    SyncResult,
)
from billing.ports.values import Values
from billing.provider_names import display_name
from billing.role_latency import RoleLatency
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
    "Ledger",
    "Messenger",
    "Meter",
    "PaymentPage",
    "PortalOptions",
    "Ports",
    "Provider",
    "QueueName",
    "RecordedSubscription",
    "RoleGateway",
    "RoleLatency",
    "Signer",
    "StaleSubscription",
    "SyncResult",
    "Unmeasured",
    "Values",
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
    turns: KeyedLocks = field(default_factory=KeyedLocks)
    pages: CheckoutCache = field(default_factory=CheckoutCache)
    signer: Signer = field(default_factory=Signer)
    arrivals: Arrivals = field(default_factory=Arrivals)
    looks: RecentLooks = field(default_factory=RecentLooks)
    meter: Meter = field(default_factory=Unmeasured)
    pace: RoleLatency = field(default_factory=RoleLatency)
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
            name, account = display_name(key.provider), Verbatim(key.account)
            off = ProviderRefused(Text("error.not_connected", provider=name, account=account))
            off.retry = True  # its settings may come back
            raise off
        return self.providers[key.provider]
