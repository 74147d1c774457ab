"""The adapter reads Stripe's list of events in every shape that Stripe has published."""

from __future__ import annotations

import pytest

from billing.model import Event, Subject
from i18n.plain import plain_words
from providers.stripe.event_list import RELEVANT_EVENTS, unheard
from providers.stripe.setup import EVENTS
from providers.stripe.webhook import read_listed

# docs.stripe.com/api/events/object, 2026-11, and deliveries that people have published; ids replaced.
SETUP_INTENT = {
    "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",
    "object": "event",
    "api_version": "2019-02-19",
    "created": 1686089970,
    "data": {
        "object": {
            "id": "seti_1NG8Du2eZvKYlo2C9XMqbR0x",
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "created": 1686089970,
            "customer": None,
            "livemode": False,
            "status": "requires_confirmation",
            "usage": "off_session",
        }
    },
    "livemode": False,
    "pending_webhooks": 0,
    "request": {"id": None, "idempotency_key": None},
    "type": "setup_intent.created",
}
OLD_INVOICE = {
    "id": "evt_1LHsN2ABCdefGHIjKLMnOPqr",
    "object": "event",
    "api_version": "2020-08-27",
    "created": 1656953888,
    "data": {
        "object": {
            "id": "in_1LHsN0ABCdefGHIjKLMnOPqr",
            "object": "invoice",
            "account_country": "US",
            "amount_paid": 2000,
            "billing_reason": "subscription_create",
            "customer": "cus_LzrTAbCdEfGhIj",
            "customer_email": "payer@example.com",
            "lines": {"object": "list", "data": [], "has_more": False, "total_count": 1},
            "subscription": "sub_1LHsMyABCdefGHIjKLMnOPqr",
        }
    },
    "livemode": False,
    "pending_webhooks": 2,
    "request": {"id": "req_AbCdEfGhIjKlMn", "idempotency_key": "3a5f0e4c-1111-4222-8333-444455556666"},
    "type": "invoice.paid",
}
NEW_INVOICE = {
    **OLD_INVOICE,
    "id": "evt_1RTABCABCdefGHIjKLMnOPqr",
    "api_version": "2025-05-28.basil",
    "data": {
        "object": {
            "id": "in_1RTABAABCdefGHIjKLMnOPqr",
            "object": "invoice",
            "customer": "cus_SOabcdefghijkl",
            "parent": {
                "quote_details": None,
                "subscription_details": {"metadata": {}, "subscription": "sub_1RTAB9ABCdefGHIjKLMnOPqr"},
                "type": "subscription_details",
            },
        }
    },
}
ONE_OFF = {**NEW_INVOICE, "data": {"object": {"id": "in_1", "object": "invoice", "parent": None}}}


def test_an_event_of_an_unneeded_type_has_no_subject() -> None:
    event = read_listed(SETUP_INTENT, "test")
    assert event is not None
    assert event.subject is None


@pytest.mark.parametrize(
    ("shown", "subscription"),
    [(OLD_INVOICE, "sub_1LHsMyABCdefGHIjKLMnOPqr"), (NEW_INVOICE, "sub_1RTAB9ABCdefGHIjKLMnOPqr")],
)
def test_an_invoice_of_any_version_leads_to_its_subscription(
    shown: dict[str, object], subscription: str
) -> None:
    subject = Subject("subscription", subscription)
    assert read_listed(shown, "test") == Event(
        "stripe", "test", str(shown["id"]), "invoice.paid", subject, 1656953888
    )


def test_an_invoice_without_a_subscription_has_no_subject() -> None:
    event = read_listed(ONE_OFF, "test")
    assert event is not None
    assert event.subject is None


@pytest.mark.parametrize(
    "odd",
    [{}, {**NEW_INVOICE, "account": "acct_1"}, {**NEW_INVOICE, "id": 5}, {**NEW_INVOICE, "created": None}],
)
def test_events_of_other_accounts_and_unreadable_ones_are_left_out_of_the_list(
    odd: dict[str, object],
) -> None:
    assert read_listed(odd, "test") is None


def test_one_call_lists_the_event_types_that_the_endpoint_sends() -> None:
    assert set(EVENTS) >= RELEVANT_EVENTS
    assert len(RELEVANT_EVENTS) <= 20


@pytest.mark.parametrize(("refused", "named"), [(True, "STRIPE_WEBHOOK_SECRET"), (False, "PUBLIC_URL")])
def test_the_finding_about_missing_notifications_has_its_cure(*, refused: bool, named: str) -> None:
    fault = unheard(refused=refused)
    assert not fault.ok
    assert named in plain_words(fault.cure)
