"""No further connection may be opened: the log is told the limit to raise, whoever was to be asked."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import stripe

from billing.errors import ProviderUnavailable
from billing.fd_limit import RAISE_IT, lacks_descriptors
from cogs.core.discord_errors import translate
from providers.pace import Pace
from providers.paypal import api as paypal
from providers.stripe import api as stripe_api
from standins.clock import MovableClock

NOWHERE = "http://127.0.0.1:9"


@contextmanager
def no_more_files() -> Iterator[None]:
    """The next one that is opened would be beyond the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow at once."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.001)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.001)
    monkeypatch.setattr(paypal, "PAUSES", (0.001,))


@pytest.mark.parametrize("name", ["stripe", "paypal"])
async def test_a_provider_call_without_file_descriptors_says_what_to_raise(name: str) -> None:
    clock = MovableClock()
    api = (
        stripe_api.Api("sk_test_x", NOWHERE, clock, Pace("stripe:test", clock))
        if name == "stripe"
        else paypal.Api("id", "secret", NOWHERE, clock, Pace("paypal:sandbox", clock))
    )
    with pytest.raises(ProviderUnavailable) as there, no_more_files():
        await api.get("/v1/x")
    with pytest.raises(ProviderUnavailable) as refused:
        await api.get("/v1/x")
    await api.close()
    assert str(there.value).endswith(RAISE_IT)
    assert RAISE_IT not in str(refused.value)


def test_a_discord_call_without_file_descriptors_says_what_to_raise() -> None:
    with pytest.raises(OSError, match="Too many open files") as met, no_more_files():
        os.open(os.devnull, os.O_RDONLY)
    assert lacks_descriptors(met.value)
    assert str(translate(met.value)) == f"OSError: {RAISE_IT}"
    assert not lacks_descriptors(FileNotFoundError(2, "No such file"))
