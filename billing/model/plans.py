"""What a server sells, at which prices, and what its admins chose for the bot."""

from __future__ import annotations

from dataclasses import dataclass

from billing.model.charges import Step


@dataclass(frozen=True, slots=True)
class Price:
    """A provider's price of a plan, as last fetched. `interval` is day, week, month or year. `amount` None:
    it has no one amount, as it goes by tiers or by use, and is not sold.

    `setup_fee`: what is taken once, with the agreement, tax included. `steps`: the charges in order, where
    they are not simply `amount` each, as with a tax that is added or a trial that costs something.
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
        """What tells it from any other."""
        return self.provider, self.account, self.id


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server sells: roles, under a name, for one or more providers' prices.

    `prices` are on sale, one a provider at most; `former_prices` were, or were mapped by an admin, and
    still give this plan to whoever pays them. `trial_days` None: as the provider's price says.
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
        """The price on sale at that provider."""
        return next((p for p in self.prices if p.provider == provider), None)


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """What a server's admins chose for the bot; each has a sensible answer when unset."""

    guild_id: int
    notice_channel_id: int | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    plan_switching: bool = False
