"""The names of servers that Discord no longer tells of."""

from __future__ import annotations

from billing.ports import Ports
from cogs.server_names import ServerNames, value_name
from tests.app.harness import AppHarness, running


async def stored(ports: Ports, guild_id: int) -> str | None:
    return await ports.ledger.load_value(value_name(guild_id))


async def test_a_subscription_names_the_server_that_the_bot_has_left(idle_app: AppHarness) -> None:
    async with running(idle_app):
        await idle_app.sell()
        await idle_app.buy()
    idle_app.world.install_to_user(idle_app.application, idle_app.bob)
    idle_app.world.uninstall(idle_app.application, idle_app.guild)
    async with running(idle_app) as process:
        cog = process.bot.get_cog("ServerNames")
        assert isinstance(cog, ServerNames)
        assert cog._reading is not None
        await cog._reading
        assert "Pottery" in (await idle_app.bob.run(None, "subscriptions")).text
        assert await stored(process.ports, idle_app.guild.id) == '{"name": "Pottery", "icon": null}'
