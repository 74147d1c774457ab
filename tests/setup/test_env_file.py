"""Changes of .env keep everything else, and a failed write keeps the former file."""

from __future__ import annotations

import errno
import os
import stat
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from env_file import change_values, save_env

BEFORE = """# Mine, with umlauts: äöü

DISCORD_TOKEN=old   # the bot's
export GRACE_DAYS=3
STRIPE_API_KEY='rk_test_1'
GRACE_DAYS=5
NOTE="two
lines"
EMPTY=
"""


def values_in(text: str) -> dict[str, str | None]:
    return dict(dotenv_values(stream=StringIO(text), interpolate=False))


def test_changed_values_keep_their_lines_and_all_others_stay() -> None:
    after = change_values(BEFORE, {"DISCORD_TOKEN": "new", "EMPTY": "full", "FURTHER": "1"})
    assert after == (
        BEFORE.replace("DISCORD_TOKEN=old   # the bot's", "DISCORD_TOKEN=new").replace("EMPTY=", "EMPTY=full")
        + "FURTHER=1\n"
    )


def test_a_name_that_stands_twice_stays_once_with_its_new_value() -> None:
    after = change_values(BEFORE, {"GRACE_DAYS": "9"})
    assert after.count("GRACE_DAYS") == 1
    assert values_in(after) == {**values_in(BEFORE), "GRACE_DAYS": "9"}


def test_a_removed_name_leaves_no_line_and_a_missing_one_changes_nothing() -> None:
    after = change_values(BEFORE, {"NOTE": None, "NOWHERE": None})
    assert values_in(after) == {name: one for name, one in values_in(BEFORE).items() if name != "NOTE"}
    assert "lines" not in after


def test_a_name_is_added_on_a_line_of_its_own() -> None:
    assert change_values("A=1", {"B": "2"}) == "A=1\nB=2\n"
    assert change_values("", {"B": "2"}) == "B=2\n"


def test_the_former_file_is_kept_and_both_are_private(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("first")
    env.chmod(0o644)
    kept = [save_env(env, text, "20261201-020000") for text in ("second", "third")]
    assert [one.read_text() for one in kept if one] == ["first", "second"]
    assert env.read_text() == "third"
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_to_the_settings_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("first")
    (tmp_path / ".env").symlink_to(real)
    save_env(tmp_path / ".env", "second", "now")
    assert (tmp_path / ".env").is_symlink()
    assert real.read_text() == "second"


def test_a_full_disk_keeps_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    env = tmp_path / ".env"
    env.write_text("first")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_env(env, "second", "now")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {".env": "first"}
