"""Fixtures for all tests: a warning if the browser tests cannot run, and no settings from outside."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator

import hypothesis
import pytest

import cogs.core.discord_rate_limits
import config
import providers.pace
from config_secrets import FILE_NAMES
from providers.pace import UNPACED
from standins.rate_limits import RateLimits

# Hypothesis must not fail an example because it took long.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_chromium() -> str | None:
    """The path of a Chromium, or None. CHROMIUM in the environment names one outside the PATH."""
    named = os.environ.get("CHROMIUM")
    found = [shutil.which(name) for name in ((named,) if named else CHROMIUM_NAMES)]
    return next((path for path in found if path), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the browser tests where no browser is found; under CI=true leave them to fail."""
    if find_chromium() or os.environ.get("CI") == "true":
        return
    reason = "no Chromium found: install it (Debian: apt-get install chromium), or name it in CHROMIUM"
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.getreports("skipped") if "browser" in report.keywords]
    if skipped:
        terminalreporter.section("BROWSER TESTS SKIPPED", sep="!", red=True)
        terminalreporter.line(
            f"No Chromium found. Tests of the sandbox page that did not run: {len(skipped)}"
        )


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that the browser tests start."""
    path = find_chromium()
    if path is None:
        pytest.fail("No Chromium was found; under CI=true the browser tests must run.")
    return path


@pytest.fixture(autouse=True)
def no_gateway_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore discord.py's gateway address, which a test that runs the whole program changes."""
    monkeypatch.setattr("cogs.core.gateway_recovery.GatewaySocket.fixed", None)


@pytest.fixture(autouse=True)
def no_heartbeat_of_another_test() -> Iterator[None]:
    """End discord.py's heartbeat threads: one whose connection was cut off would fail in a later test."""
    yield
    if gateway := sys.modules.get("discord.gateway"):
        for thread in threading.enumerate():
            if isinstance(thread, gateway.KeepAliveHandler):
                thread.stop()


@pytest.fixture(autouse=True)
def no_pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Except in tests marked `paced`, send calls to providers at once, do not retry after a 429, and let the
    stand-ins count no calls."""
    if request.node.get_closest_marker("paced") is None:
        monkeypatch.setattr(RateLimits, "enforced", False)
        monkeypatch.setattr(cogs.core.discord_rate_limits, "CALLS_PER_SECOND", 1e9)
        monkeypatch.setattr(providers.pace, "LIMITS", dict.fromkeys(providers.pace.LIMITS, UNPACED))


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own tokens and addresses from tests."""
    for name in (*config.DEFAULTS, *FILE_NAMES):
        monkeypatch.delenv(name, raising=False)
