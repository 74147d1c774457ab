"""The hosted pages, by the forms that a browser would send."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import stripe

from standins.clock import MovableClock
from standins.stripe import StripeServer
from tests.standins.stripe.helpers import subscribe

Client = stripe.StripeClient
Browser = aiohttp.ClientSession
CARD: dict[str, Any] = {"card": "4242 4242 4242 4242", "expiry": "12/40", "cvc": "123"}
DECLINED: dict[str, Any] = {**CARD, "card": "4000000000000002"}
DATELESS: dict[str, Any] = {**CARD, "expiry": "soon"}
PERSON: dict[str, Any] = {"name": "Ada Member", "email": "ada@example.com"}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session:
        yield session


async def read(browser: Browser, url: str, status: int = 200, **form: str) -> str:
    """A page's text without its tags; with a form, what comes after sending it."""
    method = "POST" if form else "GET"
    async with browser.request(method, url, data=form or None) as answer:
        assert answer.status == status, await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        body = re.sub(r"<style>.*?</style>", "", await answer.text(), flags=re.DOTALL)
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


async def press(browser: Browser, url: str) -> str:
    """A button of a form without fields."""
    async with browser.post(url) as answer:
        assert answer.status == 200
        return await answer.text()


async def sell(client: Client, gold: Any, **more: Any) -> Any:
    given: Any = {"mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 2}], **more}
    return await client.v1.checkout.sessions.create_async(given)


async def test_the_checkout_page_sells_a_subscription(client: Client, gold: Any, browser: Browser) -> None:
    session = await sell(client, gold, cancel_url="https://example.com/no")
    shown = await read(browser, session.url)
    assert "Gold × 2" in shown
    assert "Due today $10.00" in shown
    declined = await read(browser, session.url, 402, **PERSON, **DECLINED)
    assert "Your card was declined." in declined
    wrong = await read(browser, session.url, 402, **PERSON, **DATELESS)
    assert "expiration date" in wrong
    nameless = await read(browser, session.url, 402, name=" ", email="ada@example.com", **CARD)
    assert "name and an e-mail" in nameless
    assert "Thank you" in await read(browser, session.url, **PERSON, **CARD)
    assert "has been paid" in await read(browser, session.url)
    customer = (
        await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    ).customer
    assert isinstance(customer, stripe.Customer)
    assert (customer.name, customer.email) == ("Ada Member", "ada@example.com")


async def test_paying_leads_to_the_success_page(client: Client, gold: Any, browser: Browser) -> None:
    session = await sell(client, gold, success_url="http://127.0.0.1:9/done?s={CHECKOUT_SESSION_ID}")
    async with browser.post(session.url, data={**PERSON, **CARD}, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == f"http://127.0.0.1:9/done?s={session.id}"


async def test_the_checkout_page_names_trial_and_expiry(
    client: Client, gold: Any, browser: Browser, clock: MovableClock
) -> None:
    session = await sell(client, gold, subscription_data={"trial_period_days": 7})
    shown = await read(browser, session.url)
    assert "Free until" in shown
    assert "Due today $0.00" in shown
    clock.advance(90_000)
    assert "expired" in await read(browser, session.url, 410)
    assert "does not exist" in await read(browser, session.url + "x", 404)


async def configure(client: Client, **features: Any) -> str:
    given: Any = {
        "business_profile": {
            "terms_of_service_url": "https://example.com/terms",
            "privacy_policy_url": "https://example.com/privacy",
        },
        "features": {name: {"enabled": True, **more} for name, more in features.items()},
    }
    return (await client.v1.billing_portal.configurations.create_async(given)).id


async def enter(client: Client, subscription: Any, configuration: str, **more: Any) -> str:
    given: Any = {"customer": subscription.customer, "configuration": configuration, **more}
    return (await client.v1.billing_portal.sessions.create_async(given)).url


async def test_the_portal_shows_what_the_configuration_allows(
    client: Client, fake: StripeServer, gold: Any, browser: Browser
) -> None:
    subscription = await subscribe(client, fake, gold)
    bare = await enter(client, subscription, await configure(client, invoice_history={}))
    shown = await read(browser, bare)
    assert "Gold $5.00 per month" in shown
    for absent in ("Cancel plan", "Update plan", "Update card", "Update information", "Pause plan"):
        assert absent not in shown
    assert "Invoice history" in shown
    assert "does not offer" in await read(browser, f"{bare}/cancel/{subscription.id}", 400)
    assert "does not offer" in await read(browser, f"{bare}/card", 400, **CARD)
    full = await configure(
        client,
        subscription_cancel={},
        payment_method_update={},
        customer_update={"allowed_updates": ["email"]},
        subscription_pause={},
    )
    shown = await read(
        browser, await enter(client, subscription, full, return_url="https://example.com/back")
    )
    for present in (
        "Cancel plan",
        "Update card",
        "Update information",
        "Pause plan",
        "Terms",
        "Privacy",
        "Return",
    ):
        assert present in shown
    assert "Invoice history" not in shown


async def test_a_customer_cancels_and_renews_in_the_portal(
    client: Client, fake: StripeServer, gold: Any, browser: Browser, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold)
    reasons = {"cancellation_reason": {"enabled": True, "options": ["unused", "too_expensive"]}}
    url = await enter(client, subscription, await configure(client, subscription_cancel=reasons))
    assert "stays available until" in await read(browser, f"{url}/cancel/{subscription.id}")
    shown = await read(browser, f"{url}/cancel/{subscription.id}", feedback="unused")
    assert "will be canceled on" in shown
    planned = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert planned.cancel_at == subscription["items"].data[0].current_period_end
    assert planned.cancel_at_period_end is False
    assert planned.cancellation_details is not None
    assert planned.cancellation_details.feedback == "unused"
    await press(browser, f"{url}/renew/{subscription.id}")
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).cancel_at is None


async def test_classic_subscriptions_are_canceled_the_old_way(
    client: Client, fake: StripeServer, gold: Any, browser: Browser
) -> None:
    fake.world.settings.billing_mode = "classic"
    subscription = await subscribe(client, fake, gold)
    url = await enter(client, subscription, await configure(client, subscription_cancel={}))
    await press(browser, f"{url}/cancel/{subscription.id}")
    planned = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert (planned.cancel_at_period_end, planned.cancel_at is None) == (True, False)
    await press(browser, f"{url}/renew/{subscription.id}")
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).cancel_at_period_end is False


async def test_canceling_at_once_where_the_owner_says_so(
    client: Client, fake: StripeServer, gold: Any, browser: Browser
) -> None:
    subscription = await subscribe(client, fake, gold)
    url = await enter(
        client, subscription, await configure(client, subscription_cancel={"mode": "immediately"})
    )
    assert "You have no plan" in html.unescape(await press(browser, f"{url}/cancel/{subscription.id}"))
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "canceled"


async def test_a_customer_switches_plans_in_the_portal(
    client: Client, fake: StripeServer, gold: Any, browser: Browser
) -> None:
    silver = fake.add_price(fake.add_product("Silver"), 300)
    other = fake.add_price(fake.add_product("Platinum"), 900)
    subscription = await subscribe(client, fake, gold)
    products = [{"product": one["product"], "prices": [one["id"]]} for one in (gold, silver)]
    update = {"default_allowed_updates": ["price"], "products": products}
    url = await enter(client, subscription, await configure(client, subscription_update=update))
    shown = await read(browser, f"{url}/switch/{subscription.id}")
    assert "Silver $3.00 per month" in shown
    assert "Platinum" not in shown
    assert "not offered" in await read(browser, f"{url}/switch/{subscription.id}", 400, price=other["id"])
    assert "Silver $3.00" in await read(browser, f"{url}/switch/{subscription.id}", price=silver["id"])
    changed = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert changed["items"].data[0].price.id == silver["id"]


async def test_a_customer_changes_card_and_details_and_pauses_in_the_portal(
    client: Client, fake: StripeServer, gold: Any, browser: Browser
) -> None:
    subscription = await subscribe(client, fake, gold)
    allowed = {"allowed_updates": ["email", "address"]}
    configuration = await configure(
        client, payment_method_update={}, customer_update=allowed, subscription_pause={}
    )
    url = await enter(client, subscription, configuration)
    assert "declined" in await read(browser, f"{url}/card", 402, card="4000000000000002", expiry="12/40")
    shown = await read(browser, f"{url}/card", card="5555 5555 5555 4444", expiry="12/40")
    assert "Mastercard •••• 4444" in shown
    await read(browser, f"{url}/details", email="new@example.com", name="Not allowed", city="Lyon")
    customer = await client.v1.customers.retrieve_async(str(subscription.customer))
    assert (customer.email, customer.name) == ("new@example.com", "Ada Member")
    assert customer.address is not None
    assert customer.address.city == "Lyon"
    assert "Resume plan" in await press(browser, f"{url}/pause/{subscription.id}")
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "paused"
    await press(browser, f"{url}/unpause/{subscription.id}")
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_portal_links_are_short_lived_and_private(
    client: Client, fake: StripeServer, gold: Any, browser: Browser, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold)
    other = await subscribe(client, fake, gold)
    configuration = await configure(client, subscription_cancel={})
    url = await enter(client, subscription, configuration)
    assert "no such subscription" in await read(browser, f"{url}/cancel/{other.id}", 404)
    assert "expired" in await read(browser, url + "x", 410)
    unused = await enter(client, subscription, configuration)
    clock.advance(301)
    assert "expired" in await read(browser, unused, 410)
    again = await enter(client, subscription, configuration)
    await read(browser, again)
    clock.advance(3000)
    assert "Gold" in await read(browser, again)
    clock.advance(3601)
    assert "expired" in await read(browser, again, 410)
    last = await enter(client, subscription, configuration)
    fake.dashboard.delete_customer(str(subscription.customer))
    assert "expired" in await read(browser, last, 410)


async def test_a_flow_opens_at_its_page_and_leads_back(
    client: Client, fake: StripeServer, gold: Any, browser: Browser
) -> None:
    subscription = await subscribe(client, fake, gold)
    configuration = await configure(client, subscription_cancel={}, payment_method_update={})
    back = {"type": "redirect", "redirect": {"return_url": "http://127.0.0.1:9/back"}}
    flow = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": subscription.id},
        "after_completion": back,
    }
    url = await enter(client, subscription, configuration, flow_data=flow)
    assert "Cancel your plan" in await read(browser, url)
    async with browser.post(f"{url}/cancel/{subscription.id}", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "http://127.0.0.1:9/back"
    with pytest.raises(stripe.InvalidRequestError, match="already set to be canceled"):
        await enter(client, subscription, configuration, flow_data=flow)
    done = {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "Card kept."}}
    card = {"type": "payment_method_update", "after_completion": done}
    url = await enter(client, subscription, configuration, flow_data=card)
    assert "Update your card" in await read(browser, url)
    assert "Card kept." in await read(browser, f"{url}/card", **CARD)
    assert "Current plan" in await read(browser, url)


async def test_an_open_invoice_is_paid_on_its_page(
    client: Client, fake: StripeServer, gold: Any, browser: Browser, clock: MovableClock
) -> None:
    subscription = await subscribe(client, fake, gold)
    fake.portal_card(fake.portal_link(str(subscription.customer)), "4000000000000341")
    clock.advance(32 * 86_400)
    late = await client.v1.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    invoice: Any = late.latest_invoice
    assert "Pay $5.00" in await read(browser, invoice.hosted_invoice_url)
    assert "declined" in await read(browser, invoice.hosted_invoice_url, 402, **DECLINED)
    assert "Paid" in await read(browser, invoice.hosted_invoice_url, **CARD)
    assert (await client.v1.subscriptions.retrieve_async(subscription.id)).status == "active"
    charge = fake.dashboard.last_charge(subscription.id)
    assert "4242" in await read(browser, charge["receipt_url"])
