"""What admins see of a brake that is on, and what their buttons do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from billing.model import Braked, Notice, Override, OverrideKind
from billing.rules.brake import ASK_AFTER, ASKS_AGAIN, FEWEST
from billing.use_cases.sweep import sweep
from standins.discord import Card, Person
from tests.cogs.town import Town

HOUR = 3_600


async def strip(town: Town, number: int = 8) -> list[Person]:
    """So many members had a right until an hour from now, and then it is over for all."""
    plan = await town.sell()
    people = [town.world.add_user(f"member{n}") for n in range(number)]
    now = town.ports.now()
    grant = Override(0, "d", town.guild.id, 0, plan.id, OverrideKind.GRANT, now, now + HOUR, "gift", 1, now)
    for person in people:
        town.world.add_member(town.guild, person)
    grants = [replace(grant, member_id=person.id) for person in people]
    await town.ports.ledger.record_overrides(grants, [], [], now)
    await town.settled()
    assert count(town, people) == number
    await town.turn(HOUR)
    async with asyncio.timeout(20):
        town.changed.clear()
        while await braked(town) < number - FEWEST:
            await town.changed.wait()
            town.changed.clear()
    await town.turn(ASK_AFTER)
    return people


async def braked(town: Town) -> int:
    """How many keep their roles because of it."""
    return (await town.ports.ledger.load_health(town.ports.now())).braked


def count(town: Town, people: list[Person]) -> int:
    """How many have the role."""
    return sum(town.roles(person) == ["Gold"] for person in people)


async def asked(town: Town) -> Card:
    """The notice as the owner has it."""
    return await town.ada.dm_containing("Roles stay until you decide")


async def test_the_notice_says_why_with_numbers(town: Town) -> None:
    people = await strip(town)
    assert count(town, people) == 3
    notice = await asked(town)
    assert "5 of 8 members lost roles" in notice.text
    assert "**3 more** would follow" in notice.text
    assert "More than 5 at once" in notice.text
    assert [(b.label, b.style) for b in notice.buttons] == [
        ("Take the roles", "danger"),
        ("Keep them for now", "secondary"),
    ]
    assert notice.pings == []


async def test_take_the_roles(town: Town) -> None:
    people = await strip(town)
    notice = await asked(town)
    done = await notice.press("Take the roles")
    assert "Of 3 members" in done.text
    await town.settled()
    assert count(town, people) == 0
    assert "no longer open" in (await notice.press("Take the roles")).text


async def test_keep_them_for_now(town: Town) -> None:
    people = await strip(town)
    notice = await asked(town)
    kept = await notice.press("Keep them for now")
    again = town.ports.now() + ASKS_AGAIN
    assert any(f"<t:{at}:f>" in kept.text for at in range(again - 60, again + 1))
    await town.turn(ASKS_AGAIN + 60)
    await sweep(town.ports)
    await town.settled()
    await town.turn(ASK_AFTER)
    assert count(town, people) == 3
    assert sum("Roles stay until you decide" in card.text for card in town.ada.dms) == 2


@pytest.mark.parametrize("label", ["Take the roles", "Keep them for now"])
async def test_only_who_manages_the_server_decides(town: Town, label: str) -> None:
    channel = town.guild.channel()
    await town.cleo.run(town.guild, "plans settings", {"notice_channel": channel})
    people = await strip(town)
    notice = await town.cleo.message_containing(channel, "Roles stay until you decide")
    denied = await town.bob.look_at(notice).press(label)
    assert denied.text == "You need the Manage Server permission for this."
    await town.settled()
    assert count(town, people) == 3
    assert await town.ports.ledger.load_brake(town.guild.id) is not None
    assert denied.text not in (await notice.press(label)).text


async def test_the_doctor_shows_it_and_has_the_buttons(town: Town) -> None:
    people = await strip(town)
    reply = await town.cleo.run(town.guild, "doctor", {"fix": True})
    assert "1 to mend" in reply.text
    assert "**Brake**: Within an hour 5 of 8 members" in reply.text
    await reply.until(lambda r: bool(r.followups))
    (card,) = reply.followups
    assert "The roles go now" in (await card.press("Take the roles")).text
    await town.settled()
    assert count(town, people) == 0
    assert "All is well" in (await town.cleo.run(town.guild, "doctor")).text


async def test_a_notice_that_comes_too_late_says_so(town: Town) -> None:
    """Everybody was found to be paying before it could be told."""
    await town.ports.messenger.tell(Notice("k", town.guild.id, None, Braked(1), 1))
    (note,) = town.ada.dms
    assert "Nothing is held back any more" in note.text
    assert note.buttons == []


async def test_the_metrics_count_those_who_are_kept(town: Town) -> None:
    await strip(town)
    url = f"http://127.0.0.1:{town.port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert "dues_braked_members 3.0" in await answer.text()
