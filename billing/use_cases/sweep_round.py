"""Tracks one round over all subscriptions of a provider: its progress, and how long rounds take.

A round that fits into the interval between two sweeps is made in one go. A longer one stops at the end of the
interval, and the next sweep continues it, even after a restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from billing.errors import ProviderError
from billing.model import Event
from billing.model.translatable_text import Moment, Text
from billing.ports import Ports, Provider, Values

log = logging.getLogger(__name__)

# Seconds: a shorter round starts over after a fault or a restart, so that it sees what has changed since.
RESUMES_AFTER = 60.0
SAVED_EVERY = 5.0  # seconds
WEEK = 7 * 86_400
_ON_THE_WAY = 60  # seconds for which a provider may not list an event yet
_TOGETHER = 100


class Numbers:
    """A compact set of positive integers, one bit each.

    For comparison, a set of a million string ids takes 100 MB.
    """

    def __init__(self, text: str = "") -> None:
        self._bits = bytearray(zlib.decompress(b64decode(text)) if text else b"")

    def add(self, number: int) -> None:
        """Add a number, which may already be in the set."""
        byte, bit = divmod(number, 8)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1024 - len(self._bits)))
        self._bits[byte] |= 1 << bit

    def __contains__(self, number: int) -> bool:
        byte, bit = divmod(number, 8)
        return byte < len(self._bits) and bool(self._bits[byte] >> bit & 1)

    def text(self) -> str:
        """Return the set as text for the ledger, which the constructor reads."""
        return b64encode(zlib.compress(self._bits)).decode()


@dataclass(slots=True)
class Round:
    """A round over all subscriptions of a provider, complete or not.

    `begun`: in unix seconds. `ended`: the round lists ended subscriptions too. `after`: the id of the last
    subscription that was compared, '' at the start. `seen`: ledger numbers of the listed subscriptions.
    `took`: seconds spent by earlier sweeps; the present one began at `_from`, on the event loop's clock.
    """

    begun: int
    ended: bool = True
    after: str = ""
    took: float = 0.0
    seen: Numbers = field(default_factory=Numbers)
    _from: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    _saved_at: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds spent on this round so far, unaffected by changes of the system clock."""
        return self.took + self._here

    @property
    def _here(self) -> float:
        return asyncio.get_running_loop().time() - self._from

    def is_over_budget(self, interval: float) -> bool:
        """Return True if this sweep has worked on the round for `interval` seconds."""
        return self._here >= interval

    def is_to_save(self) -> bool:
        """Return True if the round is long enough to be worth resuming, and was not saved recently."""
        return self.seconds >= RESUMES_AFTER and self._here - self._saved_at >= SAVED_EVERY

    async def save(self, ledger: Values, provider: Provider) -> None:
        """Save the round for the next sweep or the next process."""
        self._saved_at = self._here
        facts = {
            "begun": self.begun,
            "ended": self.ended,
            "after": self.after,
            "took": round(self.seconds, 3),
            "seen": self.seen.text(),
        }
        await ledger.record_value(_named("round", provider), json.dumps(facts))


@dataclass(frozen=True, slots=True)
class RoundTime:
    """How long the rounds over a provider's subscriptions take.

    `seconds`: duration of the last complete round, None before the first; `whole`: duration of the last one
    that listed ended subscriptions too. `begun`: when the unfinished round began, in unix seconds; None if
    there is none.
    """

    seconds: float | None
    whole: float | None
    begun: int | None

    def is_long(self, interval: float) -> bool:
        """Return True if whole rounds do not fit into the `interval` between two sweeps, in seconds."""
        return self.begun is not None or (self.whole or 0.0) > interval

    def text(self, title: str, interval: float) -> Text | None:
        """Return how long a round over this provider takes, as text for the owner.

        `title`: the provider's title. `interval`: seconds between two sweeps. Returns None if rounds are
        short, or nothing is known.
        """
        if self.seconds is None:
            since = None if self.begun is None else Moment(self.begun)
            return None if since is None else Text("finding.round_runs", provider=title, since=since)
        code = "finding.round_long" if self.is_long(interval) else "finding.round_time"
        minutes = round(self.seconds / 60)
        return Text(code, provider=title, n=max(minutes, 1)) if minutes or self.is_long(interval) else None


async def load_round_time(ledger: Values, provider: Provider) -> RoundTime:
    """Return how long the sweep rounds of a provider take."""
    took = await ledger.load_value(_named("took", provider))
    whole = await ledger.load_value(_named("took_whole", provider))
    kept = await ledger.load_value(_named("round", provider))
    begun = json.loads(kept)["begun"] if kept else None
    return RoundTime(float(took) if took else None, float(whole) if whole else None, begun)


async def begin_round(ports: Ports, provider: Provider, *, whole: bool) -> Round:
    """Return the round that was left unfinished, or a new one.

    While rounds fit into the interval, each lists ended subscriptions too. Longer ones do so only once a
    week, because the list of ended subscriptions keeps growing. With `whole`, a new round always does.
    """
    kept = await ports.ledger.load_value(_named("round", provider))
    time, now = await load_round_time(ports.ledger, provider), ports.now()
    if time.is_long(ports.sync_interval):
        await _follow_events(ports, provider)
    if kept:
        facts = json.loads(kept)
        seen = Numbers(facts["seen"])
        return Round(facts["begun"], facts["ended"], facts["after"], facts["took"], seen)
    since = int(await ports.ledger.load_value(_named("ended_listed", provider)) or 0)
    ended = whole or not time.is_long(ports.sync_interval) or now - since >= WEEK
    return Round(now, ended)


async def finish_round(ports: Ports, provider: Provider, done: Round) -> None:
    """Record that a round is complete, and how long it took."""
    await forget_round(ports.ledger, provider)
    await ports.ledger.record_value(_named("took", provider), f"{done.seconds:.1f}")
    if done.ended:
        await ports.ledger.record_value(_named("took_whole", provider), f"{done.seconds:.1f}")
        await ports.ledger.record_value(_named("ended_listed", provider), str(done.begun))


async def forget_round(ledger: Values, provider: Provider) -> None:
    """Discard the unfinished round, so that the next sweep starts over."""
    if await ledger.load_value(_named("round", provider)):
        await ledger.record_value(_named("round", provider), "")


async def _follow_events(ports: Ports, provider: Provider) -> None:
    """Store the events that the provider lists since the last sweep, as if it had sent them.

    A long round reaches each subscription too seldom to notice a lost notification in time.
    """
    name, now = _named("followed", provider), ports.now()
    since = int(await ports.ledger.load_value(name) or now - ports.sync_interval) - _ON_THE_WAY
    held: list[Event] = []
    try:
        async for event in provider.list_events(since, f"{ports.public_url}/webhooks/{provider.name}"):
            held.append(event)
            if len(held) == _TOGETHER:
                await ports.ledger.record_events(held, now)
                held = []
    except ProviderError as error:
        log.info("%s does not list its events: %s", provider.title, error)
        return
    finally:
        if held:
            await ports.ledger.record_events(held, now)
    await ports.ledger.record_value(name, str(now))


def _named(what: str, provider: Provider) -> str:
    return f"{what} {provider.name}:{provider.account}"
