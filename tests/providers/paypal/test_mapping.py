"""PayPal's answers in our words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import ProviderMisread
from billing.model import DisputeState, Money, Payment, Status, Subscription
from providers.paypal.amounts import to_minor
from providers.paypal.billing_plans import map_price
from providers.paypal.dates import moment, stamp
from providers.paypal.mapping import (
    DISPUTES,
    STATUS,
    map_checkout,
    map_dispute,
    map_sale,
    map_subscription,
    map_transaction,
)
from providers.paypal.periods import with_payment
from tests.providers.paypal.samples import (
    DAY,
    NOW,
    START,
    cycle,
    executed,
    info,
    plan,
    subscription,
    trial_plan,
)

MONTH_LATER = moment("2027-02-28T14:32:00Z")
TEN_OCLOCK = moment("2027-02-28T10:00:00Z")


def mapped(data: dict[str, Any], of: dict[str, Any] | None = None, now: float = NOW) -> Subscription:
    return map_subscription(data, of or plan(), "sandbox", "PROD-1", now)


@pytest.mark.parametrize(
    ("raw", "ours"),
    [
        ("APPROVAL_PENDING", Status.PENDING),
        ("APPROVED", Status.PENDING),
        ("ACTIVE", Status.ACTIVE),
        ("SUSPENDED", Status.PAUSED),
        ("CANCELLED", Status.ENDED),
        ("EXPIRED", Status.ENDED),
        ("BRAND_NEW", Status.UNKNOWN),
    ],
)
def test_every_paypal_status_maps_to_a_status(raw: str, ours: Status) -> None:
    found = mapped(subscription(raw))
    assert (found.status, found.provider_status) == (ours, raw)
    assert set(STATUS) == {"APPROVAL_PENDING", "APPROVED", "ACTIVE", "SUSPENDED", "CANCELLED", "EXPIRED"}


def test_every_field_of_an_active_paypal_subscription_is_mapped() -> None:
    found = mapped(subscription(billing_info=info(due=TEN_OCLOCK)))
    assert found.key.provider == "paypal"
    assert (found.key.id, found.customer_id, found.checkout_id) == ("I-ABC", "PAYER1", None)
    assert (found.price.id, found.price.product_id, found.price.amount) == ("P-1", "PROD-1", 500)
    assert (found.price.currency, found.price.interval) == ("usd", "month")
    assert (found.period_start, found.period_end) == (START, TEN_OCLOCK)
    assert found.paid_through == TEN_OCLOCK
    assert found.renews
    assert found.ended_at is None


@pytest.mark.parametrize("due", [None, START, START - DAY, START + DAY])
def test_an_implausible_next_billing_time_is_replaced_by_a_month(due: int | None) -> None:
    found = mapped(subscription(billing_info=info(due=due)))
    assert found.period_end == found.paid_through == MONTH_LATER


def test_a_late_payment_does_not_move_the_next_billing_time() -> None:
    late = START + 10 * DAY
    found = mapped(subscription(billing_info=info(last=late, due=TEN_OCLOCK)), now=late + 60)
    assert found.period_end == found.paid_through == TEN_OCLOCK


FEBRUARY, MARCH = moment("2027-02-28T10:00:00Z"), moment("2027-03-31T10:00:00Z")


@pytest.mark.parametrize("due", [None, MARCH])
def test_a_payment_after_february_pays_for_a_whole_month(due: int | None) -> None:
    """The subscription began on 31 January."""
    found = mapped(subscription(billing_info=info(last=FEBRUARY, due=due)), now=FEBRUARY + 60)
    assert found.period_end == found.paid_through == MARCH


def test_a_period_that_ends_on_the_first_of_march_is_paid_until_then() -> None:
    due = moment("2027-03-01T10:00:00Z")
    found = mapped(subscription(billing_info=info(due=due)))
    assert found.period_end == found.paid_through == due


def test_the_grace_after_a_short_month_begins_when_the_payment_failed() -> None:
    failed = info(last=FEBRUARY, due=MARCH + 30 * DAY, failed=MARCH + 60)
    found = mapped(subscription(billing_info=failed), now=MARCH + 120)
    assert (found.status, found.unpaid_since) == (Status.PAST_DUE, MARCH + 60)


def test_a_far_next_payment_after_a_pause_does_not_extend_the_paid_time() -> None:
    now, due = START + 90 * DAY, START + 110 * DAY
    found = mapped(subscription(billing_info=info(due=due)), now=now)
    assert (found.status, found.period_end, found.paid_through) == (Status.ACTIVE, due, MONTH_LATER)


@pytest.mark.parametrize("raw", ["CANCELLED", "EXPIRED"])
def test_an_ended_subscription_is_paid_for_an_interval_after_its_last_payment(raw: str) -> None:
    found = mapped(subscription(raw))
    assert (found.paid_through, found.ended_at, found.period_end) == (MONTH_LATER, START, None)
    assert found.period_start == START


def test_a_listed_payment_starts_no_period_of_an_ended_subscription() -> None:
    """The list may lag behind and show the payment before; less would be paid then than was told."""
    found = mapped(
        dict(with_payment(subscription("CANCELLED", billing_info={}), Payment("TX1", 500, 0, "usd", START)))
    )
    assert (found.paid_through, found.period_start) == (MONTH_LATER, None)


def test_a_suspended_subscription_is_paused_and_keeps_its_paid_time() -> None:
    found = mapped(subscription("SUSPENDED"))
    assert (found.status, found.paid_through) == (Status.PAUSED, MONTH_LATER)


class TestOwed:
    """A payment failed."""

    @pytest.mark.parametrize("raw", ["ACTIVE", "SUSPENDED"])
    def test_a_subscription_is_past_due_since_its_payment_failed(self, raw: str) -> None:
        failed = MONTH_LATER + 60
        found = mapped(subscription(raw, billing_info=info(failed=failed)), now=failed + 60)
        assert (found.status, found.unpaid_since) == (Status.PAST_DUE, failed)

    @pytest.mark.parametrize(("failed", "since"), [(0, 0), (1, 1), (5, 0), (10, 0), (12, 12), (-3, -3)])
    def test_a_payment_that_failed_again_is_past_due_since_it_was_due(self, failed: int, since: int) -> None:
        """In days after what is paid. After a pause the next payment is due whenever it is."""
        told = info(failed=MONTH_LATER + failed * DAY)
        assert mapped(subscription(billing_info=told)).unpaid_since == MONTH_LATER + since * DAY

    def test_a_failed_payment_that_was_made_good_is_not_past_due(self) -> None:
        found = mapped(subscription(billing_info=info(last=START, failed=START - 60)))
        assert (found.status, found.unpaid_since) == (Status.ACTIVE, None)

    def test_a_count_of_failed_payments_means_past_due(self) -> None:
        found = mapped(subscription(billing_info=info(failed_payments_count=2)))
        assert (found.status, found.unpaid_since) == (Status.PAST_DUE, None)

    def test_a_failed_first_payment_leaves_the_subscription_pending(self) -> None:
        found = mapped(subscription(billing_info=info(last=None, failed=START + 5)))
        assert found.status is Status.PENDING
        found = mapped(subscription(billing_info=info(last=None, failed_payments_count=1)))
        assert found.status is Status.PENDING

    def test_a_failed_payment_after_a_free_trial_is_past_due(self) -> None:
        failed = START + 7 * DAY
        data = subscription(billing_info=info(last=None, failed=failed, cycle_executions=executed(7, 1)))
        assert mapped(data, trial_plan(), now=failed + 60).status is Status.PAST_DUE

    def test_a_cancelled_subscription_with_a_failed_payment_is_not_past_due(self) -> None:
        found = mapped(subscription("CANCELLED", billing_info=info(failed=MONTH_LATER)))
        assert (found.status, found.unpaid_since, found.paid_through) == (Status.ENDED, None, MONTH_LATER)


class TestFree:
    """Nothing was paid yet."""

    def test_a_free_trial_is_trialing_until_its_end(self) -> None:
        data = subscription(
            billing_info=info(last=None, due=START + 7 * DAY, cycle_executions=executed(1, 0))
        )
        found = mapped(data, trial_plan())
        end = START + 7 * DAY
        assert (found.status, found.trial_end, found.period_end) == (Status.TRIALING, end, end)
        assert found.paid_through == end

    def test_a_paid_trial_is_active(self) -> None:
        data = subscription(billing_info=info(cycle_executions=executed(1, 0)))
        found = mapped(data, trial_plan(7, "1.00"))
        assert (found.status, found.period_end) == (Status.ACTIVE, START + DAY)

    def test_a_subscription_that_starts_later_is_trialing_until_then(self) -> None:
        later = NOW + 20 * DAY
        data = subscription(start_time=stamp(later), billing_info=info(last=None, due=later))
        found = mapped(data)
        assert (found.status, found.trial_end, found.paid_through) == (Status.TRIALING, later, later)

    def test_a_subscription_cancelled_in_its_free_trial_keeps_the_trial(self) -> None:
        data = subscription("CANCELLED", billing_info=info(last=None, cycle_executions=executed(1, 0)))
        assert mapped(data, trial_plan()).paid_through == START + 7 * DAY

    def test_an_active_subscription_without_a_payment_has_no_paid_time(self) -> None:
        """The first payment may be under way for days."""
        found = mapped(subscription(billing_info=info(last=None, due=TEN_OCLOCK)))
        assert (found.status, found.period_end) == (Status.ACTIVE, TEN_OCLOCK)
        assert found.paid_through == START

    def test_an_unapproved_subscription_has_neither_customer_nor_paid_time(self) -> None:
        data = subscription("APPROVAL_PENDING", billing_info=None, subscriber=None)
        found = mapped(data)
        assert (found.customer_id, found.paid_through) == ("", None)


class TestPrice:
    """The price of a plan."""

    def test_a_free_trial_of_a_plan_is_counted_in_days(self) -> None:
        price = map_price(trial_plan(14), "live", "P-2", "PROD-1")
        assert (price.amount, price.trial_days, price.account, price.active) == (500, 14, "live", True)
        month = plan(cycle(None, trial=True), cycle(sequence=2))
        assert map_price(month, "live", "P-2", "PROD-1").trial_days == 31

    def test_a_paid_trial_has_no_free_days(self) -> None:
        assert map_price(trial_plan(7, "1.00"), "live", "P-2", "PROD-1").trial_days == 0

    def test_an_inactive_plan_is_an_inactive_price(self) -> None:
        assert not map_price(plan(status="INACTIVE"), "live", "P-2", "PROD-1").active

    def test_a_tiered_price_has_no_amount(self) -> None:
        tiers = {"pricing_model": "TIERED", "tiers": [{"amount": {"currency_code": "EUR", "value": "2.00"}}]}
        price = map_price(plan(cycle(None, pricing_scheme=tiers)), "live", "P-2", "PROD-1")
        assert (price.amount, price.currency) == (None, "eur")

    def test_a_plan_without_a_regular_billing_cycle_is_misread(self) -> None:
        with pytest.raises(ProviderMisread):
            map_price(plan(cycle(trial=True)), "live", "P-2", "PROD-1")

    def test_the_total_is_the_subscriptions_own_price_times_its_quantity(self) -> None:
        found = mapped(subscription(quantity="3"), plan(cycle("4.50")))
        assert (found.price.amount, found.total) == (450, Money(1350, "usd"))


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("5.0", "USD", 500),
        ("5", "EUR", 500),
        ("0.01", "EUR", 1),
        ("500", "JPY", 500),
        ("500", "HUF", 50_000),
        ("500", "TWD", 50_000),
        ("-5.00", "USD", -500),
    ],
)
def test_an_amount_becomes_minor_units(value: str, currency: str, minor: int) -> None:
    assert to_minor({"value": value, "currency_code": currency}) == minor


@pytest.mark.parametrize("value", ["", "five", "NaN", "Infinity"])
def test_an_invalid_amount_is_misread(value: str) -> None:
    with pytest.raises(ProviderMisread):
        to_minor({"value": value, "currency_code": "USD"})


NEEDED = ["id", "status", "plan_id", "start_time"]


@pytest.mark.parametrize("field", NEEDED)
def test_a_missing_field_is_named_in_the_error(field: str) -> None:
    data = subscription()
    del data[field], data["create_time"]
    with pytest.raises(ProviderMisread, match=field):
        mapped(data)


def test_a_subscription_without_a_creation_time_uses_its_start() -> None:
    data = subscription()
    del data["create_time"]
    assert mapped(data).created_at == START


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.just("ACTIVE"),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*subscription()]), inner)
        ),
        max_leaves=6,
    ).map(lambda odd: odd if isinstance(odd, dict) else {"billing_info": odd})
)
def test_any_value_in_any_field_is_read_or_misread(odd: dict[str, Any]) -> None:
    try:
        found = mapped({**subscription(), **odd})
    except ProviderMisread:
        return
    assert isinstance(found, Subscription)


@pytest.mark.parametrize(("raw", "ours"), DISPUTES.items())
def test_each_paypal_dispute_outcome_maps_to_a_state(raw: str, ours: DisputeState) -> None:
    if ours is DisputeState.OPEN:
        assert map_dispute({"status": raw}) is ours
    else:
        assert map_dispute({"status": "RESOLVED", "dispute_outcome": {"outcome_code": raw}}) is ours


@pytest.mark.parametrize("data", [{"status": "NEW"}, {"status": "RESOLVED"}, {}])
def test_a_dispute_with_an_unknown_status_is_misread(data: dict[str, Any]) -> None:
    with pytest.raises(ProviderMisread):
        map_dispute(data)


def test_a_paypal_checkout_and_its_subscription_have_the_same_id() -> None:
    found = map_checkout(subscription())
    assert (found.session_id, found.subscription_id) == ("I-ABC", "I-ABC")
    assert (found.checkout_id, found.customer_id) == ("opaque-1", "PAYER1")


def transaction(status: str = "COMPLETED", value: str = "5.00") -> dict[str, Any]:
    money = {"gross_amount": {"currency_code": "USD", "value": value}}
    return {"id": "TX1", "status": status, "amount_with_breakdown": money, "time": stamp(START)}


@pytest.mark.parametrize(
    ("status", "refunded", "partly"),
    [("COMPLETED", 0, False), ("PARTIALLY_REFUNDED", 0, True), ("REFUNDED", 500, False)],
)
def test_a_listed_payment_has_its_amount_and_refund(status: str, refunded: int, partly: bool) -> None:
    found = map_transaction(transaction(status))
    assert found is not None
    payment, some = found
    assert (payment.amount, payment.refunded, payment.paid_at, some) == (500, refunded, START, partly)


@pytest.mark.parametrize(
    "data",
    [transaction("DECLINED"), transaction("PENDING"), transaction(value="0.00"), transaction(value="-5")],
)
def test_an_unpaid_or_empty_transaction_is_not_a_payment(data: dict[str, Any]) -> None:
    assert map_transaction(data) is None


def test_a_sale_of_the_v1_api_is_read_as_a_payment() -> None:
    amount = {"total": "5.00", "currency": "USD"}
    data = {"id": "S1", "state": "refunded", "amount": amount, "create_time": stamp(START)}
    payment, partly = map_sale(data)
    assert (payment.amount, payment.refunded, payment.currency, partly) == (500, 500, "usd", False)
