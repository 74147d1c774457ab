"""The interfaces through which the rules reach the ledger, Discord, the providers and the clock.

Each edge implements one of them; the rules use nothing else of an edge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from billing.checkout_cache import CheckoutCache, PaymentPage
from billing.checkout_looks import RecentLooks
from billing.errors import ProviderRefused
from billing.locks import KeyedLocks
from billing.model import SubscriptionKey
from billing.model.translatable_text import Text, Verbatim
from billing.ports.clock import Clock
from billing.ports.discord import Messenger, RoleGateway
from billing.ports.ledger import Ledger
from billing.ports.meter import Meter, Unmeasured
from billing.ports.provider import (
    ALL,
    CheckoutFound,
    CheckoutOrder,
    Failure,
    ListPart,
    ListsPrices,
    NamedPrice,
    PaceState,
    PortalOptions,
    Provider,
)
from billing.ports.records import (
    Dispute,
    Health,
    PriceConflict,
    QueueName,
    RecordedSubscription,
    StaleSubscription,
    SyncResult,
    UnboundSale,
)
from billing.ports.saved_values import Values
from billing.provider_names import display_name
from billing.role_latency import RoleLatency
from billing.signing import Signer
from billing.webhook_arrivals import Arrivals

__all__ = [
    "ALL",
    "Arrivals",
    "CheckoutFound",
    "CheckoutOrder",
    "Clock",
    "Dispute",
    "Failure",
    "Health",
    "Ledger",
    "ListPart",
    "ListsPrices",
    "Messenger",
    "Meter",
    "NamedPrice",
    "PaceState",
    "PaymentPage",
    "PortalOptions",
    "Ports",
    "PriceConflict",
    "Provider",
    "QueueName",
    "RecordedSubscription",
    "RoleGateway",
    "RoleLatency",
    "Signer",
    "StaleSubscription",
    "SyncResult",
    "UnboundSale",
    "Unmeasured",
    "Values",
]


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports, caches and settings that a use case works with.

    `grace`, `sync_interval` (both in seconds) and `public_url` are the owner's settings.

    `signer`: signs with the owner's SECRET_KEY; without a key it signs nothing. `sign_receipt`: returns a
    text with a signature that anybody can check; None without a key. `locks`: locks by subscription key. Hold
    the lock of a subscription while you change it, or fetch and record it.
    """

    ledger: Ledger
    providers: Mapping[str, Provider]
    roles: RoleGateway
    messenger: Messenger
    clock: Clock
    grace: int
    public_url: str
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    pages: CheckoutCache = field(default_factory=CheckoutCache)
    signer: Signer = field(default_factory=Signer)
    sign_receipt: Callable[[str], str] | None = None
    arrivals: Arrivals = field(default_factory=Arrivals)
    looks: RecentLooks = field(default_factory=RecentLooks)
    meter: Meter = field(default_factory=Unmeasured)
    pace: RoleLatency = field(default_factory=RoleLatency)
    sync_interval: float = 3600.0

    def now(self) -> int:
        """Return the current time in whole unix seconds."""
        return int(self.clock.now())

    def clock_skew(self) -> float:
        """Return the seconds by which this machine's clock is ahead of the providers'; negative if behind.

        Of several providers the one whose clock differs most counts. Returns 0 until a provider has answered.
        """
        skews = (provider.clock_skew for provider in self.providers.values())
        return max((skew for skew in skews if skew is not None), key=abs, default=0.0)

    def connects(self, key: SubscriptionKey) -> bool:
        """Return True if the bot is connected to the account to which a subscription belongs."""
        provider = self.providers.get(key.provider)
        return provider is not None and provider.account == key.account

    def provider_of(self, key: SubscriptionKey) -> Provider:
        """Return the provider of a subscription.

        Raises ProviderRefused, with `retry` set, if the bot is not connected to the subscription's account.
        """
        if not self.connects(key):
            name, account = display_name(key.provider), Verbatim(key.account)
            off = ProviderRefused(Text("error.not_connected", provider=name, account=account))
            off.retry = True  # the owner may turn it on again
            raise off
        return self.providers[key.provider]
