"""The way to the provider's own page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from billing.errors import NotFound, ProviderError, ProviderUnavailable
from billing.model import GuildSettings, Subscription
from billing.ports import PortalOptions
from billing.use_cases.manage import manage_link
from tests.rules.builders import (
    GUILD,
    MEMBER,
    OTHER_MEMBER,
    make_key,
    make_plan,
    make_price,
    make_subscription,
)
from tests.rules.harness import RulesHarness


async def test_manage_links_to_the_callers_customer_with_a_new_link_each_time(paying: RulesHarness) -> None:
    links = [await manage_link(paying.ports, MEMBER, make_key()) for _ in range(2)]
    assert all("cus_1" in link for link in links)
    assert links[0] != links[1]


@pytest.mark.parametrize("name", ["sub_1", "none"])
async def test_a_member_cannot_open_anothers_billing_page(paying: RulesHarness, name: str) -> None:
    with pytest.raises(NotFound):
        await manage_link(paying.ports, OTHER_MEMBER, make_key(name))
    assert paying.provider.count("manage_link") == 0


async def test_an_unowned_subscription_has_no_billing_page(world: RulesHarness) -> None:
    await world.change(make_subscription(at=world.now))
    with pytest.raises(NotFound):
        await manage_link(world.ports, MEMBER, make_key())


async def test_the_billing_page_follows_the_servers_settings(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plans to switch to are those on sale at this very account."""
    await paying.add_plan(replace(make_plan(2, prices=(make_price("hidden", "x"),)), hidden=True))
    await paying.add_plan(make_plan(3, prices=(replace(make_price("live", "x"), account="live"),)))
    settings = GuildSettings(GUILD, terms_url="https://terms.example", plan_switching=True)
    await paying.ledger.record_guild_settings(settings, "admin", paying.now)
    orders: list[PortalOptions] = []

    async def remember(_: Subscription, options: PortalOptions) -> str:
        orders.append(options)
        return "https://portal.example"

    monkeypatch.setattr(paying.provider, "manage_link", remember)
    await manage_link(paying.ports, MEMBER, make_key())
    assert orders == [PortalOptions(settings, (make_price(),), "http://dues.example/return?from=portal")]


async def test_the_billing_link_is_never_stored(paying: RulesHarness, tmp_path: Path) -> None:
    link = await manage_link(paying.ports, MEMBER, make_key())
    await paying.settle()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"cus_1" in stored
    assert link.encode() not in stored


@pytest.mark.parametrize("off", [True, False])
async def test_manage_says_that_the_provider_does_not_answer(paying: RulesHarness, *, off: bool) -> None:
    changes: dict[str, Any] = {"providers": {}} if off else {}
    paying.provider.fail("manage_link", ProviderUnavailable())
    with pytest.raises(ProviderError, match=r"error.not_connected" if off else r"error.provider_unavailable"):
        await manage_link(replace(paying.ports, **changes), MEMBER, make_key())
