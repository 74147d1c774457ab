"""Answers are tried at once; wrong or missing ones change nothing."""

from __future__ import annotations

import asyncio

import pytest

import setup_wizard
from clock import SystemClock
from setup_answers import read_options
from setup_wizard import set_up
from tests.app.harness import TOKEN
from tests.setup.owner import KEY, URL, Owner, Typist


async def test_wrong_answers_are_asked_for_again(owner: Owner) -> None:
    token, stripe, paypal = ["wrong.token", TOKEN], ["pk_test_1", "rk_test_wrong", KEY], [""]
    address, secret = ["http://dues.example.org", "localhost", URL], ["wrong", "local-client-secret"]
    typist = Typist([*token, *stripe, *paypal, *address, *secret, "yes", ""])
    assert await owner.set_up(typist=typist) == 0
    assert typist.answers == []
    assert {TOKEN, KEY, "local-client-secret"} <= set(typist.secret)
    assert URL not in typist.secret
    said = "\n".join(typist.said).replace(str(owner.folder), "")
    assert said.count("Stripe does not accept this key") == 1
    assert all(secret not in said for secret in (TOKEN, KEY, "wrong"))
    assert owner.env["DISCORD_CLIENT_SECRET"] == "local-client-secret"
    assert not owner.env.get("PAYPAL_CLIENT_ID")
    assert owner.env["STRIPE_API_KEY"] == KEY


async def test_without_a_provider_both_are_asked_for_again(owner: Owner) -> None:
    login = [owner.paypal.client_id, owner.paypal.client_secret]
    typist = Typist([TOKEN, "", "", "", *login, URL, "", "", ""])
    assert await owner.set_up(typist=typist) == 0
    assert owner.env["PAYPAL_WEBHOOK_ID"] == owner.paypal.world.all("webhook")[0]["id"]
    assert not owner.env.get("STRIPE_API_KEY")


@pytest.mark.parametrize("last", [["no"], []], ids=["no", "stopped"])
async def test_nothing_changes_before_the_answers_are_confirmed(owner: Owner, last: list[str]) -> None:
    before = (owner.folder / ".env").read_text()
    typist = Typist([TOKEN, KEY, "", URL, "", *last])
    assert await owner.set_up(typist=typist) == 2
    assert owner.endpoints == []
    assert (owner.folder / ".env").read_text() == before


async def test_missing_options_are_named_at_once_and_nothing_is_written(
    owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (owner.folder / ".env").read_text()
    assert await owner.by_options(token=None, stripe_key=None, public_url=None) == 2
    said = capsys.readouterr().err
    for part in ("DISCORD_TOKEN", "You need Stripe, PayPal or both", "--public-url"):
        assert part in said
    assert (owner.folder / ".env").read_text() == before
    assert owner.copies == []
    assert owner.endpoints == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"token": "wrong.token"}, "DISCORD_TOKEN"),
        ({"stripe_key": "rk_test_wrong"}, "Stripe does not accept this key"),
        ({"paypal_id": "wrong", "paypal_secret": "wrong"}, "PayPal does not know an app"),
        ({"paypal_id": "local-client"}, "PAYPAL_CLIENT_SECRET"),
        ({"client_secret": "wrong"}, "Discord does not accept this client secret"),
        ({"public_url": "http://dues.example.org"}, "https addresses"),
        ({"token": ""}, "--token-file"),
    ],
)
async def test_a_wrong_option_is_refused_and_nothing_is_written(
    owner: Owner, capsys: pytest.CaptureFixture[str], changed: dict[str, str], says: str
) -> None:
    before = (owner.folder / ".env").read_text()
    assert await owner.by_options(**changed) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "wrong" not in said.replace(str(owner.folder), "")
    assert owner.endpoints == []
    assert (owner.folder / ".env").read_text() == before


async def test_a_service_that_does_not_answer_exits_75(
    owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    await owner.paypal.go_down()
    login = {"paypal_id": owner.paypal.client_id, "paypal_secret": owner.paypal.client_secret}
    assert await owner.by_options(**login) == 75
    assert "does not answer right now" in capsys.readouterr().err
    assert owner.copies == []
    assert owner.endpoints == []
    await owner.paypal.come_back()


async def test_a_setting_of_the_environment_that_would_win_is_refused(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY_FILE", "/run/secrets/key")
    assert await owner.by_options() == 2
    assert "STRIPE_API_KEY_FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--token"], ["--public-url"], ["--yes", "--yes"], ["now"], ["--public-url=a", "--public-url", "b"]],
)
def test_unknown_or_incomplete_options_are_no_answers(arguments: list[str]) -> None:
    assert read_options(arguments) is None


async def test_answers_that_nobody_can_type_must_be_options(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_wizard, "has_person", lambda: False)
    assert await asyncio.to_thread(set_up, [], SystemClock()) == 2
    assert "--yes" in capsys.readouterr().err
