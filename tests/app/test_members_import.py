"""/members import over Discord: a file, a preview, its buttons, and presses that nobody was shown."""

from __future__ import annotations

from standins.discord import Reply
from tests.app.forged_presses import press
from tests.app.harness import AppHarness
from tests.app.test_members_link import foreign


async def send(app: AppHarness, text: str) -> Reply:
    return await app.ada.run(app.guild, "members import", {"file": ("list.csv", text.encode())})


async def test_a_file_is_previewed_applied_and_undone(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    rows = "".join(f"{app.cleo.id},sub_x{n}\n" for n in range(11))
    shown = await send(app, f"discord id,subscription id\n{app.bob.id},{name}\n{rows}")
    assert f"<@{app.bob.id}> gets **Gold** (`{name}`)" in shown.text
    assert "Not found at your payment provider: 11" in shown.text
    (content,) = shown.files.values()
    assert f"2,{app.bob.id},{name},Gold,Will be linked" in content.decode("utf-8-sig")
    assert app.roles() == []
    done = await shown.press("Link them")
    await app.settled()
    assert "1 subscription is linked" in done.text
    assert app.roles() == ["Gold"]
    await app.bob.dm_containing("linked an active subscription to you")
    later = await send(app, f"discord id,subscription id\n{app.bob.id},{name}\n")
    assert "Already linked to this member: 1" in later.text
    assert "is undone" in (await later.press("Undo the import")).text
    await app.settled()
    assert app.roles() == []


async def test_a_file_without_the_columns_is_refused_and_says_what_it_has(app: AppHarness) -> None:
    await app.sell()
    reply = await send(app, "email,plan\na@example.org,Gold\n")
    assert "The first row has: `email, plan`" in reply.text
    assert "`discord id`" in reply.text


async def test_only_an_admin_of_its_server_can_apply_or_undo_an_import(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    shown = await send(app, f"discord id,subscription id\n{app.bob.id},{name}\n")
    (number,) = [str(b.custom_id).rpartition(":")[2] for b in shown.buttons if b.label == "Link them"]
    chess = app.world.add_guild("Chess", app.cleo)
    await app.invite(chess)
    theirs = await app.cleo.run(chess, "doctor")
    seen = await app.bob.run(app.guild, "subscriptions")
    for action in ("impapply", "impundo"):
        forged = f"dues:{action}:0:{chess.id}:{number}"
        assert "preview is gone" in (await press(app, theirs, forged)).text
        forged = f"dues:{action}:0:{app.guild.id}:{number}"
        assert "Manage Server" in (await press(app, seen, forged)).text
    assert app.roles() == []
