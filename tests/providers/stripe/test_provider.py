"""Stripe's own behaviour: schedules, cancelling in the portal, pauses, odd payments, shapes of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import stripe

from billing.errors import ProviderNotFound, ProviderRefused
from billing.model import DisputeState, Payment, Status, Subject, Subscription, Unsure
from billing.rules.access import SubscriptionAccess, decide_right
from i18n.plain import plain_words
from providers.stripe.own_account import account_of
from providers.stripe.provider import StripeProvider
from tests.contract.providers.harness import DAY, GUILD, HOME, MEMBER, buy, order, portal_options
from tests.contract.providers.stripe import KEY, StripeSurroundings
from tests.providers.stripe.responder import Responder
from tests.providers.stripe.samples import NOW, invoice, item, listed, price, subscription


def test_the_prefix_of_the_key_decides_the_mode() -> None:
    assert [account_of(key) for key in ("sk_live_x", "rk_live_x", "sk_test_x", "rk_test_x", "x")] == [
        "live", "live", "test", "test", "test",
    ]  # fmt: skip


@asynccontextmanager
async def owner(there: StripeSurroundings) -> AsyncIterator[stripe.StripeClient]:
    """The account's owner, who does through the API what the Dashboard does."""
    http = stripe.AIOHTTPClient()
    yield stripe.StripeClient(KEY, base_addresses={"api": there.server.url}, http_client=http)
    await http.close_async()  # type: ignore[no-untyped-call]  # the SDK left this one out


async def put_under_schedule(there: StripeSurroundings, bought: Subscription) -> str:
    """As the portal or the owner does who plans a change."""
    async with owner(there) as client:
        made = await client.v1.subscription_schedules.create_async({"from_subscription": bought.key.id})
    return made.id


@pytest.mark.parametrize("change", ["cancel_at_period_end", "cancel_now"])
async def test_cancelling_releases_the_schedule_first(there: StripeSurroundings, change: str) -> None:
    bought = await buy(there)
    schedule = await put_under_schedule(there, bought)
    after = await getattr(there.provider, change)(bought, "intent-1")
    assert not after.renews
    assert there.server.world.get("subscription_schedule", schedule)["status"] == "released"


async def test_a_schedule_stays_where_nothing_changes(there: StripeSurroundings) -> None:
    bought = await buy(there)
    schedule = await put_under_schedule(there, bought)
    after = await there.provider.resume(bought, "intent-1")
    assert replace(after, terms=bought.terms) == bought
    assert after.terms.unsure == (Unsure.CHANGE,)
    assert there.server.world.get("subscription_schedule", schedule)["status"] == "active"


async def test_a_subscription_cancelled_in_the_portal_can_be_resumed(there: StripeSurroundings) -> None:
    bought = await buy(there)
    link = await there.provider.manage_link(bought, portal_options(bought.price))
    there.server.portal_cancel(link, bought.key.id)
    seen = await there.provider.fetch_subscription(bought.key.id)
    assert seen.ends_at == bought.period_end
    assert await there.provider.cancel_at_period_end(bought, "intent-1") == seen
    assert await there.provider.resume(seen, "intent-2") == bought


async def test_cancelling_moves_a_later_end_to_the_end_of_the_period(there: StripeSurroundings) -> None:
    bought = await buy(there)
    assert bought.period_end is not None
    there.server.dashboard.change(bought.key.id, {"cancel_at": bought.period_end + 300 * DAY})
    seen = await there.provider.fetch_subscription(bought.key.id)
    assert seen.ends_at == bought.period_end + 300 * DAY
    cancelled = await there.provider.cancel_at_period_end(seen, "intent-1")
    assert cancelled.ends_at == bought.period_end


async def test_cancelling_before_payment_ends_now(responder: Responder, stripe_at: StripeProvider) -> None:
    what = "/v1/subscriptions/sub_1"
    responder.say(f"GET {what}", subscription(status="incomplete"))
    responder.say(f"DELETE {what}", subscription(status="canceled", ended_at=NOW))
    found = await stripe_at.fetch_subscription("sub_1")
    assert (await stripe_at.cancel_at_period_end(found, "intent-1")).status is Status.ENDED


async def test_not_found_on_ending_is_accepted_only_for_an_ended_subscription(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    what = "/v1/subscriptions/sub_1"
    responder.say(f"GET {what}", subscription())
    responder.refuse(f"DELETE {what}", 404, code="resource_missing")
    found = await stripe_at.fetch_subscription("sub_1")
    with pytest.raises(ProviderNotFound):
        await stripe_at.cancel_now(found, "intent-1")
    responder.replies[f"GET {what}"][:] = []
    responder.say(f"GET {what}", subscription())
    responder.say(f"GET {what}", subscription(status="canceled", ended_at=NOW))
    assert (await stripe_at.cancel_now(found, "intent-1")).status is Status.ENDED


async def test_paused_collection_keeps_access(there: StripeSurroundings) -> None:
    bought = await buy(there)
    there.server.dashboard.pause(bought.key.id, "void")
    there.clock.advance(40 * DAY)
    await there.settle()
    paused = await there.provider.fetch_subscription(bought.key.id)
    assert paused.status is Status.ACTIVE
    assert decide_right(paused, there.clock.now(), 0) == SubscriptionAccess(None, "history.paid")


async def test_a_paused_subscription_is_paused(there: StripeSurroundings) -> None:
    bought = await buy(there)
    async with owner(there) as client:
        await client.v1.subscriptions.pause_async(bought.key.id, {"type": "subscription"})
    assert (await there.provider.fetch_subscription(bought.key.id)).status is Status.PAUSED


async def test_a_moved_renewal_and_a_changed_price_are_seen(there: StripeSurroundings) -> None:
    bought = await buy(there)
    silver = there.server.add_price(there.server.add_product("Silver"), 900)
    there.server.dashboard.change_price(bought.key.id, silver["id"])
    moved = int(there.clock.now()) + 50 * DAY
    there.server.dashboard.move_renewal(bought.key.id, moved)
    seen = await there.provider.fetch_subscription(bought.key.id)
    assert (seen.price.id, seen.price.amount, seen.period_end) == (silver["id"], 900, moved)


async def test_a_checkout_session_has_the_documented_fields(there: StripeSurroundings) -> None:
    gold = await there.provider.fetch_price(there.sell())
    await there.provider.start_checkout(order(gold, trial_days=3))
    (asked,) = [e.given for e in there.server.exchanges if e.path == "/v1/checkout/sessions"]
    ids = {"discord_user_id": str(MEMBER), "discord_guild_id": str(GUILD)}
    about = {**ids, "plan": "Gold", "dues_checkout": "opaque-1"}
    whom = "Mia x https evil.example (@mia)"
    described = f"Gold for {whom} in Pottery"
    assert asked == {
        "adaptive_pricing": {"enabled": "false"},
        "mode": "subscription",
        "client_reference_id": "opaque-1",
        "line_items": {"0": {"price": gold.id, "quantity": "1"}},
        "subscription_data": {"metadata": about, "trial_period_days": "3", "description": described},
        "metadata": about,
        "custom_text": {"submit": {"message": f"You pay for {whom} in Pottery on Discord."}},
        "allow_promotion_codes": "true",
        "success_url": f"{HOME}?from=paid",
        "cancel_url": f"{HOME}?from=cancelled",
    }


async def test_a_checkout_without_a_trial_names_none(there: StripeSurroundings) -> None:
    gold = await there.provider.fetch_price(there.sell())
    await there.provider.start_checkout(order(gold))
    (asked,) = [e.given for e in there.server.exchanges if e.path == "/v1/checkout/sessions"]
    assert "trial_period_days" not in asked["subscription_data"]


async def test_a_refused_customer_is_left_out(responder: Responder, stripe_at: StripeProvider) -> None:
    what = "POST /v1/checkout/sessions"
    responder.say("GET /v1/prices/price_gold", price())
    responder.refuse(what, 400)  # another currency: Stripe names neither code nor parameter
    responder.say(what, {"id": "cs_1", "object": "checkout.session", "url": "https://pay", "expires_at": 9})
    gold = await stripe_at.fetch_price("price_gold")
    page = await stripe_at.start_checkout(order(gold, customer="cus_1"))
    assert (page.id, page.url, page.expires_at) == ("cs_1", "https://pay", 9)
    first, second = [asked for asked in responder.asked if asked.method == "POST"]
    assert (first.params["customer"], "customer" in second.params) == ("cus_1", False)
    assert (first.headers["idempotency-key"], second.headers["idempotency-key"]) == (
        "opaque-1",
        "opaque-1-anew",
    )


@pytest.mark.parametrize("status", [401, 403, 402])
async def test_another_refusal_of_a_page_raises(
    responder: Responder, stripe_at: StripeProvider, status: int
) -> None:
    responder.say("GET /v1/prices/price_gold", price())
    responder.refuse("POST /v1/checkout/sessions", status)
    gold = await stripe_at.fetch_price("price_gold")
    with pytest.raises(ProviderRefused):
        await stripe_at.start_checkout(order(gold, customer="cus_1"))
    assert sum(asked.method == "POST" for asked in responder.asked) == 1


async def test_further_pages_of_items_are_fetched(responder: Responder, stripe_at: StripeProvider) -> None:
    responder.say("GET /v1/subscriptions/sub_1", subscription(items=listed(item(), more=True)))
    responder.say("GET /v1/subscription_items", listed(item(), item(id="si_2", price=price(id="price_2"))))
    found = await stripe_at.fetch_subscription("sub_1")
    assert [i.price.id for i in found.items] == ["price_gold", "price_2"]
    assert responder.asked[-1].params["subscription"] == "sub_1"


async def test_an_invoice_that_was_not_expanded_is_fetched_where_it_decides(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    what = "GET /v1/subscriptions/sub_1"
    responder.say(what, subscription(status="past_due", latest_invoice="in_1"))
    responder.say("GET /v1/invoices/in_1", invoice())
    assert (await stripe_at.fetch_subscription("sub_1")).unpaid_since == NOW + 100
    responder.replies[what].clear()
    responder.say(what, subscription(latest_invoice="in_1"))
    await stripe_at.fetch_subscription("sub_1")
    assert len(responder.asked) == 3


async def test_the_last_payment_is_the_last_above_zero(there: StripeSurroundings) -> None:
    bought = await buy(there, trial_days=3)
    assert await there.provider.fetch_last_payment(bought) is None
    there.clock.advance(4 * DAY)
    await there.server.settle()
    payment = await there.provider.fetch_last_payment(bought)
    assert payment is not None
    assert payment.id.startswith("pi_")
    assert payment.amount == 500


async def test_an_invoice_over_zero_is_not_a_payment(responder: Responder, stripe_at: StripeProvider) -> None:
    found = await mapped(responder, stripe_at)
    free = invoice(id="in_2", status="paid", amount_paid=0)
    responder.say("GET /v1/invoices", listed(free, invoice(status="paid")))
    responder.say("GET /v1/invoice_payments", listed({"payment": {"type": "charge", "charge": "ch_1"}}))
    responder.say("GET /v1/charges/ch_1", charge())
    assert await stripe_at.fetch_last_payment(found) is not None
    assert [a.params["invoice"] for a in responder.asked if a.path == "/v1/invoice_payments"] == ["in_1"]


async def test_a_payment_outside_of_stripe_cannot_be_refunded_here(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    found = await mapped(responder, stripe_at)
    responder.say("GET /v1/invoices", listed(invoice(status="paid", amount_paid=0), invoice(status="paid")))
    responder.say("GET /v1/invoice_payments", listed())
    assert await stripe_at.fetch_last_payment(found) is None


async def mapped(responder: Responder, stripe_at: StripeProvider) -> Subscription:
    responder.say("GET /v1/subscriptions/sub_1", subscription())
    return await stripe_at.fetch_subscription("sub_1")


def charge(**changes: Any) -> dict[str, Any]:
    plain = {"id": "ch_1", "object": "charge", "amount": 500, "amount_captured": 500, "currency": "eur"}
    return {**plain, "amount_refunded": 0, "payment_intent": None, **changes}


async def test_a_charge_without_intent_is_a_payment(responder: Responder, stripe_at: StripeProvider) -> None:
    found = await mapped(responder, stripe_at)
    responder.say("GET /v1/invoices", listed(invoice(status="paid")))
    responder.say(
        "GET /v1/invoice_payments",
        listed({"payment": {"type": "charge", "charge": "ch_1"}, "status": "paid"}),
    )
    responder.say("GET /v1/charges/ch_1", charge())
    responder.say("GET /v1/charges/ch_1", charge())
    responder.say("GET /v1/charges/ch_1", charge(amount_refunded=500))
    responder.say("POST /v1/refunds", {"id": "re_1", "object": "refund", "status": "succeeded"})
    payment = await stripe_at.fetch_last_payment(found)
    assert payment == Payment("ch_1", 500, 0, "eur", NOW + 60)
    assert (await stripe_at.refund(payment, "intent-1")).refunded == 500
    (asked,) = [one for one in responder.asked if one.method == "POST"]
    assert asked.params == {"charge": "ch_1"}
    assert asked.headers["idempotency-key"] == "intent-1"


@pytest.mark.parametrize(("code", "says"), [("charge_disputed", "bank"), ("insufficient_funds", "rejected")])
async def test_a_refund_that_stripe_refuses_is_explained(
    responder: Responder, stripe_at: StripeProvider, code: str, says: str
) -> None:
    responder.say("GET /v1/charges/ch_1", charge())
    responder.refuse("POST /v1/refunds", 400, code=code)
    with pytest.raises(ProviderRefused) as met:
        await stripe_at.refund(Payment("ch_1", 500, 0, "eur", NOW), "intent-1")
    assert says in plain_words(met.value.user_message)
    assert code in str(met.value)


async def test_a_refund_made_meanwhile_is_no_error(responder: Responder, stripe_at: StripeProvider) -> None:
    responder.say("GET /v1/charges/ch_1", charge())
    responder.say("GET /v1/charges/ch_1", charge(amount_refunded=500))
    responder.refuse("POST /v1/refunds", 400, code="charge_already_refunded")
    assert (await stripe_at.refund(Payment("ch_1", 500, 0, "eur", NOW), "intent-1")).refunded == 500


async def test_a_failed_refund_is_refused_by_text(responder: Responder, stripe_at: StripeProvider) -> None:
    responder.say("GET /v1/charges/ch_1", charge())
    responder.say("POST /v1/refunds", {"id": "re_1", "object": "refund", "status": "failed"})
    with pytest.raises(ProviderRefused, match="refund_failed"):
        await stripe_at.refund(Payment("ch_1", 500, 0, "eur", NOW), "intent-1")


@pytest.mark.parametrize(
    ("subject", "path", "body"),
    [
        (Subject("charge", "ch_1"), "/v1/charges/ch_1", charge(payment_intent="pi_1")),
        (Subject("charge", "ch_1"), "/v1/charges/ch_1", charge(invoice="in_1")),
        (Subject("refund", "re_1"), "/v1/refunds/re_1", {"object": "refund", "payment_intent": "pi_1"}),
        (Subject("dispute", "dp_1"), "/v1/disputes/dp_1", {"payment_intent": {"id": "pi_1"}}),
        (Subject("invoice", "in_1"), "/v1/invoices/in_1", invoice()),
        (
            Subject("checkout.session", "cs_1"),
            "/v1/checkout/sessions/cs_1",
            {"object": "checkout.session", "subscription": "sub_1"},
        ),
    ],
)  # fmt: skip
async def test_each_subject_leads_to_its_subscription(
    responder: Responder, stripe_at: StripeProvider, subject: Subject, path: str, body: dict[str, Any]
) -> None:
    responder.say(f"GET {path}", body)
    responder.say("GET /v1/invoices/in_1", invoice())
    responder.say("GET /v1/invoice_payments", listed({"invoice": "in_1"}, {"invoice": invoice()}))
    assert await stripe_at.locate(subject) == ["sub_1"]


@pytest.mark.parametrize("kind", ["price", "product", "payout"])
async def test_subjects_of_other_kinds_lead_to_no_subscription(
    responder: Responder, stripe_at: StripeProvider, kind: str
) -> None:
    assert await stripe_at.locate(Subject(kind, "x_1")) == []
    assert not responder.asked


async def test_a_dispute_of_a_lone_charge_is_followed_through_its_charge(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    responder.say("GET /v1/disputes/dp_1", {"object": "dispute", "charge": "ch_1", "status": "lost"})
    responder.say("GET /v1/charges/ch_1", charge(payment_intent="pi_1"))
    responder.say("GET /v1/invoice_payments", listed({"invoice": invoice()}))
    assert await stripe_at.fetch_dispute("dp_1") == ("sub_1", DisputeState.LOST)


async def test_a_dispute_about_another_payment_has_no_subscription(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    responder.say("GET /v1/disputes/dp_1", {"object": "dispute", "payment_intent": "pi_9", "status": "won"})
    responder.say("GET /v1/invoice_payments", listed())
    assert await stripe_at.fetch_dispute("dp_1") == (None, DisputeState.WON)


async def test_an_unknown_price_is_explained(there: StripeSurroundings) -> None:
    with pytest.raises(ProviderNotFound) as met:
        await there.provider.fetch_price("prod_gold")
    assert "price_" in plain_words(met.value.user_message)


async def test_each_method_makes_no_more_calls_than_needed(there: StripeSurroundings) -> None:
    bought = await buy(there)
    link_options = portal_options(bought.price)
    await there.provider.manage_link(bought, link_options)
    payment = await there.provider.fetch_last_payment(bought)
    assert payment is not None
    costs = {
        "fetch": (there.provider.fetch_subscription(bought.key.id), 1),
        "list": (collect(there.provider), 1),
        "price": (there.provider.fetch_price(bought.price.id), 1),
        "checkout": (there.provider.start_checkout(order(bought.price, "opaque-3")), 1),
        "manage again": (there.provider.manage_link(bought, link_options), 1),
        "cancel": (there.provider.cancel_at_period_end(bought, "intent-1"), 2),
        "cancel again": (there.provider.cancel_at_period_end(bought, "intent-1"), 1),
        "resume": (there.provider.resume(bought, "intent-2"), 2),
        "resume again": (there.provider.resume(bought, "intent-2"), 1),
        "last payment": (there.provider.fetch_last_payment(bought), 3),
        "refund": (there.provider.refund(payment, "intent-4"), 3),
        "refund again": (there.provider.refund(payment, "intent-5"), 1),
        "end": (there.provider.cancel_now(bought, "intent-3"), 2),
        "end again": (there.provider.cancel_now(bought, "intent-3"), 1),
    }
    counted = {}
    for name, (call, _) in costs.items():
        there.server.exchanges.clear()
        await call
        counted[name] = len(there.server.exchanges)
    assert counted == {name: cost for name, (_, cost) in costs.items()}


async def collect(provider: Any) -> list[Subscription]:
    return [one async for one in provider.list_subscriptions()]


async def test_a_checkout_that_made_another_subscription_is_not_taken_for_this_one(
    responder: Responder, stripe_at: StripeProvider
) -> None:
    sessions = [
        {"id": f"cs_{n}", "object": "checkout.session", "client_reference_id": f"ours_{n}", "subscription": s}
        for n, s in enumerate(("sub_2", None, "sub_1"))
    ]
    responder.say("GET /v1/checkout/sessions", listed(*sessions))
    found = await stripe_at.fetch_checkout("sub_1")
    assert found is not None
    assert found.checkout_id == "ours_2"
    assert await stripe_at.fetch_checkout("sub_3") is None
