"""An import links what its preview showed, goes on after an interruption, and can be undone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import Conflict, NotAllowed, ProviderUnavailable
from billing.model import Binding, BoundBy, Braked, Claim
from billing.model.imports import Import, RowState
from billing.rules.member_import import Line, Sorted
from billing.use_cases.import_members import UNDOABLE, VALID, apply_import, preview, undo_import
from tests.rules.builders import (
    ADMIN,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    ROLE,
    SECOND_ROLE,
    make_key,
    make_plan,
    make_price,
    make_subscription,
)
from tests.rules.harness import RulesHarness

FIRST = 1_000


async def told(made: Import) -> None:
    """Progress that nobody looks at."""


async def add(world: RulesHarness, many: int, start: int = 0) -> list[Line]:
    """Subscriptions from before the bot, each of another member and customer, and their rows."""
    for n in range(start, start + many):
        sub = make_subscription(f"sub_{n}", at=world.now)
        world.provider.subscriptions[f"sub_{n}"] = replace(sub, customer_id=f"cus_{n}", binding=None)
    return [Line(n + 2, str(FIRST + n), f"sub_{n}") for n in range(start, start + many)]


async def applied(world: RulesHarness, import_id: int | None) -> Import:
    assert import_id is not None
    done = await apply_import(world.ports, GUILD, import_id, ADMIN, told, owner=False)
    await world.settle()
    return done


async def test_300_mixed_subscriptions_come_over_and_are_undone(world: RulesHarness) -> None:
    await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
    await world.subscribe("sub_bought")
    lines = await add(world, 300)
    world.roles.gone.add((GUILD, FIRST + 7))
    world.roles_of(FIRST + 8).add(SECOND_ROLE)
    mixed = [
        *lines[:200],
        Line(900, str(MEMBER), "sub_bought"),
        Line(901, str(FIRST), "sub_bought"),
        Line(902, str(FIRST), "sub_lost"),
        *lines[200:],
        Line(903, "1E+17", "sub_1"),
        Line(904, str(FIRST + 1), "sub_1"),
    ]
    made = await preview(world.ports, GUILD, mixed, ADMIN, owner=False)
    kinds = (Sorted.LINKS, Sorted.ABSENT, Sorted.CONTRADICTED, Sorted.NOT_FOUND, Sorted.REPEATED)
    assert [len(made.of(kind)) for kind in (*kinds, Sorted.MALFORMED)] == [299, 1, 2, 1, 1, 1]
    assert world.holders() == 1, "a preview gives nothing"
    done = await applied(world, made.import_id)
    assert done.counts == {RowState.LINKED: 299}
    assert world.holders() == 300
    found = await world.recorded("sub_5")
    assert (found.binding, found.bound_by) == (Binding(GUILD, FIRST + 5), BoundBy.ADMIN)
    assert (await applied(world, made.import_id)).counts == {RowState.LINKED: 299}
    again = await preview(world.ports, GUILD, lines, ADMIN, owner=False)
    assert len(again.of(Sorted.ALREADY)) == 299
    undone = await undo_import(world.ports, GUILD, done.id, ADMIN, told)
    await world.settle()
    assert undone.counts == {RowState.UNDONE: 299}
    assert world.said(Braked) == [], "the brake holds nothing that an admin undid"
    assert world.roles_of(MEMBER) == {ROLE, SECOND_ROLE}
    assert world.holders() == 1
    assert world.roles_of(FIRST + 8) == {SECOND_ROLE}, "it was theirs before"


async def test_an_interrupted_import_goes_on_and_is_undone_as_a_whole(world: RulesHarness) -> None:
    await world.add_plan()
    lines = await add(world, 3)
    made = await preview(world.ports, GUILD, lines, ADMIN, owner=False)
    assert made.import_id is not None
    record, calls = world.ledger.record_import_row, 0

    async def crash(import_id: int, row: object, at: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:  # the second row is linked, and nothing says so yet
            raise ProviderUnavailable
        await record(import_id, row, at)  # type: ignore[arg-type]  # it passes the row on

    world.ledger.record_import_row = crash  # type: ignore[method-assign]  # stands for a crash
    with pytest.raises(ProviderUnavailable):
        await applied(world, made.import_id)
    world.ledger.record_import_row = record  # type: ignore[method-assign]  # the restart
    assert (await applied(world, made.import_id)).counts == {RowState.LINKED: 3}
    await undo_import(world.ports, GUILD, made.import_id, ADMIN, told)
    await world.settle()
    assert world.holders() == 0
    with pytest.raises(Conflict):
        await applied(world, made.import_id)


async def test_previews_expire_and_imports_can_be_undone_for_seven_days(world: RulesHarness) -> None:
    await world.add_plan()
    first = await preview(world.ports, GUILD, await add(world, 2), ADMIN, owner=False)
    world.clock.advance(VALID + 1)
    with pytest.raises(Conflict):
        await applied(world, first.import_id)
    second = await preview(world.ports, GUILD, await add(world, 2), ADMIN, owner=False)
    with pytest.raises(Conflict):
        await applied(world, first.import_id)
    done = await applied(world, second.import_id)
    world.clock.advance(UNDOABLE + 1)
    with pytest.raises(Conflict):
        await undo_import(world.ports, GUILD, done.id, ADMIN, told)
    assert world.holders() == 2


async def test_another_server_can_neither_apply_nor_undo_an_import(world: RulesHarness) -> None:
    await world.add_plan()
    made = await preview(world.ports, GUILD, await add(world, 1), ADMIN, owner=False)
    assert made.import_id is not None
    with pytest.raises(Conflict):
        await apply_import(world.ports, OTHER_GUILD, made.import_id, ADMIN, told, owner=True)
    await applied(world, made.import_id)
    with pytest.raises(Conflict):
        await undo_import(world.ports, OTHER_GUILD, made.import_id, ADMIN, told)
    assert world.holders() == 1


async def test_only_the_owner_imports_if_servers_share_the_account(world: RulesHarness) -> None:
    await world.add_plan()
    await world.add_plan(
        replace(make_plan(2, 900, prices=(make_price("price_2", "prod_2"),)), guild_id=OTHER_GUILD)
    )
    lines = await add(world, 1)
    with pytest.raises(NotAllowed):
        await preview(world.ports, GUILD, lines, ADMIN, owner=False)
    assert (await preview(world.ports, GUILD, lines, ADMIN, owner=True)).of(Sorted.LINKS)


async def test_without_a_file_the_accounts_own_metadata_is_read(world: RulesHarness) -> None:
    await world.add_plan()
    await add(world, 3)
    claims = {"sub_0": Claim(FIRST, GUILD), "sub_1": Claim(FIRST + 1, OTHER_GUILD), "sub_2": None}
    for name, claim in claims.items():
        sub = world.provider.subscriptions[name]
        world.provider.subscriptions[name] = replace(sub, claim=claim)
    made = await preview(world.ports, GUILD, None, ADMIN, owner=False)
    assert [(each.key, each.kind) for each in made.lines] == [(make_key("sub_0"), Sorted.LINKS)]
