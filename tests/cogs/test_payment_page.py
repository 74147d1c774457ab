"""The payment page says for whom one pays."""

from __future__ import annotations

import aiohttp
import pytest

from tests.cogs.town import Town, link_of

EVIL = "[Pay](https://evil.example) **Mia** \u202e"


async def shown(url: str) -> str:
    async with aiohttp.ClientSession() as browser, browser.get(url) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_stripes_page_names_member_and_server(town: Town) -> None:
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    page = await shown(link_of(reply))
    assert "You pay for bob (@bob) in Pottery on Discord." in page
    await town.buy()
    (bought,) = town.stripe.world.tables["subscription"].values()
    assert bought["description"] == "Gold for bob (@bob) in Pottery"


async def test_names_are_shown_as_plain_text(town: Town) -> None:
    member = town.guild.members[town.bob.id]
    member.nick = EVIL
    town.guild.name = "\u3164" * 20
    town.world.close_guild(town.guild)
    town.world.open_guild(town.guild)
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    page = await shown(link_of(reply))
    said = f"You pay for Pay https evil.example Mia (@bob) in server {town.guild.id} on Discord."
    assert said in page


@pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
async def test_long_names_are_cut_to_what_the_providers_take(town: Town) -> None:
    town.guild.members[town.bob.id].nick = "💛" * 300
    town.guild.name = "W" * 300
    town.world.close_guild(town.guild)
    town.world.open_guild(town.guild)
    assert town.paypal is not None
    plan = town.paypal.add_plan(town.paypal.add_product("Gold"), "5.00")["id"]
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price, "paypal_plan": plan}
    assert "Now on sale" in (await town.ada.run(town.guild, "plans add", options)).text
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert len([button for button in reply.buttons if button.url]) == 2
    (asked,) = town.paypal.world.all("subscription")
    brand = asked.context["brand_name"]
    assert "W" * 20 in brand
    assert "(@bob)" in brand
    assert len(brand.encode("utf-16-le")) // 2 <= 127
