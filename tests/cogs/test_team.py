"""An application that a team owns: who of it counts as the bot's owner."""

from __future__ import annotations

import pytest

from standins.discord.model import User
from tests.cogs.town import Town

OWNERS_VIEW = "Nothing is waiting."


def own_by_team(town: Town, *others: tuple[User, str, bool]) -> None:
    stranger = town.world.add_user("founder")
    town.app.team = [(town.world.users[stranger.id], "admin", True), *others]
    assert town.process is not None
    town.process.bot.owners = (frozenset(), 0.0)


def account(town: Town, who: str) -> User:
    return town.world.users[getattr(town, who).id]


@pytest.mark.parametrize(
    ("role", "accepted", "owns"),
    [
        ("admin", True, True),
        ("developer", True, True),
        ("read_only", True, False),
        ("admin", False, False),
        ("developer", False, False),
    ],
)
async def test_who_of_a_team_sees_what_concerns_the_whole_account(
    town: Town, role: str, accepted: bool, owns: bool
) -> None:
    await town.sell()
    assert OWNERS_VIEW not in (await town.cleo.run(town.guild, "doctor")).text
    own_by_team(town, (account(town, "cleo"), role, accepted))
    assert (OWNERS_VIEW in (await town.cleo.run(town.guild, "doctor")).text) is owns


async def test_the_team_s_owner_does_and_who_owned_it_before_does_not(town: Town) -> None:
    await town.sell()
    assert OWNERS_VIEW in (await town.ada.run(town.guild, "doctor")).text
    own_by_team(town)
    assert OWNERS_VIEW not in (await town.ada.run(town.guild, "doctor")).text
    town.app.team.insert(0, (account(town, "cleo"), "admin", True))
    town.process.bot.owners = (frozenset(), 0.0)  # type: ignore[union-attr]  # it runs
    assert OWNERS_VIEW in (await town.cleo.run(town.guild, "doctor")).text
    assert town.process is not None
    assert await town.process.ports.roles.fetch_owners() == {member.id for member, _, _ in town.app.team}
