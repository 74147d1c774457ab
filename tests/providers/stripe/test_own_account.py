"""Events that name an account: an organisation's destination sends those of all its accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stripe import WebhookSignature

from billing.model import Finding
from i18n.plain import plain_words
from providers.stripe.own_account import account_of
from providers.stripe.provider import StripeProvider
from standins.stripe.notices import account
from tests.contract.providers.harness import buy
from tests.contract.providers.stripe import KEY, StripeSurroundings
from tests.providers.notebook import Notebook

HOOK = "http://127.0.0.1:9/webhooks/stripe"


@pytest.fixture
def home(there: StripeSurroundings) -> str:
    """The id of the account that the key is of."""
    return str(account(there.server.world)["id"])


async def taken(there: StripeSurroundings, **named: Any) -> bool:
    """Whether an event of Stripe's, with this in it, is taken."""
    if not there.arrived:
        await buy(there)
    body = json.dumps({**json.loads(there.arrived[-1][0]), **named})
    stamp, secret = int(there.clock.now()), there.endpoint["secret"]
    header = WebhookSignature.generate_signature_header(body, secret, stamp)
    headers = {"stripe-signature": header}
    return bool(await there.provider.authenticate(body.encode(), headers, there.clock.now()))


def asked(there: StripeSurroundings) -> int:
    return sum(exchange.path == "/v1/account" for exchange in there.server.exchanges)


async def test_an_event_of_the_own_account_is_accepted(there: StripeSurroundings, home: str) -> None:
    assert await taken(there, context=home)
    assert await taken(there, context=home, account=home)
    assert await taken(there, context=f"acct_platform/{home}")
    assert asked(there) == 1, "once for all events"


async def test_an_event_without_an_account_needs_no_request(there: StripeSurroundings) -> None:
    assert await taken(there)
    assert asked(there) == 0


async def test_events_of_other_accounts_are_ignored_and_those_accounts_are_logged(
    there: StripeSurroundings, home: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert not await taken(there, context="acct_other")
    assert not await taken(there, context="acct_other")
    assert not await taken(there, context=f"{home}/acct_connected", account="acct_connected")
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 2
    assert "acct_other" in told[0]
    assert home in told[0]
    (note,) = [
        found for found in await there.provider.check([], HOOK) if plain_words(found.what) == "Stripe account"
    ]
    assert (note.ok, note.note) == (True, True)
    assert "acct_other and acct_connected" in plain_words(note.message)
    assert home in plain_words(note.message)


@pytest.mark.parametrize("status", [403, 500])
async def test_while_the_own_account_is_unknown_an_organisations_events_are_accepted(
    there: StripeSurroundings, status: int
) -> None:
    there.server.faults.add("status", "/v1/account", status=status, times=None)
    assert await taken(there, context="acct_any")
    assert await taken(there, context="acct_any")
    assert not await taken(there, account="acct_connected")
    there.server.faults.clear()
    there.clock.advance(61)
    assert not await taken(there, context="acct_any")


async def test_with_an_organisations_destination_no_endpoint_is_missing(
    there: StripeSurroundings, home: str
) -> None:
    await taken(there, context=home)
    found = [one for one in await there.provider.check([], HOOK) if plain_words(one.what) == "Stripe webhook"]
    assert [one.ok for one in found] == [True]
    assert "organization" in plain_words(found[0].message)


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("sk_live_1", "live"),
        ("rk_live_1", "live"),
        ("sk_org_live_1", "live"),
        ("sk_test_1", "test"),
        ("sk_org_test_1", "test"),
        ("sk_test_live_1", "test"),
    ],
)
def test_the_prefix_of_a_stripe_key_decides_its_mode(key: str, mode: str) -> None:
    assert account_of(key) == mode


async def findings(there: StripeSurroundings, kept: Notebook) -> list[Finding]:
    """Return the findings about the account of a process that starts now."""
    provider = StripeProvider(KEY, ("whsec_one",), there.server.url, there.clock, kept=kept)
    found = await provider.check([], HOOK)
    await provider.close()
    return [one for one in found if plain_words(one.what) == "Stripe account"]


async def test_a_key_of_another_account_is_a_finding_that_names_both_for_a_month(
    there: StripeSurroundings, home: str
) -> None:
    kept = Notebook()
    assert await findings(there, kept) == []
    assert kept.facts == {"stripe:test account": home}
    account(there.server.world)["id"] = "acct_another"
    for _ in range(2):
        (found,) = await findings(there, kept)
        assert not found.ok
        assert "now belongs to the account acct_another" in plain_words(found.message)
        assert f"put a key of {home} back" in plain_words(found.cure)
    there.clock.advance(31 * 86_400)
    assert await findings(there, kept) == []


async def test_a_key_that_may_not_tell_its_account_is_a_note(there: StripeSurroundings) -> None:
    there.server.faults.add("status", "/v1/account", status=403, times=None)
    kept = Notebook()
    (found,) = await findings(there, kept)
    assert (found.ok, found.note) == (True, True)
    assert "may not tell which account" in plain_words(found.message)
    assert kept.facts == {}
