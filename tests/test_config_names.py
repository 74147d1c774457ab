"""Names in .env that are nearly a setting's, and addresses that are nearly right."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.model.translatable_text import Text
from config import DEFAULTS, SettingsError, load, terminal_locale
from config_misspellings import distance, find_misspelt
from tests.test_config import only_fault, read


@pytest.mark.parametrize(
    ("one", "other", "letters"),
    [
        ("", "", 0),
        ("AB", "", 2),
        ("PORT", "PORT", 0),
        ("HOST", "PORT", 2),
        ("KITTEN", "SITTING", 3),
        ("AB", "BA", 2),
    ],
)
def test_the_distance_between_names_counts_letters_in_both_directions(
    one: str, other: str, letters: int
) -> None:
    assert distance(one, other) == distance(other, one) == letters


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("STRIPE_WEBHOK_SECRET", "STRIPE_WEBHOOK_SECRET"),
        ("STRIPE_WEBHOOKS_SECRETS", "STRIPE_WEBHOOK_SECRET"),
        ("DISCRD_TOKN", "DISCORD_TOKEN"),
        ("discord_token", "DISCORD_TOKEN"),
        ("PAYPAL_WEBHOOK_IDS", "PAYPAL_WEBHOOK_ID"),
        ("GRACEDAYS", "GRACE_DAYS"),
    ],
)
def test_a_nearly_right_setting_name_is_reported(name: str, meant: str) -> None:
    (told,) = find_misspelt([name, *DEFAULTS], DEFAULTS)
    assert told == Text("setting.misspelt", name=name, setting=meant)


@pytest.mark.parametrize("name", ["TZ", "PATH", "COMPOSE_PROJECT_NAME", "DISCORD", "PORT", "STRIPE_SECRET"])
def test_unrelated_environment_names_are_ignored(name: str) -> None:
    assert find_misspelt([name], DEFAULTS) == []


@pytest.mark.parametrize(
    ("variables", "locale"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de-DE"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "", "LC_MESSAGES": "en_GB"}, "en-GB"),
        ({"LANG": "C.UTF-8"}, "C"),
        ({}, ""),
    ],
)
def test_the_terminal_s_locale_comes_from_the_variables_that_gettext_reads(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], locale: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal_locale() == locale


def test_no_setting_is_taken_for_a_misspelling_of_another() -> None:
    assert find_misspelt(DEFAULTS, DEFAULTS) == []


def test_only_names_in_the_dotenv_file_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRACE_DAY", "3")
    file = tmp_path / ".env"
    file.write_text("DISCORD_TOKEN=right.token\n")
    assert load(file).misspelt == ()
    file.write_text("DISCORD_TOKEN=right.token\nGRACE_DAY=3\n")
    assert len(load(file).misspelt) == 1
    file.write_text("DISCORD_TOKN=right.token\n")
    with pytest.raises(SettingsError) as refused:
        load(file)
    assert Text("setting.misspelt", name="DISCORD_TOKN", setting="DISCORD_TOKEN") in refused.value.faults
    assert "right.token" not in str(refused.value)


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/paypal/", "/a/Webhooks/Stripe", "/webhooks"])
def test_a_public_url_that_ends_in_a_webhook_path_is_refused(path: str) -> None:
    assert only_fault(PUBLIC_URL=f"https://dues.example.org{path}").startswith("PUBLIC_URL must not include")


@pytest.mark.parametrize("path", ["", "/", "/dues", "/webhooks/stripe/dues", "/my-webhooks"])
def test_other_public_addresses_are_accepted(path: str) -> None:
    assert read(PUBLIC_URL=f"https://dues.example.org{path}").public_url.startswith("https://dues")
