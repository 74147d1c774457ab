"""The adapter reads PayPal's list of events in every shape that PayPal has published."""

from __future__ import annotations

import pytest

from billing.model import Event, Subject
from i18n.plain import plain_words
from providers.paypal.event_list import unheard
from providers.paypal.webhook import read_listed

# developer.paypal.com/docs/api/webhooks/v1, webhooks-events.list and subscriptions, 2026-11; what is in them
# was replaced.
AUTHORIZATION = {
    "id": "8PT597110X687430LKGECATA",
    "create_time": "2013-06-25T21:41:28Z",
    "resource_type": "authorization",
    "event_type": "PAYMENT.AUTHORIZATION.CREATED",
    "summary": "A payment authorization was created",
    "resource": {
        "id": "2DC87612EK520411B",
        "create_time": "2013-06-25T21:39:15Z",
        "state": "authorized",
        "amount": {"total": "7.47", "currency": "USD", "details": {"subtotal": "7.47"}},
        "parent_payment": "PAY-36246664YD343335CKHFA4AY",
    },
    "links": [{"href": "https://api-m.paypal.com/v1/notifications/webhooks-events/8PT", "rel": "self"}],
}
SALE = {
    "id": "WH-2WR32451HC0233532-67976317FL4543714",
    "event_version": "1.0",
    "create_time": "2024-10-23T17:23:52.000Z",
    "resource_type": "sale",
    "event_type": "PAYMENT.SALE.COMPLETED",
    "summary": "A successful sale payment was made for $ 4.99 USD",
    "resource": {
        "id": "80021663DE681814L",
        "billing_agreement_id": "I-PE7JWXKGVN0R",
        "state": "completed",
        "amount": {"total": "4.99", "currency": "USD", "details": {"subtotal": "4.99"}},
        "custom": "opaque",
        "payment_mode": "INSTANT_TRANSFER",
        "create_time": "2024-10-23T17:22:56Z",
    },
    "links": [],
}
ACTIVATED = {
    "id": "WH-77687562XN25889J8-8Y6T55435R66168T6",
    "create_time": "2018-19-12T22:20:32.000Z",
    "resource_type": "subscription",
    "event_type": "BILLING.SUBSCRIPTION.ACTIVATED",
    "summary": "A billing agreement was activated.",
    "resource": {"id": "I-BW452GLLEP1G", "plan_id": "P-5ML4271244454362WXNWU5NQ", "status": "ACTIVE"},
    "links": [],
}


def test_an_event_of_an_unneeded_type_has_no_subject() -> None:
    event = read_listed(AUTHORIZATION, "live")
    assert event is not None
    assert event.subject is None


def test_a_payment_event_leads_to_its_subscription() -> None:
    subject = Subject("subscription", "I-PE7JWXKGVN0R")
    known = ("paypal", "live", "WH-2WR32451HC0233532-67976317FL4543714", "PAYMENT.SALE.COMPLETED")
    assert read_listed(SALE, "live") == Event(*known, subject, 1729704232)


def test_an_event_with_an_invalid_time_is_left_out_of_the_list() -> None:
    """PayPal's own sample has a nineteenth month."""
    assert read_listed(ACTIVATED, "live") is None
    event = read_listed({**ACTIVATED, "create_time": "2018-12-19T22:20:32.000Z"}, "live")
    assert event is not None
    assert event.subject == Subject("subscription", "I-BW452GLLEP1G")


@pytest.mark.parametrize(
    "odd", [{}, {**SALE, "id": 5}, {**SALE, "create_time": None}, {**SALE, "resource": 7}]
)
def test_an_unreadable_event_is_left_out_of_the_list(odd: dict[str, object]) -> None:
    assert read_listed(odd, "live") is None


@pytest.mark.parametrize(("refused", "named"), [(True, "PAYPAL_WEBHOOK_ID"), (False, "PUBLIC_URL")])
def test_the_finding_about_missing_notifications_has_its_cure(*, refused: bool, named: str) -> None:
    fault = unheard(refused=refused)
    assert not fault.ok
    assert named in plain_words(fault.cure)
