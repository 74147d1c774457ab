"""Only what Stripe signed, at about this time, for this account, rings."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import WebhookSignature

from billing.errors import Malformed, NotAuthentic, NotificationError
from billing.model import Event, Subject
from providers.stripe.webhook import authenticate, verify
from tests.providers.stripe.samples import NOW, event, invoice, subscription

SECRET = "whsec_one"


def sign(body: bytes, secret: str = SECRET, at: int = NOW) -> str:
    """By the scheme of Stripe's document, apart from the code under test."""
    mac = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def read(
    body: bytes | dict[str, Any],
    header: str | None = None,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    account: str = "test",
    now: float = NOW,
) -> list[Event]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"stripe-signature": sign(raw) if header is None else header}
    return [signed.event for signed in authenticate(raw, headers, now, secrets, account)]


def subject_of(kind: str, about: dict[str, Any]) -> Subject | None:
    (found,) = read(event(kind, about))
    return found.subject


def test_a_signed_event_is_read() -> None:
    assert read(event("customer.subscription.updated", subscription())) == [
        Event(
            "stripe", "test", "evt_1", "customer.subscription.updated", Subject("subscription", "sub_1"), NOW
        )
    ]


def test_a_signature_made_by_stripes_own_package_fits() -> None:
    body = json.dumps(event("invoice.paid", invoice()))
    header = WebhookSignature.generate_signature_header(body, SECRET, NOW)
    assert read(body.encode(), header)


BODY = json.dumps(event("invoice.paid", invoice())).encode()
GOOD = sign(BODY)
FORGED = [
    "",
    "t=",
    f"t={NOW}",
    GOOD.split(",")[1],
    sign(BODY, "whsec_other"),
    sign(BODY + b" "),
    GOOD.replace("v1=", "v0="),
    GOOD.replace("v1=", "v1"),
    GOOD.replace(f"t={NOW}", f"t={NOW + 1}"),
    GOOD.replace(f"t={NOW}", "t=soon"),
    GOOD.replace(f"t={NOW}", "t=²"),
    GOOD.replace(f"t={NOW}", "t=" + "9" * 40),
    f"t={NOW}," + GOOD,
    GOOD[:-1],
    GOOD + "é",
    GOOD.upper().replace("V1=", "v1=").replace("T=", "t="),
    f"t={NOW},v1=\N{SNOWMAN}",
    "v1=x," * 5_000 + GOOD,
]


@pytest.mark.parametrize("header", FORGED)
def test_a_signature_that_does_not_fit_is_refused(header: str) -> None:
    with pytest.raises(NotAuthentic):
        read(BODY, header)


def test_a_notification_without_a_signature_header_is_refused() -> None:
    with pytest.raises(NotAuthentic):
        authenticate(BODY, {}, NOW, (SECRET,), "test")


def test_without_a_webhook_secret_every_notification_is_refused() -> None:
    with pytest.raises(NotAuthentic):
        read(BODY, sign(BODY, ""), secrets=())


@pytest.mark.parametrize("late", [-300, -299.5, 0, 299.5, 300])
def test_a_signature_up_to_five_minutes_off_is_accepted(late: float) -> None:
    assert read(BODY, now=NOW + late)


@pytest.mark.parametrize("late", [-86_400, -300.5, 300.5, 86_400])
def test_a_signature_more_than_five_minutes_off_is_refused(late: float) -> None:
    with pytest.raises(NotAuthentic, match="signed at"):
        read(BODY, now=NOW + late)


def test_during_a_rotation_header_and_settings_may_hold_two_signatures() -> None:
    old, new = sign(BODY, "whsec_old"), sign(BODY, "whsec_new")
    both = f"{old},{new.split(',')[1]}"
    for secrets in (("whsec_old",), ("whsec_new",), ("whsec_new", "whsec_old")):
        assert read(BODY, both, secrets=secrets)
    assert read(BODY, old, secrets=("whsec_new", "whsec_old"))
    assert read(BODY, new, secrets=("whsec_new", "whsec_old"))


@given(st.binary(max_size=200), st.text(max_size=100))
def test_random_input_is_refused_without_any_other_error(body: bytes, header: str) -> None:
    with pytest.raises(NotAuthentic):
        verify(body, header, NOW, (SECRET,))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"id": "evt_1", "type": "x", "created": 1, "object": "event", "note": "\xff"}',
        b"[" * 100_000,
        b'{"data": ' * 100_000,
        b'{"data": {"object": ' + b'{"parent": ' * 50_000,
        b"{}",
        b'{"id": 1, "type": "x", "created": 1, "object": "event"}',
        b'{"id": "", "type": "x", "created": 1, "object": "event"}',
        b'{"id": "evt_1", "type": "x", "created": "soon", "object": "event"}',
        b'{"id": "evt_1", "type": "x", "created": -1, "object": "event"}',
        b'{"id": "evt_1", "type": "x", "created": 1e400, "object": "event"}',
        b'{"id": "evt_1", "type": "x", "created": 99999999999999999999, "object": "event"}',
        b'{"id": "cus_1", "type": "x", "created": 1, "object": "customer"}',
    ],
)
def test_a_signed_body_that_is_not_an_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


FIELDS = ["id", "object", "customer", "parent", "subscription", "subscription_details", "payment_intent"]
PLAIN = st.none() | st.booleans() | st.integers() | st.text()
NESTED = st.recursive(
    PLAIN, lambda x: st.lists(x) | st.dictionaries(st.sampled_from(FIELDS), x), max_leaves=8
)


@given(NESTED)
def test_any_object_in_a_signed_event_is_read_or_malformed(about: Any) -> None:
    try:
        (found,) = read(event("invoice.paid", about))
    except NotificationError:
        return
    assert found.subject is None or isinstance(found.subject.id, str)


def test_an_event_of_the_other_mode_is_ignored() -> None:
    assert read(event("invoice.paid", invoice(), livemode=True)) == []
    assert read(event("invoice.paid", invoice(), livemode=False), account="live") == []
    (live,) = read(event("invoice.paid", invoice(), livemode=True), account="live")
    assert live.account == "live"


@pytest.mark.parametrize(
    ("named", "origin", "connected"),
    [
        ({}, "", False),
        ({"context": None, "account": None}, "", False),
        ({"context": "acct_a"}, "acct_a", False),
        ({"context": "acct_a/acct_b"}, "acct_b", False),
        ({"account": "acct_b", "context": "acct_a/acct_b"}, "acct_b", True),
        ({"account": "acct_b"}, "acct_b", True),
    ],
)
def test_the_account_of_an_event_is_read(named: dict[str, Any], origin: str, connected: bool) -> None:
    body = json.dumps(event("invoice.paid", invoice(), **named)).encode()
    (signed,) = authenticate(body, {"stripe-signature": sign(body)}, NOW, (SECRET,), "test")
    assert (signed.origin, signed.connected) == (origin, connected)


OLD_INVOICE = {"id": "in_1", "object": "invoice", "subscription": "sub_1"}
EXPANDED = {"id": "in_1", "object": "invoice", "subscription": {"id": "sub_1", "object": "subscription"}}
SUB_1 = Subject("subscription", "sub_1")


@pytest.mark.parametrize(
    ("kind", "about", "subject"),
    [
        ("customer.subscription.deleted", subscription(), SUB_1),
        ("customer.subscription.updated", {"id": "sub_1"}, SUB_1),
        ("customer.subscription.updated", {"customer": "cus_1"}, Subject("customer", "cus_1")),
        ("customer.subscription.updated", {}, None),
        ("invoice.paid", invoice(), SUB_1),
        ("invoice.paid", OLD_INVOICE, SUB_1),
        ("invoice.paid", EXPANDED, SUB_1),
        ("invoice.paid", invoice(parent=None), None),
        ("invoice.payment_failed", invoice(), SUB_1),
        ("invoice.payment_succeeded", invoice(), None),
        ("invoice.updated", invoice(), None),
        ("invoice.upcoming", {**invoice(), "id": None}, None),
        ("invoiceitem.created", {"id": "ii_1", "object": "invoiceitem", "subscription": "sub_1"}, None),
        (
            "checkout.session.completed",
            {"id": "cs_1", "object": "checkout.session", "subscription": "sub_1"},
            SUB_1,
        ),
        (
            "checkout.session.completed",
            {"id": "cs_1", "object": "checkout.session", "subscription": {"id": "sub_1"}},
            SUB_1,
        ),
        (
            "checkout.session.expired",
            {"id": "cs_1", "object": "checkout.session", "subscription": None},
            None,
        ),
        ("customer.deleted", {"id": "cus_1", "object": "customer"}, Subject("customer", "cus_1")),
        ("customer.created", {"id": "cus_1", "object": "customer"}, None),
        ("charge.dispute.created", {"id": "dp_1", "object": "dispute"}, Subject("dispute", "dp_1")),
        ("charge.dispute.closed", {"id": "dp_1", "object": "dispute"}, Subject("dispute", "dp_1")),
        ("charge.dispute.funds_withdrawn", {"id": "dp_1", "object": "dispute"}, None),
        (
            "charge.refunded",
            {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"},
            Subject("payment_intent", "pi_1"),
        ),
        ("charge.refunded", {"id": "ch_1", "object": "charge"}, Subject("charge", "ch_1")),
        ("charge.succeeded", {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}, None),
        ("refund.updated", {"id": "re_1", "object": "refund", "charge": "ch_1"}, Subject("charge", "ch_1")),
        (
            "payment_intent.payment_failed",
            {"id": "pi_1", "object": "payment_intent"},
            Subject("payment_intent", "pi_1"),
        ),
        ("payment_intent.created", {"id": "pi_1", "object": "payment_intent"}, None),
        ("price.updated", {"id": "price_1", "object": "price"}, Subject("price", "price_1")),
        ("product.updated", {"id": "prod_1", "object": "product"}, Subject("product", "prod_1")),
        ("payout.paid", {"id": "po_1", "object": "payout"}, None),
    ],
)
def test_an_event_leads_to_its_subject(kind: str, about: dict[str, Any], subject: Subject | None) -> None:
    assert subject_of(kind, about) == subject


def test_a_thin_event_is_read() -> None:
    thin = {
        "id": "evt_2",
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "created": "2027-01-15T08:00:00.250Z",
        "livemode": False,
        "context": None,
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
    }
    (found,) = read(thin)
    assert (found.id, found.subject, found.occurred_at) == ("evt_2", SUB_1, 1_800_000_000)
    (pinged,) = read({**thin, "type": "v2.core.event_destination.ping", "related_object": None})
    assert pinged.subject is None
