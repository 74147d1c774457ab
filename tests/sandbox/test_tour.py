"""The tour as a newcomer starts it: it comes out right, and where something is broken it says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.stage import SERVER, Stage, open_stage
from sandbox.terminal import Terminal, plain
from sandbox.tour import Tour

ROOT = Path(__file__).parents[2]
# Runs the tour in a world that is broken in one place.
BROKEN = "import sys\nfrom sandbox.__main__ import main\n{}\nsys.exit(main())"
FORGETFUL = """
from standins.discord import DiscordWorld
DiscordWorld.give_role = lambda *args, **kwargs: None
"""
DEAF = """
import bot
async def serve(settings, clock):
    raise OSError("the bot broke")
bot.serve = serve
"""


def run(*arguments: str, tour: str = "only", shards: str = "") -> subprocess.CompletedProcess[str]:
    """The sandbox as a process of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"TOUR": tour, "SHARDS": shards, "PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )


def test_every_step_of_the_tour_comes_out_right_without_warnings() -> None:
    done = run("-m", "sandbox")
    assert (done.returncode, done.stderr) == (0, "")
    assert "checks came out right" in done.stdout
    assert "✗" not in done.stdout
    assert "\x1b" not in done.stdout, "colour is for terminals"


def test_a_broken_step_is_reported_and_the_tour_exits_1() -> None:
    done = run("-c", BROKEN.format(FORGETFUL))
    assert done.returncode == 1
    assert "✗ Mia has the role Gold" in done.stdout
    assert "A step came out wrong" in done.stderr


def test_the_tour_exits_1_if_the_bot_does_not_start() -> None:
    done = run("-c", BROKEN.format(DEAF))
    assert done.returncode == 1
    assert "the bot broke" in done.stderr


def test_an_unknown_value_of_tour_is_refused() -> None:
    done = run("-m", "sandbox", tour="maybe")
    assert done.returncode == 2
    assert "TOUR is 'only'" in done.stderr


@pytest.mark.parametrize(
    ("broken", "claim"),
    [
        ("subscribe", "only Mia sees it, and nobody is pinged"),
        ("cancel", "the renewal is stopped"),
    ],
)
async def test_each_check_of_the_tour_fails_if_its_claim_is_false(
    broken: str, claim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two checks of different kinds, each with what it looks at taken away."""
    monkeypatch.setattr("sandbox.actions.PATIENCE", 0.5)
    if broken == "subscribe":
        monkeypatch.setattr("standins.discord.Reply.ephemeral", False)
    else:
        monkeypatch.setattr("cogs.cancel.receipt_card", _silent)
    lines: list[str] = []
    async with open_stage() as stage:
        assert await Tour(stage, Terminal(stage.guild, stage.people, lines.append)).play() is False
    assert lines[-1].strip() == f"✗ {claim}"


async def test_the_tour_fails_if_the_return_page_does_not_fetch_the_payment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sandbox.actions.PATIENCE", 2.0)
    monkeypatch.setattr("billing.webhook_arrivals.Arrivals.come_back", _silent)
    monkeypatch.setattr(Tour, "scenes", lambda tour: [tour.opening, tour.returning])
    lines: list[str] = []
    async with open_stage() as stage:
        assert await Tour(stage, Terminal(stage.guild, stage.people, lines.append)).play() is False
    assert lines[-1].strip() in ("✗ Mia has the role Gold", "✗ that page had it looked up")


def _silent(*_: object) -> object:
    from cogs.views import layout  # noqa: PLC0415 - what is taken away is looked up where it is used

    return layout.note("…")


async def test_a_bot_of_four_shards_knows_the_club_in_direct_messages() -> None:
    async with open_stage(shards=4) as stage:
        await stage.open_shop()
        reply = await stage.mia.run(None, "subscribe", {"plan": "Gold"})
    assert SERVER in reply.text


@pytest.mark.parametrize("shards", ["0", "four"])
def test_an_unusable_number_of_shards_is_refused(shards: str) -> None:
    done = run("-m", "sandbox", shards=shards)
    assert done.returncode == 2
    assert "SHARDS is a number" in done.stderr


async def test_the_sandbox_leaves_no_process_or_file_behind() -> None:
    async with open_stage() as stage:
        folder = _folder(stage)
        assert folder.exists()
    assert not folder.exists()


def _folder(stage: Stage) -> Path:
    rows = stage.peek._db.execute("PRAGMA database_list").fetchall()
    return Path(rows[0][2]).parent


async def test_the_terminal_shows_markdown_as_plain_text() -> None:
    async with open_stage() as stage:
        gold, mia = stage.guild.role("Gold"), stage.mia
        said = f"### Head\n<@&{gold.id}> of <@{mia.id}> until <t:86400:D> in <#{stage.general.id}>"
        text = said + " \\*so\\* **b** `c`"
        shown = plain(text, stage.guild, {mia.id: "Mia"})
    assert shown == "Head\n@Gold of @Mia until 2 January 1970 in #general *so* b c"
