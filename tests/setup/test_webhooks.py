"""Webhooks that exist, a run that was killed, and a set-up without an address."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import setup_wizard
from clock import SystemClock
from i18n.plain import plain_words
from providers.stripe.new_webhook import print_of
from providers.stripe.setup import EVENTS
from setup_webhooks import NO_SECRET, WebhookSetup
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from tests.setup.owner import KEY, URL, Owner


async def test_a_run_killed_before_it_saved_is_cleaned_up_by_the_next(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup_wizard, "save_env", killed)
        assert await owner.by_options() == 2
    (orphan,) = owner.endpoints
    assert await owner.by_options() == 0
    (endpoint,) = owner.endpoints
    assert endpoint["id"] != orphan["id"]
    assert endpoint["metadata"] == {"dues_secret": print_of(str(owner.env["STRIPE_WEBHOOK_SECRET"]))}


async def test_an_endpoint_killed_before_it_was_marked_is_cleaned_up(owner: Owner) -> None:
    orphan = owner.stripe.add_endpoint(f"{URL}/webhooks/stripe")
    owner.stripe.world.get("webhook_endpoint", orphan["id"])["metadata"] = {"dues_secret": "unknown"}
    owner.settings(STRIPE_API_KEY=KEY, STRIPE_WEBHOOK_SECRET="whsec_of_another_address")
    assert await owner.by_options() == 0
    (endpoint,) = owner.endpoints
    assert endpoint["id"] != orphan["id"]
    new, former = str(owner.env["STRIPE_WEBHOOK_SECRET"]).split(",")
    assert endpoint["metadata"] == {"dues_secret": print_of(new)}
    assert former == "whsec_of_another_address"


async def test_the_endpoint_whose_secret_is_saved_is_repaired_and_stays(owner: Owner) -> None:
    assert await owner.by_options() == 0
    before = owner.env["STRIPE_WEBHOOK_SECRET"]
    (endpoint,) = owner.endpoints
    endpoint.update(status="disabled", enabled_events=["invoice.paid", "payout.paid"])
    owner.stripe.add_endpoint(f"{URL}/elsewhere")
    assert await owner.by_options() == 0
    repaired, elsewhere = owner.endpoints
    assert (repaired["id"], repaired["status"]) == (endpoint["id"], "enabled")
    assert set(repaired["enabled_events"]) == {*EVENTS, "payout.paid"}
    assert elsewhere["url"] == f"{URL}/elsewhere"
    assert owner.env["STRIPE_WEBHOOK_SECRET"] == before


async def test_the_webhooks_move_to_a_new_address(owner: Owner) -> None:
    login = {"paypal_id": owner.paypal.client_id, "paypal_secret": owner.paypal.client_secret}
    assert await owner.by_options(**login) == 0
    before, (endpoint,), (webhook,) = owner.env, owner.endpoints, owner.paypal.world.all("webhook")
    assert await owner.by_options(**login, public_url="http://localhost:8080") == 0
    assert [one["id"] for one in owner.endpoints] == [endpoint["id"]]
    assert owner.endpoints[0]["url"] == "http://localhost:8080/webhooks/stripe"
    assert owner.paypal.world.all("webhook")[0]["url"] == "http://localhost:8080/webhooks/paypal"
    assert owner.env == {**before, "PUBLIC_URL": "http://localhost:8080"}
    assert owner.env["PAYPAL_WEBHOOK_ID"] == webhook["id"]


async def test_a_webhook_that_could_not_be_repaired_is_named_and_the_settings_are_saved(
    owner: Owner,
) -> None:
    assert await owner.by_options() == 0
    (endpoint,) = owner.endpoints
    endpoint["status"] = "disabled"
    owner.stripe.faults.add("status", "/v1/webhook_endpoints/", method="POST", status=400)
    assert await owner.by_options(client_secret="local-client-secret") == 0
    assert owner.env["DISCORD_CLIENT_SECRET"] == "local-client-secret"
    assert "a webhook could not be repaired" in "\n".join(owner.typist.said)


async def test_an_endpoint_made_by_hand_stays_if_its_secret_may_be_saved(owner: Owner) -> None:
    made = owner.stripe.add_endpoint(f"{URL}/webhooks/stripe")
    owner.settings(STRIPE_API_KEY=KEY, STRIPE_WEBHOOK_SECRET=made["secret"])
    assert await owner.by_options(stripe_key=None) == 0
    assert [one["id"] for one in owner.endpoints] == [made["id"]]
    assert owner.env["STRIPE_WEBHOOK_SECRET"] == made["secret"]
    assert "Stripe does not show whether the secret in .env belongs to it" in "\n".join(owner.typist.said)


async def test_an_endpoint_made_by_hand_is_replaced_once_another_key_is_set(owner: Owner) -> None:
    made = owner.stripe.add_endpoint(f"{URL}/webhooks/stripe")
    owner.settings(STRIPE_API_KEY="rk_live_former", STRIPE_WEBHOOK_SECRET="whsec_live")
    assert await owner.by_options() == 0
    (endpoint,) = owner.endpoints
    assert endpoint["id"] != made["id"]


async def test_a_failure_at_paypal_takes_the_new_endpoint_at_stripe_back(
    owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    owner.paypal.faults.add("status", "/v1/notifications/webhooks", method="POST", status=400)
    before = (owner.folder / ".env").read_text()
    login = {"paypal_id": owner.paypal.client_id, "paypal_secret": owner.paypal.client_secret}
    assert await owner.by_options(**login) == 2
    assert "does not take" in capsys.readouterr().err
    assert owner.endpoints == []
    assert (owner.folder / ".env").read_text() == before


async def test_the_webhook_at_paypal_is_used_again(owner: Owner) -> None:
    made = owner.paypal.add_webhook(f"{URL}/webhooks/paypal", ["PAYMENT.SALE.COMPLETED"])
    login = {"paypal_id": owner.paypal.client_id, "paypal_secret": owner.paypal.client_secret}
    assert await owner.by_options(**login, stripe_key=None) == 0
    (webhook,) = owner.paypal.world.all("webhook")
    assert owner.env["PAYPAL_WEBHOOK_ID"] == webhook["id"] == made["id"]
    assert len(webhook["event_types"]) > 10


async def test_an_app_of_paypals_sandbox_is_found(owner: Owner) -> None:
    async with PayPalServer(MovableClock(), "live-client", "live-secret") as live:
        login = {"PAYPAL_CLIENT_ID": "local-client", "PAYPAL_CLIENT_SECRET": "local-secret"}
        webhooks = WebhookSetup({**login, "PAYPAL_API_URL": live.url}, {}, SystemClock())
        assert await webhooks.find_paypal([live.url, owner.paypal.url]) == owner.paypal.url


LIVE = {"STRIPE_API_URL": "https://api.stripe.com", "PAYPAL_API_URL": "https://api-m.paypal.com"}
BOTH = {"STRIPE_API_KEY": KEY, "PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "s", "PUBLIC_URL": URL}


async def values_without_address(current: Mapping[str, str]) -> dict[str, str]:
    saved: list[Mapping[str, str]] = []
    webhooks = WebhookSetup({**LIVE, **BOTH}, current, SystemClock())
    says = await webhooks.plan()
    assert all("cannot reach this machine" in plain_words(one) for one in says)
    assert await webhooks.carry_out(saved.append) == []
    return dict(saved[0])


async def test_without_an_address_the_bot_sweeps_each_minute() -> None:
    values = await values_without_address({})
    assert values["STRIPE_WEBHOOK_SECRET"].startswith(NO_SECRET)
    assert values["PAYPAL_WEBHOOK_ID"] == "none"
    assert values["SYNC_INTERVAL_MINUTES"] == "1"
    assert await values_without_address(values) == {
        name: values[name] for name in ("STRIPE_WEBHOOK_SECRET", "PAYPAL_WEBHOOK_ID")
    }


async def test_the_interval_becomes_the_usual_one_once_there_is_an_address(owner: Owner) -> None:
    silent = NO_SECRET + "ab" * 32
    owner.settings(STRIPE_API_KEY=KEY, STRIPE_WEBHOOK_SECRET=silent, SYNC_INTERVAL_MINUTES="1")
    assert await owner.by_options() == 0
    assert owner.env["SYNC_INTERVAL_MINUTES"] == "60"
    assert silent not in str(owner.env["STRIPE_WEBHOOK_SECRET"])
