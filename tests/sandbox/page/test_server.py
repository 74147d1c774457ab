"""The page's server: whom it answers, and what it says to those whom it does not understand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.page import PageServer
from sandbox.stage import Stage


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def act(
    http: aiohttp.ClientSession, server: PageServer, action: str, body: Any
) -> tuple[int, dict[str, Any]]:
    async with http.post(f"{server.url}api/{action}", json=body) as answer:
        return answer.status, await answer.json()


async def look(http: aiohttp.ClientSession, server: PageServer, who: str) -> dict[str, Any]:
    """The first picture of the stream."""
    async with http.get(f"{server.url}events", params={"as": who}) as answer:
        line = await answer.content.readline()
        found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
        return found


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["events", "main.js"])
async def test_the_page_refuses_other_hosts_names_and_origins(
    http: aiohttp.ClientSession, server: PageServer, path: str, headers: dict[str, str]
) -> None:
    async with http.get(server.url + path, headers=headers) as answer:
        assert answer.status == 403
        assert "Mia" not in await answer.text()


async def test_another_sites_form_has_no_effect(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    body = json.dumps({"place": "general", "text": "forged"})
    for headers in ({"Content-Type": "text/plain"}, {"Origin": "http://evil.example"}):
        async with http.post(f"{server.url}api/say", data=body, headers=headers) as answer:
            assert answer.status in (400, 403)
    assert stage.mia.messages(stage.general) == []


async def test_the_pages_policy_allows_no_foreign_scripts(
    http: aiohttp.ClientSession, server: PageServer
) -> None:
    async with http.get(server.url) as answer:
        policy = answer.headers["Content-Security-Policy"]
        markup = await answer.text()
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "//" not in markup.replace("<!doctype", "").replace("http://www.w3.org", "")


async def test_each_person_gets_their_own_snapshot(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    await stage.mia.run(stage.general, "subscribe")
    mia, tom, ada = [await look(http, server, name) for name in ("Mia", "Tom", "Ada")]
    assert [len(picture["places"][0]["messages"]) for picture in (mia, tom)] == [1, 0]
    assert [place["key"] for place in tom["places"]] == ["general", "dm"]
    assert [place["key"] for place in ada["places"]] == ["general", "dues-notices", "dm"]
    assert {c["name"] for c in tom["places"][0]["commands"]} == {
        "cancel",
        "manage",
        "subscribe",
        "subscriptions",
    }
    assert {"plans", "revoke", "doctor"} <= {c["name"] for c in ada["places"][0]["commands"]}
    assert mia["places"][0]["messages"][0]["used"]["command"] == "subscribe"


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("command", {"place": "nowhere", "command": "subscribe"}),
        ("command", {"place": "general", "command": "subscribe", "options": [1]}),
        ("press", {"message": "x"}),
        ("press", {"message": "1"}),
        ("choose", {"message": "1", "values": "a"}),
        ("modal", {"interaction": "1", "values": {}}),
        ("clock", {"to": "period_end", "subscription": "sub_1"}),
        ("desk", {"do": "refund", "subscription": "sub_1"}),
        ("desk", {"do": "explode", "subscription": "sub_1"}),
        ("deliveries", {"late": -1}),
        ("deliveries", {"late": "soon"}),
        ("say", [1]),
    ],
)
async def test_a_malformed_action_is_refused_with_a_sentence(
    http: aiohttp.ClientSession, server: PageServer, action: str, body: Any
) -> None:
    status, found = await act(http, server, action, body)
    assert status == 400
    assert found["error"].endswith(".")


async def test_an_action_that_discord_would_not_offer_is_refused_with_its_reason(
    http: aiohttp.ClientSession, server: PageServer
) -> None:
    body = {"as": "Tom", "place": "general", "command": "revoke", "options": {}}
    status, found = await act(http, server, "command", body)
    assert (status, "permission" in found["error"]) == (409, True)


async def test_a_person_cannot_press_a_button_of_anothers_ephemeral_message(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    await stage.ada.run(stage.general, "plans list")
    reply = await stage.mia.run(stage.general, "subscribe")
    body = {"as": "Tom", "message": str(reply.message.id), "custom_id": "x"}
    status, found = await act(http, server, "press", body)
    assert (status, found["error"]) == (409, "Tom does not see this message.")


async def test_an_unknown_action_and_a_body_too_large_are_refused(
    http: aiohttp.ClientSession, server: PageServer
) -> None:
    assert (await act(http, server, "explode", {}))[0] == 404
    async with http.post(f"{server.url}api/say", json={"text": "x" * 100_000}) as answer:
        assert answer.status == 413


async def test_the_pages_ledger_names_people_and_roles(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    reply = await stage.mia.run(stage.general, "subscribe", {"plan": "Gold"})
    stage.stripe.pay_checkout(str(reply.buttons[0].url))
    await stage.settle()
    rows = (await look(http, server, "Mia"))["history"]
    assert ("Mia", "roles", "@Gold") in [(row["member"], row["subject"], row["after"]) for row in rows]
    assert "Gold subscription" in [row["subject"] for row in rows]
    assert "active Gold, €5.00 per month" in [row["after"] for row in rows]
    assert any(row["after"].startswith("name Gold for a year roles=@Gold") for row in rows)
    assert "notice channel: #dues-notices, plan switching: True" in [row["after"] for row in rows]


async def test_every_button_of_stripes_dashboard_has_its_effect(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    reply = await stage.mia.run(stage.general, "subscribe", {"plan": "Gold"})
    paid = stage.stripe.pay_checkout(str(reply.buttons[0].url))
    of = paid["subscription"]

    async def offered() -> set[str]:
        return {*(await look(http, server, "Mia"))["subscriptions"][0]["can"]}

    async def do(name: str, **more: str) -> set[str]:
        status, found = await act(http, server, "desk", {"do": name, "subscription": of, **more})
        assert (status, found) == (200, {})
        return await offered()

    assert await offered() == {"fail", "dispute", "refund", "cancel", "pause", "switch"}
    assert "unpause" in await do("pause")
    assert "pause" in await do("unpause")
    await do("switch", price=stage.shop.gold_yearly)
    assert {"win", "lose"} <= await do("dispute")
    assert not {"win", "lose", "dispute"} & await do("win")
    await do("fail")
    assert stage.stripe.world.settings.decline_next == 1
    await do("fail")
    assert stage.stripe.world.settings.decline_next == 0
    assert await do("cancel") <= {"refund", "dispute"}
    await stage.settle()


async def test_every_button_of_paypals_dashboard_has_its_effect(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    """Each as long as it fits, with what it does to the agreement or the payment."""
    reply = await stage.mia.run(stage.general, "subscribe", {"plan": "Gold"})
    stage.paypal.approve(str(reply.button("Pay €5.00 a month with PayPal").url))
    agreement = stage.paypal.world.all("subscription")[-1]

    async def row() -> dict[str, Any]:
        (found,) = (await look(http, server, "Mia"))["subscriptions"]
        assert isinstance(found, dict)
        return found

    async def do(name: str) -> set[str]:
        status, found = await act(http, server, "desk", {"do": name, "subscription": agreement.id})
        assert (status, found) == (200, {})
        return {*(await row())["can"]}

    first = await row()
    assert (first["person"], first["provider"], first["product"]) == ("Mia", "PayPal", "Gold")
    assert {*first["can"]} == {"fail", "dispute", "refund", "reverse", "cancel", "suspend"}
    assert await do("suspend") == {"dispute", "refund", "reverse", "cancel", "activate"}
    assert agreement.status == "SUSPENDED"
    assert "suspend" in await do("activate")
    assert {"win", "lose"} <= await do("dispute")
    assert not {"win", "lose", "dispute"} & await do("win")
    await do("fail")
    assert (await row())["fails_next"]
    await do("fail")
    assert not (await row())["fails_next"]
    await do("cancel")
    assert agreement.status == "CANCELLED"
    await stage.settle()


@pytest.mark.parametrize("do", ["refund", "reverse"])
async def test_a_paypal_payment_can_be_reversed_only_once(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage, do: str
) -> None:
    reply = await stage.mia.run(stage.general, "subscribe", {"plan": "Gold"})
    stage.paypal.approve(str(reply.button("Pay €5.00 a month with PayPal").url))
    body = {"do": do, "subscription": stage.paypal.world.all("subscription")[-1].id}
    assert (await act(http, server, "desk", body))[0] == 200
    assert (await act(http, server, "desk", body))[0] == 400
    assert [sale.status for sale in stage.paypal.world.all("sale")] == ["REFUNDED"]
    await stage.settle()


async def test_an_unapproved_paypal_page_is_not_listed_as_a_subscription(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    await stage.mia.run(stage.general, "subscribe", {"plan": "Gold"})
    assert stage.paypal.world.all("subscription")
    assert (await look(http, server, "Mia"))["subscriptions"] == []


async def test_notifications_of_both_providers_are_listed_newest_first(
    http: aiohttp.ClientSession, server: PageServer, stage: Stage
) -> None:
    assert (await act(http, server, "deliveries", {"double": True}))[0] == 200
    for person, label in ((stage.mia, "PayPal"), (stage.tom, "Stripe")):
        reply = await person.run(stage.general, "subscribe", {"plan": "Gold"})
        url = str(reply.button(f"Pay €5.00 a month with {label}").url)
        (stage.paypal.approve if label == "PayPal" else stage.stripe.pay_checkout)(url)
        await stage.settle()
        stage.clock.advance(60)
    events = (await look(http, server, "Mia"))["events"]
    providers = [event["provider"] for event in events]
    assert providers == sorted(providers, reverse=True)
    assert {*providers} == {"Stripe", "PayPal"}
    assert [event["label"] for event in events if event["type"] == "PAYMENT.SALE.COMPLETED"] == ["✓ 200 200"]
