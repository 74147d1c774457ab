"""Members who join while a test runs."""

from __future__ import annotations

from standins.discord import Person
from tests.app.harness import AppHarness


async def newcomer(app: AppHarness, name: str) -> Person:
    """A further member of the server."""
    who = app.world.add_user(name)
    app.world.add_member(app.guild, who)
    return who
