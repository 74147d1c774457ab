"""An application that a team owns: who of it counts as the bot's owner."""

from __future__ import annotations

import pytest

from standins.discord.model import User
from tests.app.harness import AppHarness

OWNERS_VIEW = "No work is waiting in the queues."


def own_by_team(app: AppHarness, *others: tuple[User, str, bool]) -> None:
    stranger = app.world.add_user("founder")
    app.application.team = [(app.world.users[stranger.id], "admin", True), *others]
    assert app.process is not None
    app.process.bot.owners = (frozenset(), 0.0)


def account(app: AppHarness, who: str) -> User:
    return app.world.users[getattr(app, who).id]


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
async def test_only_team_members_with_a_role_see_account_findings(
    app: AppHarness, role: str, accepted: bool, owns: bool
) -> None:
    await app.sell()
    assert OWNERS_VIEW not in (await app.cleo.run(app.guild, "doctor")).text
    own_by_team(app, (account(app, "cleo"), role, accepted))
    assert (OWNERS_VIEW in (await app.cleo.run(app.guild, "doctor")).text) is owns


async def test_the_teams_owner_gets_account_notices_and_the_former_owner_does_not(app: AppHarness) -> None:
    await app.sell()
    assert OWNERS_VIEW in (await app.ada.run(app.guild, "doctor")).text
    own_by_team(app)
    assert OWNERS_VIEW not in (await app.ada.run(app.guild, "doctor")).text
    app.application.team.insert(0, (account(app, "cleo"), "admin", True))
    app.process.bot.owners = (frozenset(), 0.0)  # type: ignore[union-attr]  # it runs
    assert OWNERS_VIEW in (await app.cleo.run(app.guild, "doctor")).text
    assert app.process is not None
    assert await app.process.ports.roles.fetch_owners() == {
        member.id for member, _, _ in app.application.team
    }
