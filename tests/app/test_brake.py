"""The admins' view of a brake that is on, and the effect of their decision."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from billing.model import Braked, Notice, Override, OverrideKind
from billing.rules.brake import ASK_AFTER, ASKS_AGAIN, FEWEST
from billing.use_cases.sweep import sweep
from standins.discord import Card, Person
from tests.app.harness import AppHarness

HOUR = 3_600


async def strip(app: AppHarness, number: int = 8) -> list[Person]:
    """So many members had a right until an hour from now, and then it is over for all."""
    plan = await app.sell()
    people = [app.world.add_user(f"member{n}") for n in range(number)]
    now = app.ports.now()
    grant = Override(0, "d", app.guild.id, 0, plan.id, OverrideKind.GRANT, now, now + HOUR, "gift", 1, now)
    for person in people:
        app.world.add_member(app.guild, person)
    grants = [replace(grant, member_id=person.id) for person in people]
    await app.ports.ledger.record_overrides(grants, [], [], now)
    await app.settled()
    assert count(app, people) == number
    await app.turn(HOUR)
    async with asyncio.timeout(20):
        app.changed.clear()
        while await braked(app) < number - FEWEST:
            await app.changed.wait()
            app.changed.clear()
    await app.turn(ASK_AFTER)
    return people


async def braked(app: AppHarness) -> int:
    """How many keep their roles because of it."""
    return (await app.ports.ledger.load_health(app.ports.now())).braked


def count(app: AppHarness, people: list[Person]) -> int:
    """How many have the role."""
    return sum(app.roles(person) == ["Gold"] for person in people)


async def asked(app: AppHarness) -> Card:
    """The notice as the owner has it."""
    return await app.ada.dm_containing("Role removals are paused until you decide")


async def test_the_brakes_notice_says_why_with_numbers(app: AppHarness) -> None:
    people = await strip(app)
    assert count(app, people) == 3
    notice = await asked(app)
    assert "5 of 8 members lost roles" in notice.text
    assert "**3 more** would have followed" in notice.text
    assert "More than 5 in an hour" in notice.text
    assert [(b.label, b.style) for b in notice.buttons] == [
        ("Remove the roles", "danger"),
        ("Keep them for now", "secondary"),
    ]
    assert notice.pings == []


async def test_the_button_to_remove_the_roles_releases_the_brake(app: AppHarness) -> None:
    people = await strip(app)
    notice = await asked(app)
    done = await notice.press("Remove the roles")
    assert "This affects 3 members." in done.text
    await app.settled()
    assert count(app, people) == 0
    assert "no longer open" in (await notice.press("Remove the roles")).text


async def test_the_button_to_keep_the_roles_asks_again_later(app: AppHarness) -> None:
    people = await strip(app)
    notice = await asked(app)
    kept = await notice.press("Keep them for now")
    again = app.ports.now() + ASKS_AGAIN
    assert any(f"<t:{at}:f>" in kept.text for at in range(again - 60, again + 1))
    await app.turn(ASKS_AGAIN + 60)
    await sweep(app.ports)
    await app.settled()
    await app.turn(ASK_AFTER)
    assert count(app, people) == 3
    assert sum("Role removals are paused until you decide" in card.text for card in app.ada.dms) == 2


@pytest.mark.parametrize("label", ["Remove the roles", "Keep them for now"])
async def test_only_admins_decide_about_the_brake(app: AppHarness, label: str) -> None:
    channel = app.guild.channel()
    await app.cleo.run(app.guild, "plans settings", {"notice_channel": channel})
    people = await strip(app)
    notice = await app.cleo.message_containing(channel, "Role removals are paused until you decide")
    denied = await app.bob.look_at(notice).press(label)
    assert denied.text == "You need the Manage Server permission for this."
    await app.settled()
    assert count(app, people) == 3
    assert await app.ports.ledger.load_brake(app.guild.id) is not None
    assert denied.text not in (await notice.press(label)).text


async def test_doctor_shows_the_brake_with_its_buttons(app: AppHarness) -> None:
    people = await strip(app)
    reply = await app.cleo.run(app.guild, "doctor", {"fix": True})
    assert "1 problem to fix" in reply.text
    assert "**Role removals**: Within an hour, 5 of 8 members" in reply.text
    await reply.until(lambda r: bool(r.followups))
    (card,) = reply.followups
    assert "The bot is removing the roles" in (await card.press("Remove the roles")).text
    await app.settled()
    assert count(app, people) == 0
    assert "All is well" in (await app.cleo.run(app.guild, "doctor")).text


async def test_the_buttons_of_an_outdated_brake_notice_say_so(app: AppHarness) -> None:
    """Everybody was found to be paying before it could be told."""
    await app.ports.messenger.tell(Notice("k", app.guild.id, None, Braked(1), 1))
    (note,) = app.ada.dms
    assert "Nothing is on hold any more" in note.text
    assert note.buttons == []


async def test_the_metrics_count_members_held_by_the_brake(app: AppHarness) -> None:
    await strip(app)
    url = f"http://127.0.0.1:{app.port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert "dues_braked_members 3.0" in await answer.text()
