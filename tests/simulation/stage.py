"""Where a history is played: Stripe, PayPal, Discord, and the whole program between them, restartable."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from billing.model import Notice, Plan
from billing.ports import Clock, Ports
from billing.use_cases.plans import PlanUpdate, add_plan, edit_plan
from standins.discord import Application, DiscordWorld, Guild, Person, Role
from standins.discord.faults import Faults
from standins.paypal import PayPalServer
from standins.stripe import StripeServer
from tests.simulation.edges import Heard
from tests.simulation.model import Model, PlanFacts
from tests.simulation.paypal_rules import PayPalRules

NEVER = 10.0**10
TOKEN = "right.token"

# Server, name, product, roles: two plans that share a role, and one in another server.
SOLD = ((0, "Gold", 0, (0, 2)), (0, "Silver", 1, (1, 2)), (1, "Chess", 2, (0,)))


@dataclass
class Page:
    """A page to pay on, and whose it is."""

    provider: str
    url: str
    guild: int
    member: int


class Post(Protocol):
    """A notification of the local Stripe on its way."""

    lost: int

    def goes(self, way: str, left: int, seconds: float) -> None:
        """How the next ones travel: double, swapped, late, thin, old or lost."""

    def busy(self) -> bool:
        """Whether anything is on its way, or was lost and not looked for yet."""

    def release(self) -> None:
        """Those that were held, the newest first."""

    def hurry(self) -> None:
        """Everything that is under way arrives now."""


def _nobody_listens(what: object) -> None:
    pass


class Stage(ABC):
    """Two servers, three members and an owner, two plans that share a role, and a third plan.

    `most_faults`: how often one fault strikes at most. `is_vague`: it is not known which calls failed.
    `may_repeat`: a message was sent but could not be recorded as sent. `unsure`: a provider has failed.
    `unnoticed`: members whose return only a sweep finds. `revoking`: revocations under way.
    """

    mail: Post
    discord_faults: Faults
    most_faults = 100
    is_vague = False
    is_up = False
    unsure = False

    def __init__(self, path: Path, clock: Clock, sweeps: float, intent: bool) -> None:
        self.path, self.clock, self.sweeps, self.intent = path, clock, sweeps, intent
        self.server, self.paypal, self.world = StripeServer(clock), PayPalServer(clock), DiscordWorld(clock)
        self.heard = Heard()
        self.model = Model(self.server.world, PayPalRules(self.paypal.world))
        self.pages: list[Page] = []
        self.problems: list[str] = []
        self.unnoticed: set[tuple[int, int]] = set()
        self.revoking = 0
        self.may_repeat = False
        self.on_roles: Callable[[dict[str, Any]], None] = _nobody_listens
        self.on_told: Callable[[Notice], None] = _nobody_listens
        self._beside: sqlite3.Connection | None = None
        self._furnish()

    @property
    def now(self) -> int:
        return int(self.clock.now())

    def _furnish(self) -> None:
        world = self.world
        self.owner = world.add_user("ada")
        self.members: list[Person] = [world.add_user(name) for name in ("bob", "cleo", "dan")]
        self.app: Application = world.add_application(TOKEN, owner=self.owner, members_intent=self.intent)
        self.guilds: list[Guild] = [world.add_guild(name, self.owner) for name in ("Pottery", "Chess")]
        self.bot_roles: list[Role] = []
        self.roles: list[list[Role]] = []
        for guild in self.guilds:
            self.bot_roles.append(world.install(self.app, guild))
            self.roles.append([world.add_role(guild, name) for name in ("gold", "silver", "club", "art")])
            world.set_role_position(self.bot_roles[-1], 90)
            for member in self.members:
                world.add_member(guild, member)
        products = [self.server.add_product(name)["id"] for name in ("Gold", "Silver", "Chess", "Soap")]
        self.products: list[str] = products
        self.prices: list[str] = [self.server.add_price(p, 500, currency="eur")["id"] for p in products]
        self.yearly: str = self.server.add_price(products[0], 5000, "year", currency="eur")["id"]
        paypal = [self.paypal.add_product(name)["id"] for name in ("Gold", "Silver", "Chess")]
        self.paypal_products: list[str] = paypal
        self.paypal_plans: list[str] = [self.paypal.add_plan(p, "5.00", currency="EUR")["id"] for p in paypal]
        self.paypal_yearly: str = self.paypal.add_plan(paypal[0], "50.00", "YEAR", "EUR")["id"]
        publish = world.publish

        def published(kind: str, **facts: Any) -> None:
            publish(kind, **facts)
            self._heard(kind, facts)

        world.publish = published  # type: ignore[method-assign]  # a stand-in is opened up

    # -- the program --------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def ports(self) -> Ports:
        """Of the program that runs; LedgerUnavailable while none does."""

    @abstractmethod
    async def start(self) -> None:
        """Compose the program as bot.py does."""

    @abstractmethod
    async def stop(self, *, abrupt: bool = False) -> None:
        """As on SIGTERM; or, abruptly, with everything that is under way left where it stands."""

    async def sell(self) -> list[Plan]:
        """Put the plans on sale, as an admin would."""
        return [await self._sell(*plan) for plan in SOLD]

    async def _sell(self, guild: int, name: str, product: int, roles: tuple[int, ...]) -> Plan:
        place = self.guilds[guild].id
        ids = [self.roles[guild][n].id for n in roles]
        prices = {"stripe": self.prices[product], "paypal": self.paypal_plans[product]}
        edit = PlanUpdate(name, add_role=ids[0], price_ids=prices)
        plan = await add_plan(self.ports, place, edit, self.owner.id)
        for role in ids[1:]:
            plan = await edit_plan(self.ports, place, plan.id, PlanUpdate(add_role=role), self.owner.id)
        return plan

    def know(self, plans: list[Plan]) -> None:
        """Put these plans on sale."""
        self.plans = plans
        for plan, (_, _, product, _) in zip(plans, SOLD, strict=True):
            products = {self.products[product], self.paypal_products[product]}
            facts = PlanFacts(plan.id, plan.guild_id, set(plan.role_ids), products)
            self.model.add_plan(facts)

    # -- time ---------------------------------------------------------------------------------------------

    @abstractmethod
    async def quiet(self) -> None:
        """Until nothing is under way that needs no further time."""

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """Turn the clock."""

    async def settled(self, check: Callable[[], None]) -> None:
        """Check what must have come true at the end; on a stage with a network, once it has."""
        check()

    # -- faults that not every stage has --------------------------------------------------------------------

    @abstractmethod
    def fill_disk(self, commits: int) -> None:
        """So many writes find the disk full."""

    @abstractmethod
    def bend_answers(self, provider: str, *, strange: int = 0, behind: int = 0) -> None:
        """So many answers of that provider's show a status that nobody knows, or how it was at first."""

    # -- what is heard ------------------------------------------------------------------------------------

    def _heard(self, kind: str, facts: dict[str, Any]) -> None:
        if kind == "roles_changed":
            self.on_roles(facts)
        elif kind == "member_left":
            for key in [k for k in self.model.whose if k[:2] == (facts["guild_id"], facts["user_id"])]:
                was = self.model.whose.pop(key)
                if was in ("bot", "unclear"):
                    self.model.whose[key] = "left"

    def unclear(self, guild: int, member: int, role: int) -> None:
        """The program cannot know whether this role was given, or taken."""
        if self.model.whose.get((guild, member, role)) is None:
            self.model.whose[guild, member, role] = "asked"

    def all_unclear(self) -> None:
        """Roles that were about to be given when the program ended may have been given: mark them unclear."""
        for grant in self.rows("SELECT guild_id, member_id, role_id FROM role_grants"):
            self.unclear(*grant)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Rows of the ledger's file, read in parallel to the program."""
        if self._beside is None:
            self._beside = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        return self._beside.execute(query, values).fetchall()

    async def close(self) -> None:
        """For good."""
        await self.stop()
        if self._beside is not None:
            self._beside.close()

    async def joined(self, guild: Guild, member: Person) -> None:
        """Somebody came back; Discord tells of it only with the members intent, and only who listens."""
        if not (self.intent and self.is_up):
            self.unnoticed.add((guild.id, member.id))

    @abstractmethod
    def roles_changed(self, guild: Guild) -> None:
        """The server's own roles did; Discord tells of it."""
