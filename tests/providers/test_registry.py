"""Each provider is on where its part of the settings is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config import Settings
from providers.registry import PROVIDERS, make_providers
from standins.clock import MovableClock

ROOT = Path(__file__).parents[2]
BARE = {"DISCORD_TOKEN": "x.y.z"}
STRIPE = {
    "STRIPE_API_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_one,whsec_two",
    "STRIPE_API_URL": "http://127.0.0.1:9",
}


def test_a_provider_without_settings_is_off() -> None:
    assert make_providers(Settings.from_env(BARE), MovableClock()) == {}


PAYPAL = {
    "PAYPAL_CLIENT_ID": "client",
    "PAYPAL_CLIENT_SECRET": "secret",
    "PAYPAL_WEBHOOK_ID": "8PT597110X687430LKGECATA",
    "PAYPAL_API_URL": "http://127.0.0.1:9",
}


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        (STRIPE, {"stripe": ("stripe", "test")}),
        (PAYPAL, {"paypal": ("paypal", "sandbox")}),
        ({**STRIPE, **PAYPAL}, {"stripe": ("stripe", "test"), "paypal": ("paypal", "sandbox")}),
    ],
)
async def test_a_provider_with_settings_is_on(
    environ: dict[str, str], on: dict[str, tuple[str, str]]
) -> None:
    made = make_providers(Settings.from_env({**BARE, **environ}), MovableClock())
    assert {name: (p.name, p.account) for name, p in made.items()} == on
    for provider in made.values():
        await provider.close()


def test_each_provider_is_registered_under_the_name_of_its_settings() -> None:
    settings = Settings.from_env(BARE)
    assert PROVIDERS
    assert all(hasattr(settings, name) for name in PROVIDERS)


@pytest.mark.parametrize(
    ("environ", "absent"), [(STRIPE, "cryptography"), (PAYPAL, "stripe"), (BARE, "providers.stripe.provider")]
)
def test_the_packages_of_a_provider_that_is_off_are_not_imported(
    environ: dict[str, str], absent: str
) -> None:
    """In a process of its own, as this one has loaded both."""
    code = (
        "import sys, asyncio, bot\n"
        "from providers.registry import make_providers\n"
        f"settings = bot.Settings.from_env({ {**BARE, **environ}!r})\n"
        "async def make(): make_providers(settings, bot.SystemClock())\n"
        "asyncio.run(make())\n"
        f"sys.exit({absent!r} in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
