"""The portal's configuration is repaired, and a check finds its faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.errors import ProviderNotFound, ProviderRefused
from billing.model import Finding, GuildSettings, Plan, Price
from billing.ports import PortalOptions
from i18n.plain import plain_words
from providers.stripe.portal import configuration, differences
from providers.stripe.provider import StripeProvider
from providers.stripe.setup import EVENTS
from tests.contract.providers.harness import GUILD, HOME, buy, portal_options
from tests.contract.providers.stripe import KEY, StripeSurroundings
from tests.providers.notebook import Notebook
from tests.providers.stripe.responder import Responder

GOLD = Price("stripe", "test", "price_gold", "prod_gold", 500, "eur", "month")
YEARLY = replace(GOLD, id="price_yearly", amount=5000, interval="year")
SILVER = replace(GOLD, id="price_silver", product_id="prod_silver")


def features(*prices: Price, switching: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = configuration(GuildSettings(GUILD, plan_switching=switching), prices, HOME)[
        "features"
    ]
    return found


def test_members_can_do_what_the_owner_would_otherwise_copy_from_a_screenshot() -> None:
    found = features(GOLD, switching=False)
    assert found["subscription_cancel"] == {
        "enabled": True,
        "mode": "at_period_end",
        "proration_behavior": "none",
    }
    assert found["payment_method_update"] == {"enabled": True}
    assert found["invoice_history"] == {"enabled": True}
    assert {"address", "email", "name", "tax_id"} <= set(found["customer_update"]["allowed_updates"])
    assert found["subscription_update"] == {"enabled": False}


def test_plans_can_be_switched_where_there_are_two() -> None:
    assert features(GOLD)["subscription_update"] == {"enabled": False}
    found = features(GOLD, YEARLY, SILVER)["subscription_update"]
    assert found["enabled"]
    assert found["default_allowed_updates"] == ["price"]
    assert found["proration_behavior"] == "always_invoice"
    assert found["products"] == [
        {"product": "prod_gold", "prices": ["price_gold", "price_yearly"]},
        {"product": "prod_silver", "prices": ["price_silver"]},
    ]


def test_a_product_offers_one_price_for_an_interval_and_ten_products_are_the_most() -> None:
    newer = replace(GOLD, id="price_newer", amount=600)
    found = features(GOLD, newer, SILVER)["subscription_update"]["products"]
    assert found[0]["prices"] == ["price_gold"]
    many = [replace(GOLD, id=f"price_{n}", product_id=f"prod_{n}") for n in range(12)]
    assert len(features(*many)["subscription_update"]["products"]) == 10


def test_the_portal_shows_only_the_links_that_the_server_has_set() -> None:
    settings = GuildSettings(GUILD, terms_url="https://example.com/terms")
    found = configuration(settings, [], HOME)["business_profile"]
    assert found == {"terms_of_service_url": "https://example.com/terms"}


def test_portal_differences_are_named_and_other_settings_are_ignored() -> None:
    wanted = {"a": {"b": True, "list": ["x", "y"]}, "products": [{"product": "p", "prices": ["1", "2"]}]}
    same = {
        "a": {"b": True, "list": ["y", "x"], "more": 1},
        "products": [{"product": "p", "prices": ["2", "1"], "adjustable_quantity": {}}],
        "else": 2,
    }
    assert differences(wanted, same) == []
    assert differences(wanted, {**same, "a": {"b": False, "list": ["x"]}}) == ["a.b", "a.list"]
    assert differences(wanted, {**same, "products": None}) == ["products"]
    assert differences(wanted, {**same, "products": [{"product": "p", "prices": ["1"]}]}) == ["products"]
    assert differences(wanted, {}) == ["a.b", "a.list", "products"]


def configurations(there: StripeSurroundings) -> list[dict[str, Any]]:
    return there.server.world.all("billing_portal.configuration", active=True)


def changes(there: StripeSurroundings) -> int:
    where = "/v1/billing_portal/configurations"
    return sum(e.method == "POST" and e.path.startswith(where) for e in there.server.exchanges)


async def test_a_portal_configuration_is_created_once_and_reused(there: StripeSurroundings) -> None:
    bought = await buy(there)
    other = StripeProvider(KEY, ("whsec_one",), there.server.url, there.clock)
    for provider in (there.provider, there.provider, other):
        await provider.manage_link(bought, portal_options(bought.price))
    await other.close()
    (made,) = configurations(there)
    assert made["metadata"] == {"dues_guild": str(GUILD)}
    assert changes(there) == 1


async def test_each_server_has_a_portal_configuration_of_its_own(there: StripeSurroundings) -> None:
    bought = await buy(there)
    for guild in (GUILD, GUILD + 1):
        await there.provider.manage_link(bought, PortalOptions(GuildSettings(guild), (), HOME))
    assert len(configurations(there)) == 2


async def test_other_portal_options_change_the_configuration(there: StripeSurroundings) -> None:
    first, second = await buy(there), await buy(there, "opaque-2")
    await there.provider.manage_link(first, portal_options(first.price, second.price))
    await there.provider.manage_link(first, portal_options(first.price, second.price, switching=True))
    (made,) = configurations(there)
    assert made["features"]["subscription_update"]["enabled"]
    assert changes(there) == 2
    link = await there.provider.manage_link(first, portal_options(first.price, second.price, switching=True))
    there.server.portal_switch(link, first.key.id, second.price.id)
    assert (await there.provider.fetch_subscription(first.key.id)).price == second.price
    assert changes(there) == 2


async def test_portal_settings_changed_by_hand_are_found_and_reset(there: StripeSurroundings) -> None:
    bought = await buy(there)
    await there.provider.manage_link(bought, portal_options(bought.price))
    (made,) = configurations(there)
    made["features"]["subscription_cancel"]["enabled"] = False
    finding = await only_fault(there, "Stripe portal")
    assert "subscription_cancel.enabled" in plain_words(finding.message)
    assert finding.fix is not None
    await there.provider.fix(finding.fix, [PLAN], "")
    assert made["features"]["subscription_cancel"]["enabled"]
    assert all(
        f.ok for f in await there.provider.check([PLAN], HOOK) if plain_words(f.what) == "Stripe portal"
    )


async def test_after_an_hour_the_next_portal_link_resets_changed_settings(there: StripeSurroundings) -> None:
    bought = await buy(there)
    await there.provider.manage_link(bought, portal_options(bought.price))
    (made,) = configurations(there)
    made["features"]["invoice_history"]["enabled"] = False
    there.clock.advance(3601)
    await there.provider.manage_link(bought, portal_options(bought.price))
    assert made["features"]["invoice_history"]["enabled"]


async def test_a_portal_configuration_that_was_removed_is_created_again(there: StripeSurroundings) -> None:
    bought = await buy(there)
    await there.provider.manage_link(bought, portal_options(bought.price))
    (made,) = configurations(there)
    made["active"] = False
    assert (await there.provider.manage_link(bought, portal_options(bought.price))).startswith("http")
    assert len(configurations(there)) == 1


def lists_of_configurations(there: StripeSurroundings) -> int:
    where = "/v1/billing_portal/configurations"
    return sum(e.method == "GET" and e.path == where for e in there.server.exchanges)


async def test_the_portal_configuration_is_listed_only_while_the_ledger_does_not_know_it(
    there: StripeSurroundings,
) -> None:
    bought, kept = await buy(there), Notebook()
    for _ in range(3):  # a process each
        provider = StripeProvider(KEY, ("whsec_one",), there.server.url, there.clock, kept=kept)
        await provider.manage_link(bought, portal_options(bought.price))
        await provider.close()
    assert lists_of_configurations(there) == 1
    (made,) = configurations(there)
    assert kept.facts == {f"stripe:test portal {GUILD}": made["id"]}


@pytest.mark.parametrize("change", [{"active": False}, {"metadata": {}}, {"id": "bpc_of_another_account"}])
async def test_a_kept_portal_configuration_that_is_gone_is_made_again(
    there: StripeSurroundings, change: dict[str, Any]
) -> None:
    bought, kept = await buy(there), Notebook()
    for number in range(2):
        provider = StripeProvider(KEY, ("whsec_one",), there.server.url, there.clock, kept=kept)
        assert (await provider.manage_link(bought, portal_options(bought.price))).startswith("http")
        await provider.close()
        if number == 0:
            (made,) = configurations(there)
            if "id" in change:
                kept.facts[f"stripe:test portal {GUILD}"] = change["id"]
            else:
                made |= change
    (now,) = [one for one in configurations(there) if one["metadata"]]
    assert kept.facts == {f"stripe:test portal {GUILD}": now["id"]}


async def test_without_a_usable_ledger_a_portal_link_is_still_given(there: StripeSurroundings) -> None:
    bought, kept = await buy(there), Notebook()
    kept.broken = True
    provider = StripeProvider(KEY, ("whsec_one",), there.server.url, there.clock, kept=kept)
    assert (await provider.manage_link(bought, portal_options(bought.price))).startswith("http")
    await provider.close()


async def test_a_deleted_customer_gets_no_portal_link(there: StripeSurroundings) -> None:
    bought = await buy(there)
    there.forget_customer(bought.customer_id)
    with pytest.raises(ProviderNotFound) as met:
        await there.provider.manage_link(bought, portal_options(bought.price))
    assert "customer" in plain_words(met.value.user_message)


HOOK = "http://127.0.0.1:9/webhooks/stripe"
PLAN = Plan(1, GUILD, "Gold", (5,))


async def only_fault(there: StripeSurroundings, what: str, *plans: Plan) -> Finding:
    findings = await there.provider.check(plans or [PLAN], HOOK)
    (fault,) = [finding for finding in findings if plain_words(finding.what) == what and not finding.ok]
    assert fault.cure
    return fault


async def test_a_correct_stripe_setup_has_no_faults(there: StripeSurroundings) -> None:
    there.server.add_endpoint(HOOK, list(EVENTS))
    gold = await there.provider.fetch_price(there.sell())
    findings = await there.provider.check([replace(PLAN, prices=(gold,))], HOOK)
    assert [plain_words(finding.what) for finding in findings if not finding.ok] == []
    assert {plain_words(finding.what) for finding in findings} == {
        "Stripe key",
        "Stripe webhook",
        "Price of Gold",
        "Stripe portal",
    }


async def test_a_missing_webhook_endpoint_is_found_with_its_cure(there: StripeSurroundings) -> None:
    fault = await only_fault(there, "Stripe webhook")
    assert fault.fix is None, "its secret would have to be copied"
    assert HOOK in plain_words(fault.message)
    assert all(event in plain_words(fault.cure) for event in EVENTS)


async def test_the_fix_adds_missing_events_to_the_endpoint_and_keeps_others(
    there: StripeSurroundings,
) -> None:
    endpoint = there.server.add_endpoint(HOOK, ["invoice.paid", "payout.paid"])
    fault = await only_fault(there, "Stripe webhook")
    assert "charge.dispute.created" in plain_words(fault.message)
    assert fault.fix is not None
    await there.provider.fix(fault.fix, [PLAN], HOOK)
    changed = there.server.world.get("webhook_endpoint", endpoint["id"])
    assert set(changed["enabled_events"]) == {*EVENTS, "payout.paid"}
    assert all(f.ok for f in await there.provider.check([PLAN], HOOK))


async def test_the_fix_enables_a_disabled_webhook_endpoint(there: StripeSurroundings) -> None:
    endpoint = there.server.add_endpoint(HOOK)
    there.server.world.get("webhook_endpoint", endpoint["id"])["status"] = "disabled"
    fault = await only_fault(there, "Stripe webhook")
    assert fault.fix is not None
    await there.provider.fix(fault.fix, [PLAN], HOOK)
    assert all(f.ok for f in await there.provider.check([PLAN], HOOK))


async def test_a_price_that_cannot_be_bought_is_a_finding(there: StripeSurroundings) -> None:
    gold = await there.provider.fetch_price(there.sell())
    plan = replace(PLAN, prices=(gold,))
    there.server.dashboard.archive_price(gold.id)
    assert "archived" in plain_words((await only_fault(there, "Price of Gold", plan)).message)
    gone = replace(PLAN, prices=(replace(gold, id="price_gone"),))
    assert "price_gone" in plain_words((await only_fault(there, "Price of Gold", gone)).message)
    live = replace(PLAN, prices=(replace(gold, account="live"),))
    assert "live mode" in plain_words((await only_fault(there, "Price of Gold", live)).message)


async def test_an_archived_product_is_a_finding(there: StripeSurroundings) -> None:
    gold = await there.provider.fetch_price(there.sell())
    there.server.world.get("product", gold.product_id)["active"] = False
    fault = await only_fault(there, "Price of Gold", replace(PLAN, prices=(gold,)))
    assert "product" in plain_words(fault.message)


async def test_a_wrong_stripe_key_is_the_only_finding(there: StripeSurroundings) -> None:
    wrong = StripeProvider("sk_test_wrong", ("whsec_one",), there.server.url, there.clock)
    (finding,) = await wrong.check([PLAN], HOOK)
    await wrong.close()
    assert not finding.ok
    assert "STRIPE_API_KEY" in plain_words(finding.cure)
    assert "sk_test_wrong" not in f"{finding}"


async def test_a_missing_permission_of_the_key_is_named(there: StripeSurroundings) -> None:
    there.server.add_endpoint(HOOK)
    there.server.faults.add("status", "/v1/disputes", status=403)
    fault = await only_fault(there, "Stripe permissions")
    assert "Disputes: read" in plain_words(fault.cure)
    there.server.faults.add("status", "/v1/webhook_endpoints", status=403)
    assert "Webhook Endpoints" in plain_words((await only_fault(there, "Stripe webhook")).cure)


async def test_a_check_while_stripe_is_down_is_a_finding(there: StripeSurroundings) -> None:
    there.server.faults.add("status", "/v1/", status=429, times=None)
    (finding,) = await there.provider.check([PLAN], HOOK)
    assert not finding.ok
    assert "status.stripe.com" in plain_words(finding.cure)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("/v1/invoices", "Stripe permissions"),
        ("/v1/webhook_endpoints", "Stripe webhook"),
        ("/v1/prices/", "Price of Gold"),
        ("portal/configurations", "Stripe portal"),
    ],
)
@pytest.mark.parametrize(
    ("status", "cure"), [(403, "allow"), (404, "STRIPE_API_URL"), (429, "status.stripe.com")]
)
async def test_a_failed_check_keeps_the_findings_of_the_others(
    there: StripeSurroundings, where: str, what: str, status: int, cure: str
) -> None:
    there.server.add_endpoint(HOOK, ["invoice.paid"])
    gold = await there.provider.fetch_price(there.sell())
    there.server.dashboard.archive_price(gold.id)
    plan = replace(PLAN, prices=(gold,))
    before = await there.provider.check([plan], HOOK)
    there.server.faults.add("status", where, status=status, times=None)
    after = await there.provider.check([plan], HOOK)
    assert [f for f in after if plain_words(f.what) not in (what, "Stripe permissions")] == [
        f for f in before if plain_words(f.what) != what
    ]
    faults = [f for f in after if plain_words(f.what) == what and not f.ok]
    if not (status == 404 and what == "Price of Gold"):  # it is the price that is not there
        assert cure in plain_words(faults[0].cure)
    assert status == 403 or not any(
        plain_words(f.cure).startswith("In Stripe Dashboard > Developers > API keys") for f in after
    )


async def test_without_the_portal_permission_the_webhook_cure_still_works(
    there: StripeSurroundings,
) -> None:
    there.server.add_endpoint(HOOK, ["invoice.paid"])
    there.server.faults.add("status", "portal/configurations", status=403, times=None)
    webhook = await only_fault(there, "Stripe webhook")
    assert webhook.fix is not None
    assert "Customer portal: write" in plain_words((await only_fault(there, "Stripe portal")).cure)


@pytest.mark.parametrize("what", ["", "stripe:portal:x", "stripe:other:1", "portal", "stripe:events:"])
async def test_a_fix_with_an_unknown_name_is_refused(
    responder: Responder, stripe_at: StripeProvider, what: str
) -> None:
    with pytest.raises(ProviderRefused):
        await stripe_at.fix(what, [], HOOK)
    assert not responder.asked


@pytest.mark.parametrize("status", [400, 403])
async def test_where_stripe_refuses_the_portal_settings_the_default_portal_opens(
    there: StripeSurroundings, status: int
) -> None:
    bought = await buy(there)
    plain = there.server.dashboard.save_portal_settings()
    there.server.faults.add("status", "portal/configurations", status=status, times=None)
    await there.provider.manage_link(bought, portal_options(bought.price))
    (session,) = there.server.world.all("billing_portal.session")
    assert (session["configuration"], session["customer"]) == (plain["id"], bought.customer_id)
