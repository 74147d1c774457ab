"""The stage in another language: what the sandbox shows with LOCALE=de."""

from __future__ import annotations

from sandbox.stage import open_stage


async def test_the_shop_opens_and_sells_in_german() -> None:
    async with open_stage(locale="de") as stage:
        await stage.open_shop()
        sale = await stage.mia.run(stage.general, "subscribe", {"plan": "Gold"})
        assert "5,00\xa0€ pro Monat" in sale.text
        own = await stage.mia.run(stage.general, "subscriptions")
        assert "Abo" in own.text
