"""The numbers of /stats equal those of a small model that knows no events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random

from billing.model import Binding, BoundBy, Discount, Item, Status, Subscription, Terms
from billing.model.outbox import EndReason, OutboxBody, OutboxEvent
from billing.rules.stats import DAY, calculate_stats
from billing.rules.subscription_changes import decide_events, decide_unlinked, facts_of
from tests.rules.builders import GRACE, GUILD, MONTH, make_plan, make_price, make_subscription

HISTORIES = 2_000
WHOSE = Binding(GUILD, 11)
PRICES = {
    "price_1": make_price(),
    "price_2": make_price("price_2", "prod_2", amount=3_600, interval="year"),
    "price_3": make_price("price_3", "prod_3", amount=900, currency="usd", interval_count=3),
}
# A month's share of each price, written down by hand.
MONTHLY = {
    "price_1": ("eur", Fraction(500)),
    "price_2": ("eur", Fraction(300)),
    "price_3": ("usd", Fraction(300)),
}
PLANS = [make_plan(number, prices=(price,)) for number, price in enumerate(PRICES.values(), 1)]
OWED = (Status.PAST_DUE, Status.UNPAID)
NEXT = {
    Status.PENDING: (Status.ACTIVE, Status.TRIALING, Status.ENDED),
    Status.TRIALING: (Status.ACTIVE, Status.PAST_DUE, Status.ENDED),
    Status.ACTIVE: (Status.ACTIVE, Status.ACTIVE, Status.PAST_DUE, Status.PAUSED, Status.ENDED),
    Status.PAST_DUE: (Status.ACTIVE, Status.UNPAID, Status.ENDED),
    Status.UNPAID: (Status.ACTIVE, Status.ENDED),
    Status.PAUSED: (Status.ACTIVE, Status.ENDED),
}


@dataclass
class History:
    """The states of some subscriptions with their beginnings, and the events that they led to."""

    seen: list[list[tuple[int, Subscription]]] = field(default_factory=list)
    events: list[OutboxEvent] = field(default_factory=list)

    def add(self, at: int, bodies: Sequence[OutboxBody]) -> None:
        for body in bodies:
            self.events.append(OutboxEvent(len(self.events) + 1, "", at, GUILD, 11, body))

    def at(self, moment: int) -> list[Subscription]:
        """The subscriptions that ran at the end of that moment and belonged to a member."""
        last = [[sub for at, sub in states if at <= moment][-1:] for states in self.seen]
        return [sub for (sub,) in filter(None, last) if runs(sub)]


def runs(sub: Subscription | None) -> bool:
    return sub is not None and sub.binding is not None and sub.status not in (Status.PENDING, Status.ENDED)


def invent(random: Random) -> History:
    history = History()
    for number in range(random.randint(1, 3)):
        at, bound_later = random.randint(0, 20) * DAY, random.random() < 0.3
        sub = make_subscription(f"sub_{number}", random.choice([Status.PENDING, Status.ACTIVE]), at=at)
        sub = replace(sub, binding=None if bound_later else WHOSE)
        history.add(at, decide_events(None, sub, PLANS))
        states = [(at, sub)]
        for _ in range(random.randint(0, 7)):
            at, old = at + random.randint(1, 20) * DAY, sub
            sub = later(random, sub, at)
            if sub is not old:
                unlinks = old.binding is not None and sub.binding is None
                found = decide_unlinked(old, PLANS, 99) if unlinks else decide_events(old, sub, PLANS)
                history.add(at, found)
                states.append((at, sub))
        history.seen.append(states)
    return history


def later(random: Random, sub: Subscription, at: int) -> Subscription:
    """The subscription after something happened to it; itself after nothing did."""
    if sub.status is Status.ENDED:
        return sub
    what = random.choice(["status", "status", "status", "price", "discount", "cancel", "resume", "whose"])
    match what:
        case "status":
            status = random.choice(NEXT[sub.status])
            sub = replace(sub, status=status, unpaid_since=at if status in OWED else None)
            if status is Status.ACTIVE:
                return replace(sub, period_start=at, period_end=at + MONTH, ends_at=None)
            return sub
        case "price" if sub.status is Status.ACTIVE:
            return replace(sub, items=(Item(random.choice(list(PRICES.values()))),))
        case "discount" if sub.status is Status.ACTIVE:
            off = random.choice([(), (Discount("50"),), (Discount("50", once=True),)])
            return replace(sub, terms=Terms(discounts=off))
        case "cancel" | "resume" if sub.status in (Status.ACTIVE, Status.TRIALING):
            return replace(sub, ends_at=sub.period_end if what == "cancel" else None)
        case "whose" if sub.status is not Status.PENDING:
            whose = WHOSE if sub.binding is None else None
            return replace(sub, binding=whose, bound_by=BoundBy.ADMIN if whose else BoundBy.PAGE)
        case _:
            return sub


def revenue(subscriptions: Sequence[Subscription]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for sub in subscriptions:
        if sub.status in (Status.ACTIVE, Status.PAST_DUE):
            currency, amount = MONTHLY[sub.price.id]
            halved = any(not discount.once for discount in sub.terms.discounts)
            found[currency] = found.get(currency, Fraction(0)) + (amount / 2 if halved else amount)
    return found


def moved(history: History, since: int) -> Counter[str]:
    """The movements after a moment, by comparing each state with the one before it."""
    found = Counter[str]()
    for states in history.seen:
        for (_, old), (at, new) in zip([(0, None), *states], states, strict=False):
            if at > since:
                found.update(_between(old, new))
    return found


def _between(old: Subscription | None, new: Subscription) -> list[str]:
    if not runs(old) and runs(new):
        known = old is not None and old.status is not Status.PENDING
        return ["linked" if known else "trials" if new.status is Status.TRIALING else "started"]
    if old is None or not runs(old):
        return []
    if new.binding is None:
        return ["unlinked"]
    if new.status is Status.ENDED:
        return ["unpaid" if old.status in OWED else "wanted"]
    said = ["failed"] if new.status in OWED and old.status not in OWED else []
    said += ["recovered"] if old.status in OWED and new.status is Status.ACTIVE else []
    said += ["stopped"] if old.ends_at is None and new.ends_at is not None else []
    return said + (["resumed"] if old.ends_at is not None and new.ends_at is None else [])


def test_movements_and_the_state_before_equal_an_independent_model_of_2000_histories() -> None:
    for seed in range(HISTORIES):
        random = Random(seed)
        history = invent(random)
        end = max(at for states in history.seen for at, _ in states)
        since = random.randint(0, end)
        events = sorted((e for e in history.events if e.at > since), key=lambda e: (e.at, e.sequence))
        now = [facts_of(sub, PLANS) for sub in history.at(end)]
        stats = calculate_stats(now, events, since, end, GRACE)
        movements = stats.movements
        ended = {"wanted": EndReason.WANTED, "unpaid": EndReason.UNPAID}
        counted = Counter({name: movements.ended[reason] for name, reason in ended.items()})
        names = ("started", "trials", "linked", "unlinked", "stopped", "resumed", "failed", "recovered")
        counted.update({name: getattr(movements, name) for name in names})
        assert +counted == moved(history, since), seed
        assert stats.before == len(history.at(since)), seed
        assert stats.running == len(history.at(end)), seed
        assert stats.running - stats.before == movements.difference
        assert stats.revenue.now == revenue(history.at(end)), seed
        assert stats.revenue.before == revenue(history.at(since)), seed
