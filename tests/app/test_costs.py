"""The calls caused by each kind of event and each sweep match the table in docs/operations.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from billing.model import SubscriptionKey
from billing.use_cases.plans import PlanUpdate, edit_plan
from billing.use_cases.sweep import sweep
from providers.paypal import setup as paypal_setup
from providers.stripe import setup as stripe_setup
from standins.discord import Person, Reply
from standins.paypal import PayPalServer
from standins.paypal.api import Exchange as PayPalExchange
from standins.stripe import StripeServer
from standins.stripe.api import Exchange as StripeExchange
from standins.stripe.subscriptions import pause, resume
from tests.app.harness import DAY, MONTH, AppHarness, running

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| ([^|]+) \| ?(\d*) \| ?(\d*) \| ?(\d*) \| ?(\d*) \|$", re.MULTILINE)
COSTS = {what.strip(): calls for what, *calls in ROW.findall(PAGE.read_text())}
NEVER = 1e9
LISTS = (StripeExchange, PayPalExchange)


class Bill:
    """Counts the calls caused by one event after another at one provider."""

    def __init__(self, app: AppHarness, server: StripeServer | PayPalServer) -> None:
        self.app, self.server = app, server
        self.name = "stripe" if isinstance(server, StripeServer) else "paypal"
        self.counted: set[str] = set()

    async def of(self, what: str, act: Callable[[], object] | None = None, seconds: float = 0) -> None:
        """Do something, let the time pass, and compare the calls with the page."""
        self.server.exchanges.clear()
        before, faults = self.app.discord.calls.copy(), self.server.delivery_faults
        faults.hold = True
        found = act() if act else None
        if isinstance(found, Awaitable):
            await found
        await self.app.turn(seconds)
        while faults.held:
            held = faults.held.pop(0)
            held.state = "delivered"
            self.server.resend(held.event["id"])
            await self.app.settled()
        faults.hold = False
        self._check(what, self.app.discord.calls - before)

    def _check(self, what: str, discord: Counter[str]) -> None:
        """Assert that there are no more calls than the page says, and some if it says any: events that
        come due during a fetch share it. Messages to people do not count, and neither do PayPal's two
        sign-ins a day."""
        asked = [f"{one.method} {one.path}" for one in self.server.exchanges if "oauth2" not in one.path]
        roles = {call: many for call, many in discord.items() if "/members/" in call}
        column = 2 * (self.name == "paypal")
        for found, said in zip((len(asked), sum(roles.values())), COSTS[what][column:], strict=False):
            assert bool(int(said)) <= found <= int(said), (what, asked, roles)
        self.counted.add(what)

    def check_all(self) -> None:
        """Assert that every row of the page was checked."""
        column = 2 * (self.name == "paypal")
        assert self.counted == {what for what, calls in COSTS.items() if calls[column]}

    async def running_of(self, who: Person) -> SubscriptionKey:
        """The member's current subscription."""
        owned = await self.app.ports.ledger.load_subscriptions_of(who.id)
        (key,) = [one.key for one in owned if one.status != "ended"]
        return key

    async def revoke(self, who: Person, **options: object) -> None:
        """Ada revokes and confirms."""
        asked = await self.app.ada.run(self.app.guild, "revoke", {"member": who.user, **options})
        await asked.press("Revoke access")

    async def cancel(self, who: Person) -> Reply:
        """A member cancels."""
        asked = await who.run(self.app.guild, "cancel")
        return await asked.press("Cancel subscription")

    async def take_a_role(self, who: Person) -> None:
        """Somebody takes a role by hand, and a sweep runs."""
        self.app.world.take_role(self.app.guild, who, self.app.gold)
        self.app.clock.advance(60)
        await sweep(self.app.ports)
        await self.app.settled()
        assert "Gold" in self.app.roles(who)


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    """An app set up as the pages describe. Only the first sweep runs, whose last call is about disputes."""
    feed = (idle_app.paypal or idle_app.stripe).subscribe()
    for hook in idle_app.stripe.world.all("webhook_endpoint"):
        hook["enabled_events"] = list(stripe_setup.EVENTS)
    if idle_app.paypal is not None:
        for hook in idle_app.paypal.world.all("webhook"):
            hook["event_types"] = [{"name": name} for name in paypal_setup.EVENTS]
    async with running(idle_app, sweeps=NEVER):
        while not (isinstance(found := (await feed.get())[1], LISTS) and found.path.endswith("/disputes")):
            pass
        await idle_app.sell()
        yield idle_app


async def test_each_stripe_event_causes_the_documented_number_of_calls(app: AppHarness) -> None:
    stripe, bill = app.stripe, Bill(app, app.stripe)
    by_hand = stripe.dashboard
    await bill.of("first payment, the page opened by /subscribe", app.buy)
    bought = (await bill.running_of(app.bob)).id
    await bill.of("renewal", seconds=MONTH)
    await bill.of("a payment fails", by_hand.fail_next_payment, MONTH)
    await bill.of("it succeeds after all", seconds=5 * DAY)
    await bill.of("a dispute is opened", lambda: by_hand.dispute(by_hand.last_charge(bought)["id"]))
    (dispute,) = stripe.world.all("dispute")
    await bill.of("a dispute is won", lambda: by_hand.win(dispute["id"]))
    await app.turn(MONTH)
    await bill.of("a payment is refunded", lambda: by_hand.refund(by_hand.last_charge(bought)["id"]))
    await bill.of("the collection of payments is paused", lambda: by_hand.pause(bought))
    await bill.of("the collection goes on", lambda: by_hand.unpause(bought))
    await bill.of("the subscription itself is paused", lambda: pause(stripe.world, {}, bought))
    await bill.of("it is resumed", lambda: resume(stripe.world, {}, bought))
    silver = await app.sell("Silver", app.silver)
    await bill.of("the plan is switched", lambda: by_hand.change_price(bought, silver.prices[0].id))
    assert app.roles() == ["Silver"]
    await bill.of("cancelled at the provider, to the end", lambda: by_hand.cancel_at_period_end(bought))
    await bill.of("the paid period ends", seconds=MONTH + DAY)
    await _ends_at_stripe(app, bill)
    bill.check_all()


async def _ends_at_stripe(app: AppHarness, bill: Bill) -> None:
    stripe, by_hand = app.stripe, app.stripe.dashboard
    await app.buy()
    await bill.of("/cancel", lambda: bill.cancel(app.bob))
    bought = (await bill.running_of(app.bob)).id
    await bill.of("cancelled at the provider, at once", lambda: by_hand.cancel_now(bought))
    await app.buy()
    await bill.of("/revoke", lambda: bill.revoke(app.bob))
    await app.buy(app.ada)
    back = {"when": "now", "refund": "last_payment"}
    await bill.of("/revoke, now and with a refund", lambda: bill.revoke(app.ada, **back))
    await app.buy(app.cleo)
    await bill.of("a role is taken by hand, found by the sweep", lambda: bill.take_a_role(app.cleo))
    charge = by_hand.last_charge((await bill.running_of(app.cleo)).id)
    dispute = by_hand.dispute(charge["id"])
    await app.settled()
    await bill.of("a dispute is lost", lambda: by_hand.lose(dispute["id"]))
    assert stripe.world.get("dispute", dispute["id"])["status"] == "lost"
    assert "Gold" not in app.roles(app.cleo)


async def test_a_sweep_without_changes_only_fetches_stripes_lists(app: AppHarness) -> None:
    for who in (app.ada, app.bob, app.cleo):
        await app.buy(who)
    app.stripe.exchanges.clear()
    before = app.discord.calls.copy()
    for _ in range(3):
        app.clock.advance(60)
        assert await sweep(app.ports) == []
        await app.settled()
    asked = [(e.method, e.path) for e in app.stripe.exchanges]
    assert sorted(asked) == sorted([("GET", path) for path in ("/v1/subscriptions", "/v1/disputes")] * 3)
    assert app.discord.calls - before == {"gateway members": 3}


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
async def test_each_paypal_event_causes_the_documented_number_of_calls(app: AppHarness) -> None:
    paypal = await _sell_through_paypal(app)
    bill, by_hand = Bill(app, paypal), paypal.dashboard
    await bill.of("first payment, the page opened by /subscribe", lambda: _buy(app, app.bob))
    bought = (await bill.running_of(app.bob)).id
    await bill.of("renewal", seconds=MONTH)
    await bill.of("a payment fails", by_hand.fail_next_payment, MONTH)
    await bill.of("it succeeds after all", seconds=6 * DAY)
    await bill.of("a dispute is opened", lambda: by_hand.dispute(by_hand.last_sale(bought).id))
    (dispute,) = paypal.world.all("dispute")
    await bill.of("a dispute is won", lambda: by_hand.win(dispute["dispute_id"]))
    await bill.of("a payment is refunded", lambda: by_hand.refund(by_hand.last_sale(bought).id))
    await bill.of("the subscription itself is paused", lambda: by_hand.suspend(bought))
    await bill.of("it is resumed", lambda: by_hand.activate(bought))
    await bill.of("cancelled at the provider, to the end", lambda: by_hand.cancel(bought))
    await bill.of("the paid period ends", seconds=2 * MONTH)
    assert app.roles() == []
    await _ends_at_paypal(app, bill)
    bill.check_all()


async def _ends_at_paypal(app: AppHarness, bill: Bill) -> None:
    assert isinstance(bill.server, PayPalServer)
    by_hand = bill.server.dashboard
    await _buy(app, app.bob)
    await bill.of("/cancel", lambda: bill.cancel(app.bob))
    await _buy(app, app.ada)
    await bill.of("/revoke", lambda: bill.revoke(app.ada))
    await _buy(app, app.cleo)
    sale = by_hand.last_sale((await bill.running_of(app.cleo)).id)
    await bill.of("a payment is taken back without a dispute", lambda: by_hand.reverse(sale.id))
    dora = app.world.add_user("dora")
    app.world.add_member(app.guild, dora)
    await _buy(app, dora)
    back = {"when": "now", "refund": "last_payment"}
    await bill.of("/revoke, now and with a refund", lambda: bill.revoke(dora, **back))
    emil = app.world.add_user("emil")
    app.world.add_member(app.guild, emil)
    await _buy(app, emil)
    dispute = by_hand.dispute(by_hand.last_sale((await bill.running_of(emil)).id).id)
    await app.settled()
    await bill.of("a dispute is lost", lambda: by_hand.lose(dispute["dispute_id"]))


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
async def test_a_sweep_fetches_each_running_paypal_subscription(app: AppHarness) -> None:
    """A few a second, because PayPal has no list of them."""
    paypal = await _sell_through_paypal(app)
    for who in (app.ada, app.bob, app.cleo):
        await _buy(app, who)
    (own,) = await app.ports.ledger.load_subscriptions_of(app.cleo.id)
    paypal.dashboard.cancel(own.key.id)
    await app.settled()
    paypal.exchanges.clear()
    before = app.discord.calls.copy()
    app.clock.advance(60)
    assert await sweep(app.ports) == []
    await app.settled()
    asked = Counter(one.path.rsplit("/", 1)[0] for one in paypal.exchanges if "oauth2" not in one.path)
    assert asked == {"/v1/billing/subscriptions": 2, "/v1/customer": 1}
    assert app.discord.calls - before == {"gateway members": 1}


async def _sell_through_paypal(app: AppHarness) -> PayPalServer:
    assert app.paypal is not None
    sold = app.paypal.add_plan(app.paypal.add_product("Gold"), "5.00")["id"]
    (plan,) = await app.ports.ledger.load_plans(app.guild.id)
    await edit_plan(app.ports, plan.guild_id, plan.id, PlanUpdate(price_ids={"paypal": sold}), app.ada.id)
    return app.paypal


async def _buy(app: AppHarness, who: Person) -> None:
    reply = await who.run(app.guild, "subscribe", {"plan": "Gold"})
    (link,) = [button.url for button in reply.buttons if button.url and "PayPal" in button.label]
    assert app.paypal is not None
    app.paypal.approve(link)
    await app.settled()
