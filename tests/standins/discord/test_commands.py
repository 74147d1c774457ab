"""Registering application commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from standins.discord import DiscordServer
from tests.standins.discord.conftest import TOKEN, DiscordScene
from tests.standins.discord.small_bot import SmallBot

Request = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def commands(scene: DiscordScene, server: DiscordServer) -> AsyncIterator[Request]:
    """Requests below /applications/{own id}."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {TOKEN}"}) as session:

        async def send(method: str, body: Any = None, path: str = "/commands") -> tuple[int, Any]:
            url = f"{server.rest_url}/applications/{scene.app.id}{path}"
            async with session.request(method, url, json=body) as response:
                return response.status, None if response.status == 204 else await response.json()

        yield send


def command(name: str = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "d", "type": 1} | more


def option(name: str = "o", kind: int = 3, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "d", "type": kind} | more


async def test_a_real_bots_commands_are_stored(scene: DiscordScene, bot: SmallBot) -> None:
    fetched = {found.name: found for found in await bot.tree.fetch_commands()}
    assert set(fetched) == {"hello", "slow", "card", "choose", "pick", "silent", "plans"}
    plans = fetched["plans"].default_member_permissions
    assert plans is not None
    assert plans.manage_guild


async def test_a_command_keeps_its_id_and_changes_its_version(commands: Request) -> None:
    _, (first, other) = await commands("PUT", [command(), command("y")])
    _, (again,) = await commands("PUT", [command()])
    assert (again["id"], again["version"]) == (first["id"], first["version"])
    _, (changed,) = await commands("PUT", [command(description="new")])
    assert changed["id"] == first["id"]
    assert changed["version"] != first["version"]
    _, (stored,) = await commands("GET")
    assert (stored["id"], stored["version"]) == (changed["id"], changed["version"])
    assert (await commands("GET", path=f"/commands/{other['id']}"))[1]["code"] == 10063


async def test_a_command_is_created_and_deleted(commands: Request) -> None:
    status, made = await commands("POST", command())
    assert status == 201
    status, same = await commands("POST", command())
    assert (status, same["id"]) == (200, made["id"])
    assert await commands("DELETE", path=f"/commands/{made['id']}") == (204, None)
    assert await commands("GET") == (200, [])


async def test_a_server_command_is_offered_only_in_its_server(scene: DiscordScene, commands: Request) -> None:
    path = f"/guilds/{scene.guild.id}/commands"
    await commands("PUT", [command("here")], path)
    assert [found["name"] for found in scene.bob.commands(scene.guild)] == ["here"]
    assert scene.bob.commands(None) == []
    elsewhere = scene.world.add_guild("Elsewhere", scene.owner)
    assert (await commands("PUT", [], f"/guilds/{elsewhere.id}/commands"))[1]["code"] == 50001


async def test_a_command_without_contexts_is_offered_in_servers_and_the_bots_dms(
    scene: DiscordScene, commands: Request
) -> None:
    await commands(
        "PUT", [command("both"), command("no_dm", dm_permission=False), command("dm", contexts=[1])]
    )
    assert [found["name"] for found in scene.bob.commands(scene.guild)] == ["both", "no_dm"]
    assert [found["name"] for found in scene.bob.commands(None)] == ["both", "dm"]


@pytest.mark.parametrize(
    "bad",
    [
        command("X"),
        command("a b"),
        command("x" * 33),
        command(""),
        command(description=""),
        command(description="x" * 101),
        command(options=[option(str(number)) for number in range(26)]),
        command(options=[option(), option()]),
        command(options=[option("a"), option("b", required=True)]),
        command(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(26)])]),
        command(options=[option(autocomplete=True, choices=[{"name": "a", "value": "a"}])]),
        command(options=[option("g", 2, options=[option("g", 2, options=[option("s", 1)])])]),
        command(options=[option("s", 1, options=[option("s", 1)])]),
        command(options=[option("o", 3, options=[option()])]),
        command(options=[option("o", 12)]),
        command(options=[option(str(n), description="d" * 100, choices=BIG) for n in range(3)])
        if (BIG := [{"name": "n" * 100, "value": "v" * 50} for _ in range(25)])
        else {},
    ],
)
async def test_an_invalid_command_is_refused(commands: Request, bad: dict[str, Any]) -> None:
    status, body = await commands("PUT", [bad])
    assert (status, body["code"]) == (400, 50035)
    assert await commands("GET") == (200, [])


async def test_too_many_or_duplicate_commands_are_refused(commands: Request) -> None:
    status, body = await commands("PUT", [command(f"c{number}") for number in range(101)])
    assert (status, body["code"]) == (400, 30032)
    assert (await commands("PUT", [command(), command()]))[1]["code"] == 50035


async def test_another_applications_commands_are_not_touched(scene: DiscordScene, commands: Request) -> None:
    other = scene.world.add_application("other.token", name="Other")
    status, body = await commands("GET", path=f"/../{other.id}/commands")
    assert (status, body["code"]) == (403, 20012)


async def test_a_client_in_german_shows_german_descriptions_and_choices(
    scene: DiscordScene, commands: Request
) -> None:
    choice = {"name": "now", "name_localizations": {"de": "sofort"}, "value": "now"}
    when = option("when", choices=[choice], description_localizations={"de": "wann"})
    body = command(options=[when], description_localizations={"de": "beenden"})
    await commands("POST", body)
    german = scene.world.add_user("Eva", locale="de")
    scene.world.add_member(scene.guild, german)
    for person, words in ((german, ("beenden", "wann", "sofort")), (scene.bob, ("d", "d", "now"))):
        (shown,) = person.commands(scene.guild)
        (shown_option,) = shown["options"]
        (shown_choice,) = shown_option["choices"]
        assert (shown["description"], shown_option["description"], shown_choice["name"]) == words
        assert shown_choice["value"] == "now"
