"""/members list and /members export, as an admin sees them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from billing.model import Binding, Plan
from billing.rules.payment_state import PaymentState
from billing.use_cases.member_list import ListedSubscription, ListFilter, load_list_page
from cogs.views.member_csv import COLUMNS, members_csv, safe_cell
from standins.discord.permissions import MANAGE_GUILD
from tests.app.harness import AppHarness
from tests.rules.builders import GUILD, make_plan, make_subscription
from tests.rules.harness import open_harness


async def test_the_list_names_who_pays_by_plan_and_state(app: AppHarness) -> None:
    await app.sell()
    await app.sell("Silver", app.silver)
    await app.buy()
    await app.buy(app.cleo, "Silver")
    every = await app.cleo.run(app.guild, "members list")
    assert every.ephemeral
    assert every.pings == []
    assert f"<@{app.bob.id}>: **Gold**, active, €5.00 a month" in every.text
    assert f"<@{app.cleo.id}>: **Silver**, active" in every.text
    assert every.buttons == []
    silver = await app.cleo.run(app.guild, "members list", {"plan": "Silver"})
    assert f"<@{app.bob.id}>" not in silver.text
    assert f"<@{app.cleo.id}>" in silver.text
    none = await app.cleo.run(app.guild, "members list", {"state": "overdue"})
    assert "No subscription matches." in none.text


async def test_the_pages_of_a_long_list_follow_each_other(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.member_list.PAGE", 1)
    await app.sell()
    await app.buy()
    await app.buy(app.cleo)
    first = await app.cleo.run(app.guild, "members list")
    pages = [first.text]
    assert [b.label for b in first.buttons] == ["Next ›"]
    second = await first.press("Next ›")
    pages.append(second.text)
    both = (app.bob, app.cleo)
    shown = [who for page in pages for who in both if f"<@{who.id}>" in page]
    assert shown == sorted([app.bob, app.cleo], key=lambda who: who.id)
    assert [b.label for b in second.buttons] == ["From the start"]
    staff = next(r for r in app.guild.roles.values() if r.permissions == MANAGE_GUILD)
    app.world.take_role(app.guild, app.cleo, staff)
    assert (await second.press("From the start")).text == "You need the Manage Server permission for this."


async def test_the_export_is_a_file_with_a_line_for_each_subscription(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    sent = await app.cleo.run(app.guild, "members export")
    assert sent.ephemeral
    assert "1 subscription." in sent.text
    (content,) = sent.files.values()
    header, row = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    assert tuple(header) == COLUMNS
    cells = dict(zip(header, row, strict=True))
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert cells["discord_id"] == str(app.bob.id)
    assert (cells["plans"], cells["state"]) == ("Gold", "active")
    assert (cells["amount"], cells["currency"], cells["interval"]) == ("5.00", "EUR", "1 month")
    assert (cells["provider"], cells["subscription_id"]) == ("stripe", own.key.id)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1"])
def test_no_cell_of_the_export_begins_like_a_formula(text: str) -> None:
    plan = Plan(1, GUILD, text, (1,))
    sub = make_subscription(binding=Binding(GUILD, 11))
    out = members_csv([ListedSubscription(sub, (plan,), PaymentState.ACTIVE)])
    _, row = csv.reader(io.StringIO(out, newline=""))
    assert row[1] == f"'{text}"


def test_ordinary_cells_stay_as_they_are() -> None:
    assert [safe_cell(text) for text in ("Gold", "5.00", "a=b", "")] == ["Gold", "5.00", "a=b", ""]


async def test_a_page_never_splits_a_member(tmp_path: Path) -> None:
    async with open_harness(tmp_path / "ledger.db") as world:
        await world.add_plan(make_plan())
        for number, member in enumerate((11, 11, 12, 13)):
            await world.offer(f"sub_{number}", member_id=member)
            await world.ring("subscription", f"sub_{number}")
        await world.settle()
        first, after = await load_list_page(world.ports, GUILD, ListFilter(), 0, 1)
        assert ([one.member_id for one in first], after) == ([11, 11], 11)
        rest, after = await load_list_page(world.ports, GUILD, ListFilter(), 11, 5)
        assert ([one.member_id for one in rest], after) == ([12, 13], None)
