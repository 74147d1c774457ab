"""Stripe's answers in our words; what is missing is said by its path."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from billing.errors import ProviderMisread, ProviderRefused
from billing.model import PLAIN, DisputeState, Money, Price, Status, SubscriptionKey, Terms
from i18n.plain import plain_words
from providers.stripe.mapping import (
    DISPUTES,
    STATUS,
    invoice_subscription,
    map_charge_payment,
    map_checkout,
    map_dispute,
    map_intent_payment,
    map_price,
    map_subscription,
)
from tests.providers.stripe.package import literals
from tests.providers.stripe.samples import MONTH, NOW, invoice, item, listed, price, subscription

END = NOW + MONTH


def test_every_field_of_a_stripe_subscription_is_mapped() -> None:
    found = map_subscription(subscription(), "test")
    assert found.key == SubscriptionKey("stripe", "test", "sub_1")
    assert (found.customer_id, found.checkout_id, found.created_at) == ("cus_1", "opaque", NOW)
    assert (found.status, found.provider_status) == (Status.ACTIVE, "active")
    assert (found.period_start, found.period_end) == (NOW, END)
    assert (found.ends_at, found.ended_at, found.trial_end, found.unpaid_since) == (None,) * 4
    assert found.binding is None
    assert found.price == Price("stripe", "test", "price_gold", "prod_gold", 500, "eur", "month")
    assert found.items[0].quantity == 1
    assert found.renews


@pytest.mark.parametrize(("raw", "status"), STATUS.items())
def test_each_stripe_status_maps_to_a_status(raw: str, status: Status) -> None:
    found = map_subscription(subscription(status=raw), "test")
    assert (found.status, found.provider_status) == (status, raw)


def test_an_unknown_stripe_status_maps_to_unknown_and_is_kept_verbatim() -> None:
    found = map_subscription(subscription(status="resting"), "test")
    assert (found.status, found.provider_status) == (Status.UNKNOWN, "resting")


@pytest.mark.parametrize(
    ("changes", "ends_at"),
    [
        ({}, None),
        ({"cancel_at_period_end": True}, END),
        ({"cancel_at": END - 9}, END - 9),
        ({"cancel_at_period_end": True, "cancel_at": END}, END),
        ({"cancel_at_period_end": True, "cancel_at": END + 9}, END),
        ({"cancel_at_period_end": True, "status": "trialing", "trial_end": END}, END),
        ({"cancel_at_period_end": True, "cancel_at": END, "status": "canceled", "ended_at": END}, None),
    ],
)
def test_a_scheduled_end_is_read_however_it_was_set(changes: dict[str, Any], ends_at: int | None) -> None:
    assert map_subscription(subscription(**changes), "test").ends_at == ends_at


def test_the_item_that_is_paid_longest_decides_the_period() -> None:
    yearly = item(id="si_2", current_period_start=NOW - 5, current_period_end=NOW + 12 * MONTH)
    found = map_subscription(subscription(items=listed(item(), yearly, item(id="si_3"))), "test")
    assert (found.period_start, found.period_end) == (NOW - 5, NOW + 12 * MONTH)
    assert len(found.items) == 3


def bare_item(**changes: Any) -> dict[str, Any]:
    return {k: v for k, v in item(**changes).items() if not k.startswith("current_period")}


def test_before_2025_03_31_the_period_stood_on_the_subscription() -> None:
    older = subscription(items=listed(bare_item()), current_period_start=NOW, current_period_end=END)
    assert map_subscription(older, "test").period_end == END


@pytest.mark.parametrize("status", ["active", "trialing", "past_due"])
def test_a_running_subscription_without_a_period_is_misread(status: str) -> None:
    with pytest.raises(ProviderMisread, match=r"subscription\.current_period_start is missing"):
        map_subscription(subscription(status=status, items=listed(bare_item())), "test")


@pytest.mark.parametrize("status", ["incomplete", "canceled", "paused", "unpaid"])
def test_an_ended_subscription_needs_no_period(status: str) -> None:
    assert map_subscription(subscription(status=status, items=listed(bare_item())), "test").period_end is None


@pytest.mark.parametrize(
    ("latest", "since"),
    [
        (invoice(), NOW + 100),
        (invoice(due_date=NOW + 500), NOW + 500),
        (invoice(status="paid"), None),
        (invoice(status="draft"), None),
        (invoice(status="void"), None),
        ("in_1", None),
        (None, None),
    ],
)
def test_a_payment_is_overdue_since_its_open_invoice(latest: Any, since: int | None) -> None:
    found = map_subscription(subscription(status="past_due", latest_invoice=latest), "test")
    assert found.unpaid_since == since
    assert map_subscription(subscription(latest_invoice=latest), "test").unpaid_since is None


@pytest.mark.parametrize("behavior", ["void", "keep_as_draft", "mark_uncollectible"])
def test_pausing_collection_does_not_pause_access(behavior: str) -> None:
    paused = subscription(pause_collection={"behavior": behavior, "resumes_at": None})
    found = map_subscription(paused, "test")
    assert found.terms == Terms(paused=True)
    assert replace(found, terms=PLAIN) == map_subscription(subscription(), "test")


def test_expanded_objects_are_known_by_their_ids() -> None:
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    product = {"id": "prod_gold", "object": "product"}
    data = subscription(customer=gone, items=listed(item(price=price(product=product))))
    found = map_subscription(data, "test")
    assert (found.customer_id, found.price.product_id) == ("cus_1", "prod_gold")


def test_a_metered_price_has_no_quantity() -> None:
    metered = {k: v for k, v in item().items() if k != "quantity"}
    assert map_subscription(subscription(items=listed(metered)), "test").items[0].quantity == 1
    none = subscription(items=listed(item(quantity=0)))
    assert map_subscription(none, "test").total == Money(0, "eur")


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({"unit_amount": 0}, 0),
        ({"unit_amount": None, "unit_amount_decimal": "0.5"}, 1),
        ({"unit_amount": None, "unit_amount_decimal": "1234.4999"}, 1234),
    ],
)
def test_an_amount_is_whole_minor_units(changes: dict[str, Any], amount: int) -> None:
    assert map_price(price(**changes), "test").amount == amount


BY_TIERS = {"unit_amount": None, "unit_amount_decimal": None, "billing_scheme": "tiered"}
BY_USE = {"recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered"}}


@pytest.mark.parametrize("changes", [BY_TIERS, BY_USE])
def test_a_tiered_or_metered_price_has_no_fixed_amount(changes: dict[str, Any]) -> None:
    assert map_price(price(**changes), "test").amount is None
    mixed = subscription(items=listed(item(), item(id="si_2", price=price(**changes))))
    assert map_subscription(mixed, "test").total is None


def test_a_trial_and_a_longer_interval_are_read() -> None:
    recurring = {"interval": "week", "interval_count": 2, "trial_period_days": 7}
    found = map_price(price(recurring=recurring, active=False), "live")
    assert (found.interval, found.interval_count, found.trial_days) == ("week", 2, 7)
    assert (found.active, found.account) == (False, "live")


def test_a_one_time_price_is_refused_with_a_text() -> None:
    with pytest.raises(ProviderRefused, match="one_time") as refused:
        map_price(price(type="one_time", recurring=None), "test")
    assert "recurring" in plain_words(refused.value.user_message)


NEEDED = [
    ("id",),
    ("status",),
    ("customer",),
    ("created",),
    ("items",),
    ("items", "data"),
    ("items", "data", 0, "price"),
    ("items", "data", 0, "price", "id"),
    ("items", "data", 0, "price", "active"),
    ("items", "data", 0, "price", "product"),
    ("items", "data", 0, "price", "currency"),
    ("items", "data", 0, "price", "recurring"),
    ("items", "data", 0, "price", "recurring", "interval"),
]


@pytest.mark.parametrize("where", NEEDED, ids=lambda where: ".".join(map(str, where)))
@pytest.mark.parametrize("how", ["gone", "null", "odd"])
def test_a_missing_field_is_named_in_the_error(where: tuple[Any, ...], how: str) -> None:
    data = json.loads(json.dumps(subscription()))
    holder: Any = data
    for step in where[:-1]:
        holder = holder[step]
    if how == "gone":
        del holder[where[-1]]
    else:
        holder[where[-1]] = None if how == "null" else 1.5
    with pytest.raises(ProviderMisread, match=str(where[-1])):
        map_subscription(data, "test")


def test_a_subscription_without_items_is_misread() -> None:
    with pytest.raises(ProviderMisread, match="empty"):
        map_subscription(subscription(items=listed()), "test")


def test_true_is_not_accepted_as_an_amount() -> None:
    with pytest.raises(ProviderMisread, match="unit_amount is bool"):
        map_price(price(unit_amount=True), "test")


def test_an_invoice_leads_to_its_subscription_in_each_shape() -> None:
    assert invoice_subscription(invoice()) == "sub_1"
    assert invoice_subscription({"object": "invoice", "subscription": {"id": "sub_2"}}) == "sub_2"
    assert invoice_subscription(invoice(parent=None)) is None
    assert invoice_subscription(invoice(parent={"type": "quote_details", "quote_details": {}})) is None


def test_each_stripe_dispute_status_maps_to_a_state() -> None:
    assert set(DISPUTES) == set(literals("_dispute.py", "status"))
    assert map_dispute({"object": "dispute", "status": "lost"}) is DisputeState.LOST
    with pytest.raises(ProviderMisread, match="pondering"):
        map_dispute({"object": "dispute", "status": "pondering"})


def test_a_checkout_names_what_it_led_to() -> None:
    open_page = {"id": "cs_1", "object": "checkout.session", "client_reference_id": None}
    assert map_checkout(open_page).subscription_id is None
    done = map_checkout(
        {**open_page, "client_reference_id": "opaque", "subscription": "sub_1", "customer": {"id": "cus_1"}}
    )
    assert (done.session_id, done.checkout_id) == ("cs_1", "opaque")
    assert (done.subscription_id, done.customer_id) == ("sub_1", "cus_1")


def test_a_payment_has_its_refundable_rest() -> None:
    intent = {"id": "pi_1", "object": "payment_intent", "amount_received": 500, "currency": "EUR"}
    charge = {"id": "ch_1", "object": "charge", "amount": 500, "amount_refunded": 200, "currency": "eur"}
    assert map_intent_payment(intent, charge, NOW).refundable.amount == 300
    assert map_intent_payment(intent, None, NOW).refunded == 0
    lone = map_charge_payment({**charge, "amount_captured": 400}, NOW)
    assert (lone.id, lone.amount, lone.refundable.amount, lone.paid_at) == ("ch_1", 400, 200, NOW)


SPECS = Path(os.environ.get("DUES_SPECS") or Path(__file__).parents[4] / "shared" / "specs")


@pytest.mark.skipif(not SPECS.is_dir(), reason=f"no {SPECS}")
def test_stripes_own_fixtures_can_be_mapped() -> None:
    resources = json.loads((SPECS / "stripe_fixtures3.json").read_text())["resources"]
    sample = resources["subscription"]
    found = map_subscription({**sample, "latest_invoice": resources["invoice"]}, "test")
    assert found.key.id == sample["id"]
    assert found.price.id == sample["items"]["data"][0]["price"]["id"]
    assert map_price(resources["price"], "test").currency == resources["price"]["currency"]
    assert map_dispute(resources["dispute"]) in DisputeState
    assert map_checkout(resources["checkout.session"]).session_id == resources["checkout.session"]["id"]
