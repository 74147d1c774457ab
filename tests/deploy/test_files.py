"""The files in deploy/ and compose.yaml name settings, paths and ports that the program has."""

from __future__ import annotations

import re
from configparser import ConfigParser

import pytest
from dotenv import dotenv_values

from billing import errors
from config import DEFAULTS, Settings
from config_secrets import FILE_NAMES, SECRETS
from tests.deploy.image import ROOT, read_instructions
from tests.test_house import PYPROJECT

COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
UNIT = (ROOT / "deploy" / "dues.service").read_text("utf-8")
CADDY = (ROOT / "deploy" / "Caddyfile").read_text("utf-8")
KNOWN = {*DEFAULTS, *FILE_NAMES}


def unit(text: str) -> dict[str, list[tuple[str, str]]]:
    """The sections of a systemd unit, each with its names and values; a name may occur several times."""
    found: dict[str, list[tuple[str, str]]] = {}
    section: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            section.append((name, value))
    return found


def service(text: str) -> dict[str, str]:
    return dict(unit(text)["Service"])


WITH_CREDENTIALS = re.sub(r"^#(?=LoadCredential=|Environment=)", "", UNIT, flags=re.MULTILINE)


@pytest.mark.parametrize("text", [UNIT, WITH_CREDENTIALS], ids=["as it is", "with credentials"])
def test_the_unit_sets_only_settings_and_starts_the_program_where_it_is(text: str) -> None:
    assert list(unit(text)) == ["Unit", "Service", "Install"]
    ConfigParser(strict=False, interpolation=None).read_string(text)
    given = [value.partition("=")[0] for name, value in unit(text)["Service"] if name == "Environment"]
    assert set(given) <= KNOWN
    assert len(given) == len(set(given))
    found = service(text)
    python, script = found["ExecStart"].split()
    assert python == f"{found['WorkingDirectory']}/.venv/bin/python"
    assert (ROOT / script).is_file()
    folder, _, _ = DEFAULTS["DATABASE_URL"].removeprefix("sqlite:///").partition("/")
    assert found["ReadWritePaths"] == f"{found['WorkingDirectory']}/{folder}"


def test_the_unit_hands_over_each_secret_as_a_credential() -> None:
    lines = unit(WITH_CREDENTIALS)["Service"]
    loaded = [value.split(":") for name, value in lines if name == "LoadCredential"]
    assert [name for name, _ in loaded] == [name.lower() for name in SECRETS]
    assert [path for _, path in loaded] == [f"/etc/dues/{name.lower()}" for name in SECRETS]
    given = dict(value.split("=") for name, value in lines if name == "Environment")
    del given["LOG_FORMAT"]
    assert given == {f"{name}_FILE": f"%d/{name.lower()}" for name in SECRETS}


def test_the_unit_tries_again_only_what_may_pass_by_itself() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.LedgerError)}
    found = service(UNIT)
    assert {int(code) for code in found["RestartPreventExitStatus"].split()} == codes - {75} == {2, 3, 4}
    assert int(found["TimeoutStopSec"]) > 10
    assert found["LimitCORE"] == "0"
    assert dict(unit(UNIT)["Unit"]).keys() >= {"StartLimitIntervalSec", "StartLimitBurst"}


def block(name: str) -> str:
    """A service of compose.yaml, with all that is indented below it."""
    (found,) = re.findall(rf"^  {name}:\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE)
    return str(found)


def test_compose_sets_only_settings_and_gives_each_secret_as_a_file() -> None:
    dues = block("dues")
    given = dict(re.findall(r"^      (?:# )?([A-Z_]+): (.+)$", dues, re.MULTILINE))
    assert set(given) == {"PUBLIC_URL", *FILE_NAMES}
    assert "DUES_HOST" in given.pop("PUBLIC_URL")
    assert given == {f"{name}_FILE": f"/run/secrets/{name.lower()}" for name in SECRETS}
    (named,) = re.findall(r"^    secrets: \[(.+)\]$", dues, re.MULTILINE)
    files = dict(re.findall(r"^  (\w+):\n    file: (\S+)$", COMPOSE, re.MULTILINE))
    assert files == {name: f"secrets/{name}" for name in named.split(", ")}
    optional = {"discord_client_secret", "paypal_client_secret"}
    assert set(named.split(", ")) == {name.lower() for name in SECRETS} - optional


def test_compose_s_file_of_settings_is_one_that_the_program_can_start_with() -> None:
    assert "env_file: deploy/dues.env" in block("dues")
    text = (ROOT / "deploy" / "dues.env").read_text("utf-8")
    values = {name: value or "" for name, value in dotenv_values(ROOT / "deploy" / "dues.env").items()}
    assert set(values) | set(re.findall(r"^# ([A-Z_]+)=$", text, re.MULTILINE)) <= set(DEFAULTS)
    Settings.from_env({"DISCORD_TOKEN": "token", **values})


@pytest.mark.parametrize("name", ["dues", "caddy"])
def test_each_container_gets_as_little_as_it_needs(name: str) -> None:
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert f"    {line}\n" in block(name)
    assert re.search(r"^    mem_limit: \d+m$", block(name), re.MULTILINE)


def test_both_ways_of_running_it_allow_the_same_memory_and_wait_as_long_for_its_end() -> None:
    found = service(UNIT)
    assert f"mem_limit: {found['MemoryMax'].lower()}\n" in block("dues")
    assert f"stop_grace_period: {found['TimeoutStopSec']}s\n" in block("dues")


def test_the_image_s_number_and_its_volume_are_the_program_s() -> None:
    assert f"image: dues:{PYPROJECT['project']['version']}\n" in block("dues")
    (volume,) = [
        rest for word, rest in read_instructions((ROOT / "Dockerfile").read_text()) if word == "VOLUME"
    ]
    assert f"- ledger:{volume}\n" in block("dues")


def test_caddy_passes_on_what_the_web_needs_to_the_port_that_the_bot_listens_on() -> None:
    assert f"reverse_proxy dues:{DEFAULTS['HTTP_PORT']}\n" in CADDY
    assert "@dues path /webhooks/* /return\n" in CADDY
    assert "./deploy/Caddyfile:/etc/caddy/Caddyfile:ro" in block("caddy")
    operations = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert "@dues path /webhooks/* /return\n" in operations
