"""The check against Discord's OpenAPI document sees what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from standins.discord import wire
from standins.discord.conformance import Conformance
from standins.discord.rest import NO_CONTENT, ROUTES, Answer, Route
from tests.standins.discord.conftest import DiscordScene

ROLE = Route("GET", "/guilds/{guild_id}/roles/{role_id}", lambda call: NO_CONTENT)
OPEN_DM = Route("POST", "/users/@me/channels", lambda call: NO_CONTENT)


@pytest.fixture
def checked(conformance: Conformance | None) -> Conformance:
    if conformance is None:
        pytest.skip("Discord's OpenAPI document is not on this machine.")
    return conformance


@pytest.fixture
def role(scene: DiscordScene) -> dict[str, Any]:
    return wire.role_json(scene.gold)


def found(checked: Conformance) -> list[str]:
    """Return the findings, and remove them so that the fixture does not fail the test."""
    violations = checked.violations.copy()
    checked.violations.clear()
    return violations


def test_an_exchange_that_fits_discords_document_has_no_findings(
    checked: Conformance, role: dict[str, Any]
) -> None:
    before = checked.checked
    checked.exchange(ROLE, None, "", Answer(200, role))
    checked.exchange(ROLE, None, "", Answer(404, {"code": 10011, "message": "Unknown Role"}))
    checked.exchange(
        OPEN_DM, {"recipient_id": 5}, "application/json", Answer(400, {"code": 1, "message": "x"})
    )
    checked.event("GUILD_ROLE_CREATE", {"role": role})
    assert (found(checked), checked.checked - before) == ([], 4)


@pytest.mark.parametrize(
    ("route", "asked", "answer", "told"),
    [
        (ROLE, None, Answer(200, {"id": "1"}), "required property"),
        (ROLE, None, Answer(404, {"code": 10011}), "'message' is a required"),
        (ROLE, None, Answer(302, {}), "answered with 302"),
        (Route("GET", "/nowhere", lambda call: NO_CONTENT), None, NO_CONTENT, "no such route"),
        (OPEN_DM, {"recipient_id": True}, Answer(200, None), "recipient_id"),
        (
            Route("DELETE", "/guilds/{guild_id}/roles/{role_id}", lambda call: NO_CONTENT),
            None,
            Answer(204, {}),
            "with a body",
        ),
    ],
)
def test_an_exchange_that_does_not_fit_discords_document_is_reported(
    checked: Conformance, route: Route, asked: Any, answer: Answer, told: str
) -> None:
    checked.exchange(route, asked, "application/json", answer)
    assert told in " ".join(found(checked))


def test_a_wrong_content_type_is_reported(checked: Conformance) -> None:
    checked.exchange(OPEN_DM, {"recipient_id": "5"}, "text/plain", Answer(200, None))
    assert "sent as text/plain" in " ".join(found(checked))


def test_gateway_events_are_checked_against_discords_document(
    checked: Conformance, role: dict[str, Any]
) -> None:
    checked.event(
        "GUILD_CREATE", {"roles": [role, role | {"position": "high"}], "channels": [], "members": []}
    )
    assert "GUILD_CREATE roles" in " ".join(found(checked))


def test_every_route_of_the_local_discord_is_in_discords_document(checked: Conformance) -> None:
    own = {(route.method, route.path) for route in ROUTES}
    known = {(method.upper(), path) for path, methods in checked.paths.items() for method in methods}
    assert own - known == set()
