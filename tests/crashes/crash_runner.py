"""Kills the program at a chosen point of its work, as seen from outside, and starts it again."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from providers.paypal.setup import EVENTS as PAYPAL_EVENTS
from providers.stripe.setup import EVENTS as STRIPE_EVENTS
from standins.delivery import Delivery
from standins.discord.faults import HANG_UP
from standins.discord.faults import Fault as DiscordFault
from standins.discord.faults import Faults as DiscordFaults
from standins.discord.rest import Answer, Route
from standins.faults import Fault, Faults
from standins.paypal import PayPalServer
from standins.stripe import StripeServer
from tests.app.harness import DAY, AppHarness
from tests.app.program_process import settings_of
from tests.crashes.child_process import Child, run_child
from tests.forks import FORKS

T = TypeVar("T")

PATIENCE = 40  # real seconds to wait for something that must happen
STEP = 61  # seconds by which the clock is turned while work waits for a later moment
PAUSE = 0.02  # real seconds between two reads of the ledger's file, which sends no signal when it changes
# A sweep takes the providers in the order in which they were set up, and asks each for its disputes last.
LAST_OF_SWEEP = {"Stripe": "/v1/disputes", "PayPal": "/v1/customer/disputes"}

# All unfinished work, due or not, except for changes that only a deadline will cause.
_NOT_PLANNED = "kind NOT IN ('trial_ending', 'long_renewal')"  # those wait for a later day
_WAITING = f"""
    SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL) + (SELECT count(*) FROM stale)
        + (SELECT count(*) FROM members WHERE next_try_at IS NOT NULL)
        + (SELECT count(*) FROM intents WHERE state = 'pending')
        + (SELECT count(*) FROM notices WHERE next_try_at IS NOT NULL AND {_NOT_PLANNED})
"""  # noqa: S608 - a constant
_DUE = """
    SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL AND ifnull(next_try_at, 0) <= :now)
        + (SELECT count(*) FROM stale WHERE next_try_at <= :now)
        + (SELECT count(*) FROM members WHERE next_try_at <= :now OR due_at <= :now)
        + (SELECT count(*) FROM intents WHERE state = 'pending' AND next_attempt_at <= :now)
        + (SELECT count(*) FROM notices WHERE next_try_at <= :now)
"""


class Killed(Exception):  # noqa: N818 - an event that the test expects, not an error
    """The program died while the test waited for it."""


@dataclass(frozen=True)
class Point:
    """Where to kill the program: at the n-th moment around a commit, or at the n-th message on the wire."""

    kind: str  # "commit" or "wire"
    number: int


@dataclass
class CrashRunner:
    """Intercepts the calls between the program and its neighbours, and counts them once it is armed."""

    app: AppHarness
    folder: Path
    disk_log: Path | None = None
    synchronous: str | None = None
    points: list[str] = field(default_factory=list)
    dies_at: int | None = None
    armed: bool = False
    process: Any = None
    link: Connection | None = None
    died: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def servers(self) -> dict[str, StripeServer | PayPalServer]:
        """The providers' stand-ins, by the provider's name."""
        found: dict[str, StripeServer | PayPalServer] = {"Stripe": self.app.stripe}
        return found if self.app.paypal is None else {**found, "PayPal": self.app.paypal}

    @property
    def deliveries(self) -> list[Delivery]:
        """The webhook deliveries of all providers."""
        return [one for server in self.servers.values() for one in server.deliveries]

    # -- start and kill ------------------------------------------------------------------------------
    async def start(self) -> None:
        """Start a new child process; returns once its first sweep is over and no work is left."""
        self.died = asyncio.Event()
        self.link, theirs = FORKS.Pipe()
        settings = settings_of(self.app, SYNC_INTERVAL_MINUTES="100000", LOG_LEVEL="warning")
        offset = self.app.clock.now() - time.time()
        child = Child(settings, self.folder, offset, self.disk_log, self.synchronous)
        self.process = FORKS.Process(target=run_child, args=(child, theirs))
        name, server = list(self.servers.items())[-1]
        feed = server.subscribe()
        self.process.start()
        theirs.close()
        asyncio.get_running_loop().add_reader(self.process.sentinel, self._noticed)
        await self.alive(_asked(feed, LAST_OF_SWEEP[name]))
        server.unsubscribe(feed)
        await self.settle()

    def _noticed(self) -> None:
        self._forget()
        self.died.set()

    def _forget(self) -> None:
        assert self.process is not None
        assert self.link is not None
        asyncio.get_running_loop().remove_reader(self.process.sentinel)
        self.process.join()
        self.link.close()

    def kill(self) -> None:
        """Send SIGKILL; the process is gone when this returns."""
        if self.process is not None and not self.died.is_set():
            self.process.kill()
            self._forget()
            self.died.set()

    async def alive(self, doing: Coroutine[Any, Any, T]) -> T:
        """Await the result; raises Killed if the program dies meanwhile."""
        task, death = asyncio.create_task(doing), asyncio.create_task(self.died.wait())
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Killed
            return await task
        finally:
            task.cancel()
            death.cancel()
            await asyncio.gather(task, death, return_exceptions=True)

    def say(self, what: str, value: object = None) -> None:
        """Send an instruction to the child process: one of those that `run_child` lists."""
        assert self.link is not None
        if not self.died.is_set():
            try:
                self.link.send((what, value))
            except OSError:
                self.kill()

    # -- points --------------------------------------------------------------------------------------
    async def arm(self, point: Point | None) -> None:
        """Start counting, and kill the program at that point. With None, let it live."""
        self.points.clear()
        self.armed = point is not None
        self.dies_at = point.number if point and point.kind == "wire" else None
        self.say("arm", point.number if point and point.kind == "commit" else None)
        await self._heard()

    async def _heard(self) -> None:
        """Wait until the child has carried out the last instruction, or is dead."""
        async with asyncio.timeout(PATIENCE):
            while not self.died.is_set():
                assert self.link is not None
                try:
                    if self.link.poll():
                        self.link.recv()
                        return
                except (EOFError, OSError):
                    self.kill()
                await asyncio.sleep(0.001)

    def passes(self, label: str) -> bool:
        """Record a message on the wire. True if the program was killed, at this message or earlier."""
        if self.armed:
            self.points.append(label)
            if len(self.points) == self.dies_at:
                self.kill()
        return self.died.is_set()

    def did(self, who: str, done: Any) -> None:
        """Record a request that has taken effect at a provider but is not answered yet."""
        self.passes(f"{who} did {done.method} {done.path}")

    # -- time ----------------------------------------------------------------------------------------
    def turn(self, seconds: float) -> None:
        """Move the clocks of the program and of all stand-ins forward."""
        self.app.clock.advance(seconds)
        self.say("turn", seconds)

    async def settle(self) -> None:
        """Wait until no message is on its way and no work is left; turn the clock while work waits for it."""
        for _ in range(200):
            await self.alive(self._quiet())
            if not self.rows(_WAITING)[0][0] and not self._undelivered():
                return
            self.turn(STEP)
        raise AssertionError(f"the program does not finish its work: {self.open_work()}")

    async def _quiet(self) -> None:
        while True:
            for server in self.servers.values():
                await server.settle()
            if not self.rows(_DUE, now=int(self.app.clock.now()))[0][0]:
                return
            await asyncio.sleep(PAUSE)

    def _undelivered(self) -> bool:
        return any(one.state == "pending" for one in self.deliveries)

    # -- what the ledger holds -----------------------------------------------------------------------
    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Query the ledger read-only, whether the program runs or not."""
        with closing(sqlite3.connect(f"file:{self.app.path}?mode=ro", uri=True)) as db:
            return db.execute(statement, values).fetchall()

    def open_work(self) -> str:
        """The unfinished rows of the ledger as JSON, for the message of a failed test."""
        left = (
            "SELECT * FROM inbox WHERE done_at IS NULL",
            "SELECT * FROM stale",
            "SELECT * FROM members WHERE next_try_at IS NOT NULL",
            "SELECT * FROM intents WHERE state = 'pending'",
            f"SELECT * FROM notices WHERE next_try_at IS NOT NULL AND {_NOT_PLANNED}",  # noqa: S608 - a constant
        )
        return json.dumps({query: self.rows(query) for query in left}, indent=1)

    def lost_events(self) -> set[str]:
        """Ids of acknowledged events that the ledger does not hold as done. Looks back 60 days only, because
        the ledger deletes done events after 90."""
        since = self.app.clock.now() - 60 * DAY
        taken = {
            d.event["id"] for d in self.deliveries if d.state == "delivered" and d.attempts[-1].at > since
        }
        done = {row[0] for row in self.rows("SELECT event_id FROM inbox WHERE done_at IS NOT NULL")}
        return taken - done


async def _asked(feed: asyncio.Queue[tuple[str, Any]], path: str) -> None:
    while True:
        kind, what = await feed.get()
        if kind == "exchange" and what.path == path:
            return


# -- the wire ----------------------------------------------------------------------------------------


class ProviderWire(Faults):
    """Intercept each request to a provider before it takes effect."""

    def __init__(self, runner: CrashRunner, who: str) -> None:
        super().__init__()
        self._runner, self._who = runner, who

    def take(self, method: str, path: str) -> Fault | None:
        if self._runner.passes(f"{self._who} hears {method} {path}"):
            return Fault("cut_before")
        return super().take(method, path)


class CertificateWire(list[str]):
    """Intercept the request for PayPal's certificate before it is answered; each child fetches it once."""

    def __init__(self, runner: CrashRunner) -> None:
        super().__init__()
        self._runner = runner

    def append(self, certificate: str) -> None:
        super().append(certificate)
        self._runner.passes("PayPal hears GET of its certificate")


class DiscordWire(DiscordFaults):
    """Intercept each request to Discord before it takes effect."""

    def __init__(self, runner: CrashRunner) -> None:
        super().__init__()
        self._runner = runner

    def take(self, method: str, path: str) -> DiscordFault | None:
        if self._runner.passes(f"Discord hears {method} {path}"):
            return DiscordFault(HANG_UP, method, path, None)
        return super().take(method, path)


class DiscordWitness:
    """Intercept each request to Discord after it has taken effect and before it is answered."""

    def __init__(self, runner: CrashRunner) -> None:
        self._runner = runner

    def exchange(self, route: Route, asked: Any, content_type: str, answer: Answer) -> None:
        self._runner.passes(f"Discord did {route.method} {route.path}")

    def event(self, name: str, data: Any) -> None:
        pass


def stand_between(app: AppHarness, folder: Path) -> CrashRunner:
    """Intercept all calls to APIs, before and after they take effect, and all notifications."""
    runner = CrashRunner(app, folder)
    for who, server in runner.servers.items():
        wire = ProviderWire(runner, who)
        server.faults = server._api.faults = wire
        server.watch(lambda done, who=who: runner.did(who, done))  # type: ignore[misc]  # each server has its own
        _stand_before_listener(runner, server)
    app.discord.faults = DiscordWire(runner)
    app.discord._recorder = DiscordWitness(runner)
    (endpoint,) = app.stripe.world.all("webhook_endpoint")
    endpoint["enabled_events"] = list(STRIPE_EVENTS)
    if app.paypal is not None:
        app.paypal.certificate_asks = CertificateWire(runner)
        for hook in app.paypal.world.all("webhook"):
            hook["event_types"] = [{"name": name} for name in PAYPAL_EVENTS]
    return runner


def _stand_before_listener(runner: CrashRunner, server: StripeServer | PayPalServer) -> None:
    post = server._deliverer.post

    async def carried(url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, str | None]:
        told = json.loads(body)
        kind = told.get("type") or told["event_type"]
        runner.passes(f"notified of {kind}")
        status, error = await post(url, body, headers)
        if status is not None and runner.armed and runner.passes(f"acknowledges {kind}, unheard"):
            return None, "killed"
        if status is not None:
            runner.passes(f"acknowledged {kind}")
        return status, error

    server._deliverer.post = carried  # type: ignore[method-assign]  # replaced to intercept deliveries
