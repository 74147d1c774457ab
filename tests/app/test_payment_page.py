"""The payment page says for whom one pays."""

from __future__ import annotations

import html

import aiohttp
import pytest

from tests.app.harness import AppHarness, link_of

EVIL = "[Pay](https://evil.example) **Mia** \u202e"


async def shown(url: str) -> str:
    async with aiohttp.ClientSession() as browser, browser.get(url) as answer:
        assert answer.status == 200
        return html.unescape(await answer.text())


async def test_stripes_page_names_member_and_server(app: AppHarness) -> None:
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    page = await shown(link_of(reply))
    assert "You're paying for bob (@bob) in Pottery on Discord." in page
    await app.buy()
    (bought,) = app.stripe.world.tables["subscription"].values()
    assert bought["description"] == "Gold for bob (@bob) in Pottery"


async def test_names_are_shown_as_plain_text(app: AppHarness) -> None:
    member = app.guild.members[app.bob.id]
    member.nick = EVIL
    app.guild.name = "\u3164" * 20
    app.world.close_guild(app.guild)
    app.world.open_guild(app.guild)
    await app.sell()
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    page = await shown(link_of(reply))
    said = f"You're paying for Pay https evil.example Mia (@bob) in server {app.guild.id} on Discord."
    assert said in page


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
async def test_long_names_are_cut_to_what_the_providers_take(app: AppHarness) -> None:
    app.guild.members[app.bob.id].nick = "💛" * 300
    app.guild.name = "W" * 300
    app.world.close_guild(app.guild)
    app.world.open_guild(app.guild)
    assert app.paypal is not None
    plan = app.paypal.add_plan(app.paypal.add_product("Gold"), "5.00")["id"]
    options = {"name": "Gold", "role": app.gold, "stripe_price": app.price, "paypal_plan": plan}
    assert "Now on sale" in (await app.ada.run(app.guild, "plans add", options)).text
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert len([button for button in reply.buttons if button.url]) == 2
    (asked,) = app.paypal.world.all("subscription")
    brand = asked.context["brand_name"]
    assert "W" * 20 in brand
    assert "(@bob)" in brand
    assert len(brand.encode("utf-16-le")) // 2 <= 127
