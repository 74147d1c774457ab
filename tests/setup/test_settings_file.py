"""The settings file that setup writes."""

from __future__ import annotations

import pytest
from dotenv import dotenv_values

import setup_wizard
from tests.setup.owner import KEY, Owner


async def test_a_new_settings_file_is_the_example_with_the_answers(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {name: one for name, one in owner.env.items() if one is not None}
    for name, value in addresses.items():
        monkeypatch.setenv(name, value)
    (owner.folder / ".env").unlink()
    assert await owner.by_options() == 0
    text = (owner.folder / ".env").read_text()
    example = setup_wizard.EXAMPLE.read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in example.splitlines() if line.startswith("#")
    ]
    assert {name for name, one in owner.env.items() if one != dotenv_values(setup_wizard.EXAMPLE)[name]} == {
        "DISCORD_TOKEN",
        "SECRET_KEY",
        "STRIPE_API_KEY",
        "STRIPE_WEBHOOK_SECRET",
    }
    assert owner.copies == []


async def test_a_second_run_changes_nothing_and_keeps_the_secret_key(owner: Owner) -> None:
    assert await owner.by_options() == 0
    before, endpoints = (owner.folder / ".env").read_text(), owner.endpoints
    (copy,) = owner.copies
    assert await owner.set_up("--yes") == 0
    assert (owner.folder / ".env").read_text() == before
    assert owner.endpoints == endpoints
    assert owner.copies == [copy]


async def test_a_new_answer_replaces_the_file_that_held_the_secret(owner: Owner) -> None:
    held = owner.folder / "held"
    held.write_text("rk_test_former\n")
    owner.settings(STRIPE_API_KEY_FILE=str(held), STRIPE_WEBHOOK_SECRET="whsec_former", SECRET_KEY="ab" * 32)
    assert await owner.by_options() == 0
    assert "STRIPE_API_KEY_FILE" not in owner.env
    assert owner.env["STRIPE_API_KEY"] == KEY
    assert owner.env["SECRET_KEY"] == "ab" * 32


async def test_a_file_that_cannot_be_written_leaves_no_endpoint_behind(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(setup_wizard, "save_env", refuse)
    assert await owner.by_options() == 2
    assert "Permission denied" in capsys.readouterr().err
    assert owner.endpoints == []
