"""Plans that a server sells, their prices, and the server's settings."""

from __future__ import annotations

from dataclasses import dataclass

from billing.model.sales_news import NewsKind
from billing.model.upcoming_charges import Step


@dataclass(frozen=True, slots=True)
class Price:
    """A provider's price of a plan, as last fetched.

    `interval` is day, week, month or year. `amount` None: the price has no fixed amount (tiered or
    usage-based) and is not sold. `setup_fee`: charged once at the start, tax included. `steps`: the charges
    in order, if they are not simply `amount` each, for example with an added tax or a paid trial.
    """

    provider: str
    account: str
    id: str
    product_id: str
    amount: int | None
    currency: str
    interval: str
    interval_count: int = 1
    trial_days: int = 0
    active: bool = True
    setup_fee: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Provider, account and id, which identify the price."""
        return self.provider, self.account, self.id


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of roles that a server sells under a name, at the prices of one or more providers.

    `prices` are on sale, at most one per provider. `former_prices` were on sale or mapped by an admin, and
    still give this plan to everyone who pays them. `trial_days` None: the provider's price decides.
    """

    id: int
    guild_id: int
    name: str
    role_ids: tuple[int, ...]
    prices: tuple[Price, ...] = ()
    former_prices: tuple[Price, ...] = ()
    description: str = ""
    hidden: bool = False
    trial_days: int | None = None
    removed_at: int | None = None

    def price_at(self, provider: str) -> Price | None:
        """Return the price on sale at this provider; None if there is none."""
        return next((p for p in self.prices if p.provider == provider), None)


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """The settings that a server's admins chose; each has a sensible default."""

    guild_id: int
    notice_channel_id: int | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    plan_switching: bool = False
    sales_news: tuple[NewsKind, ...] = ()
