"""Secrets in files of their own: what is read, what is refused, and that no path or content is quoted."""

from __future__ import annotations

import errno
import os
from dataclasses import fields
from pathlib import Path

import pytest

from billing.model.translatable_text import Text
from config import DEFAULTS, Settings, SettingsError, load
from config_secrets import FILE_NAMES, LARGEST, SECRETS
from i18n.plain import plain_words

VALUES = {
    "DISCORD_TOKEN": "token.s3cret",
    "DISCORD_CLIENT_SECRET": "client-s3cret",
    "SECRET_KEY": "ab" * 32,
    "STRIPE_API_KEY": "rk_test_s3cret",
    "STRIPE_WEBHOOK_SECRET": "whsec_s3cret,whsec_s3cret2",
    "PAYPAL_CLIENT_SECRET": "hush-s3cret",
}
OTHERS = {"PAYPAL_CLIENT_ID": "client", "PAYPAL_WEBHOOK_ID": "hook"}


def write(folder: Path, ending: str = "\n") -> dict[str, str]:
    """A file for each secret, as systemd's LoadCredential lays them out, and the settings that name them."""
    folder.mkdir()
    for name, value in VALUES.items():
        folder.joinpath(name).write_bytes((value + ending).encode())
        folder.joinpath(name).chmod(0o400)
    folder.chmod(0o500)
    return {f"{name}_FILE": str(folder / name) for name in VALUES}


def refusal(**values: str) -> Text:
    """The only fault that these settings have."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"DISCORD_TOKEN": "token", **values})
    (fault,) = caught.value.faults
    assert isinstance(fault, Text)
    assert "s3cret" not in plain_words(fault)
    return fault


def test_every_setting_that_hides_its_value_may_stand_in_a_file() -> None:
    assert set(VALUES) == set(SECRETS) <= set(DEFAULTS)
    assert tuple(f"{name}_FILE" for name in SECRETS) == FILE_NAMES
    hidden = {field.name for field in fields(Settings) if not field.repr}
    assert hidden == {"discord_token", "discord_client_secret", "secret_keys"}


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_each_secret_is_read_from_its_file_without_the_last_line_break(tmp_path: Path, ending: str) -> None:
    files = write(tmp_path / "credentials", ending)
    settings = Settings.from_env({**OTHERS, **files})
    plain = Settings.from_env({**OTHERS, **VALUES})
    assert settings.secret_files == FILE_NAMES
    assert plain.secret_files == ()
    assert settings.discord_token == VALUES["DISCORD_TOKEN"]
    assert (settings.stripe, settings.paypal, settings.secret_keys) == (
        plain.stripe,
        plain.paypal,
        plain.secret_keys,
    )
    assert "s3cret" not in repr(settings)


def test_a_secret_that_is_set_both_ways_is_refused(tmp_path: Path) -> None:
    files = write(tmp_path / "credentials")
    fault = refusal(DISCORD_TOKEN_FILE=files["DISCORD_TOKEN_FILE"])
    assert fault.code == "setting.secret_file_and_value"
    assert plain_words(fault).startswith("DISCORD_TOKEN and DISCORD_TOKEN_FILE are both set.")


def test_an_empty_value_beside_a_file_counts_as_left_out(tmp_path: Path) -> None:
    files = write(tmp_path / "credentials")
    read = Settings.from_env({"DISCORD_TOKEN": " ", "DISCORD_TOKEN_FILE": files["DISCORD_TOKEN_FILE"]})
    assert read.discord_token == VALUES["DISCORD_TOKEN"]
    assert Settings.from_env({"DISCORD_TOKEN": "token", "STRIPE_API_KEY_FILE": " "}).stripe is None


@pytest.mark.parametrize("path", ["/nowhere/s3cret", "/", "s3cret\0", "x" * 5000])
def test_a_file_that_cannot_be_read_is_refused_without_its_path(path: str) -> None:
    fault = refusal(SECRET_KEY_FILE=path)
    assert fault.code in {"setting.secret_file_unreadable", "setting.secret_file_unfit"}
    assert plain_words(fault).startswith("SECRET_KEY_FILE points to a file that ")
    assert "nowhere" not in plain_words(fault)


def test_a_file_that_is_somebody_else_s_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:  # root may read every file
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in plain_words(refusal(SECRET_KEY_FILE=str(tmp_path / "key")))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "setting.secret_file_empty"),
        (b" \r\n", "setting.secret_file_empty"),
        (b"\xff\xfe\x00", "setting.secret_file_unfit"),
        (b"a" * (LARGEST + 1), "setting.secret_file_unfit"),
    ],
    ids=["empty", "blank", "no text", "large"],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    tmp_path.joinpath("key").write_bytes(content)
    assert refusal(STRIPE_API_KEY_FILE=str(tmp_path / "key")).code == code


def test_one_refusal_of_a_file_brings_no_second_one_that_its_setting_is_missing() -> None:
    stripe = {"STRIPE_WEBHOOK_SECRET": "whsec_x", "STRIPE_API_KEY_FILE": "/nowhere"}
    assert refusal(**stripe).code == "setting.secret_file_unreadable"
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"DISCORD_TOKEN_FILE": "/nowhere"})
    assert len(caught.value.faults) == 1


def test_a_device_that_never_ends_does_not_hold_up_the_start() -> None:
    assert refusal(SECRET_KEY_FILE="/dev/zero").code == "setting.secret_file_unfit"


def test_a_faulty_secret_in_a_file_is_told_as_if_it_stood_in_the_setting(tmp_path: Path) -> None:
    tmp_path.joinpath("key").write_text("pk_test_published\n")
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"DISCORD_TOKEN": "token", "STRIPE_API_KEY_FILE": str(tmp_path / "key")})
    assert Text("setting.stripe_key_publishable") in caught.value.faults


def test_a_misspelt_name_of_a_file_is_told_and_other_settings_have_none(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DISCORD_TOKEN=right.token\nSTRIPE_API_KEYFILE=/nowhere\nHTTP_PORT_FILE=/nowhere\n")
    (told,) = load(file).misspelt
    assert told == Text("setting.misspelt", name="STRIPE_API_KEYFILE", setting="STRIPE_API_KEY_FILE")
    assert "PAYPAL_CA" not in DEFAULTS
    assert "PAYPAL_CA_FILE" not in FILE_NAMES
