"""The hosted pages, as a browser without scripts walks them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from standins.clock import MovableClock
from standins.paypal import PayPalServer
from tests.standins.paypal.helpers import CANCEL, DAY, RETURN, Client, kinds, link

Browser = aiohttp.ClientSession
Page = tuple[int, str, str]  # status, text, where it leads


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as found:
        yield found


async def get(browser: Browser, url: str) -> Page:
    async with browser.get(url, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def post(browser: Browser, url: str, **form: str) -> Page:
    async with browser.post(url, data=form, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def sign_in(browser: Browser, fake: PayPalServer, place: str, email: str = "mia@example.com") -> Page:
    return await post(browser, f"{fake.url}/signin", email=email, password="any", next=place)


def path_in(fake: PayPalServer, url: str) -> str:
    return url.removeprefix(fake.url)


async def test_a_buyer_signs_in_approves_and_returns(
    client: Client, fake: PayPalServer, gold: Any, browser: Browser
) -> None:
    made = await client.pending(gold)
    approve = link(made, "approve")
    status, text, _ = await get(browser, approve)
    assert (status, "Log in" in text) == (200, True)
    place = path_in(fake, approve)
    assert f'name="next" value="{place}"' in text
    status, _, where = await sign_in(browser, fake, place)
    assert (status, where) == (303, place)
    status, text, _ = await get(browser, approve)
    assert status == 200
    for words in ("Hi Mia", "Lantern Club", "$5.00 every month", "until you cancel", 'id="due">$5.00'):
        assert words in text
    assert (await client.show(made))["status"] == "APPROVAL_PENDING"
    status, _, where = await post(browser, approve, funding="good")
    assert (status, where.startswith(f"{RETURN}&subscription_id={made['id']}")) == (303, True)
    shown = await client.show(made)
    assert shown["status"] == "ACTIVE"
    assert shown["subscriber"]["email_address"] == "mia@example.com"
    status, text, _ = await post(browser, approve, funding="good")
    assert (status, "closed" in text) == (410, True)
    assert len(await client.transactions(made)) == 1


async def test_a_buyer_who_goes_back_changes_nothing(
    client: Client, fake: PayPalServer, gold: Any, browser: Browser
) -> None:
    made = await client.pending(gold)
    await sign_in(browser, fake, "/")
    _, text, _ = await get(browser, link(made, "approve"))
    cancel = re.search(r'id="cancel" href="([^"]+)"', text)
    assert cancel
    status, _, where = await get(browser, fake.url + cancel[1].replace("&amp;", "&"))
    assert (status, where.startswith(f"{CANCEL}?subscription_id={made['id']}")) == (303, True)
    assert fake.decline(link(made, "approve")).startswith(CANCEL)
    assert (await client.show(made))["status"] == "APPROVAL_PENDING"


async def test_an_empty_account_pays_nothing(
    client: Client, fake: PayPalServer, gold: Any, browser: Browser
) -> None:
    made = await client.pending(gold)
    await sign_in(browser, fake, "/")
    await post(browser, link(made, "approve"), funding="empty")
    assert kinds(fake)[-1] == "BILLING.SUBSCRIPTION.PAYMENT.FAILED"
    _, text, _ = await get(browser, fake.autopay_url)
    assert "Payment failed" in text
    assert "tried again" in text


async def test_the_approval_page_names_trials_and_later_starts(
    client: Client, fake: PayPalServer, browser: Browser, clock: MovableClock
) -> None:
    plan = fake.add_plan(
        fake.add_product("Gold"), "8.00", trials=(("0", "WEEK", 2),), setup_fee="1.00", interval="YEAR"
    )
    made = await client.pending(plan, start_time="2040-01-02T00:00:00Z")
    await sign_in(browser, fake, "/")
    _, text, _ = await get(browser, link(made, "approve"))
    for words in (
        "Trial, for 2 weeks",
        "Free",
        "$8.00 every year",
        "Set-up fee",
        'id="due">$1.00',
        "2 January 2040",
    ):
        assert words in text


async def test_an_unknown_approval_link_is_not_found(fake: PayPalServer, browser: Browser) -> None:
    place = f"{fake.url}/webapps/billing/subscriptions"
    assert (await get(browser, f"{place}?ba_token=BA-NONE"))[0] == 404
    assert (await post(browser, f"{place}?ba_token=BA-NONE"))[0] == 404
    assert (await get(browser, f"{place}/cancel?ba_token=BA-NONE"))[0] == 200


@pytest.mark.parametrize("place", ["//evil.example/x", "https://evil.example", "/\\evil.example", "x"])
async def test_signing_in_redirects_only_within_paypal(
    fake: PayPalServer, browser: Browser, place: str
) -> None:
    assert (await sign_in(browser, fake, place))[2] == "/myaccount/autopay/"


async def test_signing_in_requires_an_email_address(fake: PayPalServer, browser: Browser) -> None:
    status, text, _ = await sign_in(browser, fake, "/myaccount/autopay/", email="<b>mia")
    assert (status, 'role="alert"' in text) == (400, True)
    assert "<b>" not in text.partition("<main")[2]


async def test_a_buyer_sees_and_cancels_automatic_payments(
    client: Client, fake: PayPalServer, gold: Any, browser: Browser, clock: MovableClock
) -> None:
    made = await client.pending(gold)
    fake.approve(link(made, "approve"), "mia@example.com", "Mia")
    assert "Log in" in (await get(browser, fake.autopay_url))[1]
    await sign_in(browser, fake, "/myaccount/autopay/")
    _, text, _ = await get(browser, fake.autopay_url)
    assert made["id"] in text
    assert "The next payment is on" in text
    one = f"{fake.autopay_url}connect/{made['id']}"
    _, text, _ = await get(browser, one)
    assert "Cancel automatic payments" in text
    assert (await client.show(made))["status"] == "ACTIVE"
    status, _, where = await post(browser, f"{one}/cancel")
    assert (status, where) == (303, path_in(fake, one))
    _, text, _ = await get(browser, one)
    assert "Cancelled" in text
    assert 'id="cancel"' not in text
    assert (await client.show(made))["status"] == "CANCELLED"
    assert kinds(fake)[-1] == "BILLING.SUBSCRIPTION.CANCELLED"
    assert (await post(browser, f"{one}/cancel"))[0] == 409
    clock.advance(60 * DAY)
    await fake.settle()
    assert len(await client.transactions(made)) == 1


async def test_a_buyer_cannot_see_or_stop_anothers_automatic_payments(
    client: Client, fake: PayPalServer, gold: Any, browser: Browser
) -> None:
    made = await client.active(gold)
    one = f"{fake.autopay_url}connect/{made['id']}"
    await post(browser, f"{one}/cancel")
    await sign_in(browser, fake, "/", email="tom@example.com")
    assert made["id"] not in (await get(browser, fake.autopay_url))[1]
    assert (await get(browser, one))[0] == 404
    assert (await post(browser, f"{one}/cancel"))[0] == 409
    assert (await client.show(made))["status"] == "ACTIVE"


async def test_a_buyers_balance_can_be_emptied_and_filled(
    client: Client, fake: PayPalServer, gold: Any, browser: Browser
) -> None:
    await sign_in(browser, fake, "/")
    await post(browser, f"{fake.autopay_url}funding", funding="empty")
    assert not fake.world.buyer("mia@example.com").funded
    await post(browser, f"{fake.autopay_url}funding", funding="good")
    assert fake.world.buyer("mia@example.com").funded
    await post(browser, f"{fake.url}/signout", next="/myaccount/autopay/")
    assert "Log in" in (await get(browser, fake.autopay_url))[1]


async def test_a_buyer_agrees_to_a_revision(
    client: Client, fake: PayPalServer, gold: Any, browser: Browser
) -> None:
    silver = fake.add_plan(gold["product_id"], "3.00", name="Silver")
    made = await client.active(gold)
    path = f"/v1/billing/subscriptions/{made['id']}/revise"
    revised = await client.good("POST", path, {"plan_id": silver["id"]})
    await sign_in(browser, fake, "/", email="ada@example.com")
    _, text, _ = await get(browser, link(revised, "approve"))
    assert "Change your subscription" in text
    assert "$3.00 every month" in text
    await post(browser, link(revised, "approve"), funding="good")
    assert (await client.show(made))["plan_id"] == silver["id"]
    assert (await get(browser, link(revised, "approve")))[0] == 404


async def test_pages_carry_no_script_and_stay_private(fake: PayPalServer, browser: Browser) -> None:
    async with browser.get(fake.autopay_url) as answer:
        assert "<script" not in await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
