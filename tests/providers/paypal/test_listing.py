"""Looking up what PayPal has, one after another, at a pace that it bears."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import ProviderMisread, ProviderUnavailable
from billing.model import Subscription
from billing.ports import ListPart
from providers.paypal import provider as module
from providers.paypal.mapping import map_subscription
from providers.paypal.provider import PayPalProvider
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from tests.providers.paypal.conftest import provider_at
from tests.providers.paypal.test_provider import buy, sell


async def listed(provider: PayPalProvider, known: list[str]) -> list[str]:
    return [one.key.id async for one in provider.list_subscriptions(known)]


async def test_subscriptions_unknown_to_the_ledger_are_not_listed(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    await buy(fake, provider)
    assert await listed(provider, []) == []


async def test_a_missing_or_unreadable_subscription_is_left_out_of_the_listing(
    fake: PayPalServer,
    provider: PayPalProvider,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan_id = sell(fake)
    ids = [(await buy(fake, provider, plan_id, f"opaque-{n}")).key.id for n in range(3)]

    def odd(data: Any, *args: Any) -> Subscription:
        if data["id"] == ids[1]:
            raise ProviderMisread(detail="subscription.quantity is no number")
        return map_subscription(data, *args)

    monkeypatch.setattr(module, "map_subscription", odd)
    assert sorted(await listed(provider, [*ids, "I-GONE"])) == sorted([ids[0], ids[2]])
    assert ids[1] in caplog.text


async def test_an_interrupted_listing_continues_where_it_stopped(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    plan_id = sell(fake)
    ids = sorted([(await buy(fake, provider, plan_id, f"opaque-{n}")).key.id for n in range(4)])
    listing = provider.list_subscriptions(ids)
    assert [(await anext(listing)).key.id for _ in range(2)] == ids[:2]
    fake.faults.add("status", "/v1/billing/subscriptions", status=429, times=1)
    with pytest.raises(ProviderUnavailable):
        await anext(listing)
    rest = [one.key.id async for one in provider.list_subscriptions(ids, ListPart(after=ids[1]))]
    assert rest == ids[2:]


class Resting(MovableClock):
    """Time passes by resting; `rests` are the seconds of each."""

    def __init__(self) -> None:
        super().__init__()
        self.rests: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.advance(seconds)


async def test_a_listing_waits_out_a_rate_limit_and_continues(fake: PayPalServer) -> None:
    clock = Resting()
    provider = provider_at(fake, clock)
    plan_id = sell(fake)
    ids = sorted([(await buy(fake, provider, plan_id, f"opaque-{n}")).key.id for n in range(3)])
    fake.faults.add("status", ids[1], status=429, times=2, retry_after=30)
    assert await listed(provider, ids) == ids
    assert [round(rest) for rest in clock.rests if rest] == [30, 30]
    fake.faults.add("status", ids[1], status=429, times=None, retry_after=30)
    with pytest.raises(ProviderUnavailable):
        await listed(provider, ids)
    await provider.close()
