"""Something was paid is not a period was paid: set-up fees, trials that cost something, and what is free."""

from __future__ import annotations

from typing import Any

import pytest

from billing.model import PLAIN, Payment, Status, Step, Subscription
from billing.rules.upcoming_charges import decide_charges
from providers.paypal.billing_plans import is_whole, tariff_of, with_own
from providers.paypal.dates import moment, stamp
from providers.paypal.mapping import map_subscription
from providers.paypal.periods import with_payment
from tests.providers.paypal import recorded
from tests.providers.paypal.samples import (
    DAY,
    START,
    cycle,
    executed,
    info,
    plan,
    subscription,
)

HOUR = 3600
YEAR_LATER = moment("2028-01-31T14:32:00Z")


def mapped(data: dict[str, Any], of: dict[str, Any], now: float = START + HOUR) -> Subscription:
    return map_subscription(data, of, "sandbox", "PROD-1", now)


def with_fee(*cycles: dict[str, Any], fee: str = "1.00", **more: Any) -> dict[str, Any]:
    return plan(
        *cycles,
        payment_preferences={"setup_fee": {"currency_code": "USD", "value": fee}},
        **more,
    )


YEARLY = cycle("100.00", "YEAR")
FREE_DAY = with_fee(cycle(None, "DAY", trial=True), cycle("100.00", "YEAR", sequence=2))


def paid(value: str, at: int = START + 60, **more: Any) -> dict[str, Any]:
    last = {"amount": {"currency_code": "USD", "value": value}, "time": stamp(at)}
    return {**info(last=None), "last_payment": last, **more}


@pytest.mark.parametrize("status", ["ACTIVE", "SUSPENDED", "CANCELLED"])
@pytest.mark.parametrize("completed", [(0, 0), (1, 0)])
@pytest.mark.parametrize("due", [None, START, START + DAY, YEAR_LATER])
def test_a_set_up_fee_with_a_free_day_pays_for_that_day_only(
    status: str, completed: tuple[int, int], due: int | None
) -> None:
    more: dict[str, Any] = {} if due is None else {"next_billing_time": stamp(due)}
    billing = paid("1.0", cycle_executions=executed(*completed), **more)
    found = mapped(subscription(status, billing_info=billing), FREE_DAY)
    assert found.paid_through == START + DAY
    if status == "ACTIVE":
        assert found.status is Status.TRIALING


def test_a_set_up_fee_before_the_first_cycle_pays_for_no_period() -> None:
    billing = paid("1.0", cycle_executions=executed(0), next_billing_time=stamp(START + 4 * HOUR))
    found = mapped(subscription(billing_info=billing), with_fee(YEARLY))
    assert (found.status, found.paid_through) == (Status.ACTIVE, START)
    assert found.period_end == START + 4 * HOUR


def test_a_billed_yearly_cycle_is_paid_for_a_year() -> None:
    billing = paid("100.0", START + 4 * HOUR, cycle_executions=executed(1))
    found = mapped(subscription(billing_info=billing), with_fee(YEARLY))
    assert found.paid_through == YEAR_LATER + 4 * HOUR


def test_a_set_up_fee_equal_to_the_price_is_a_fee_until_a_cycle_counts() -> None:
    plan_ = with_fee(YEARLY, fee="100.00")
    fee = paid("100.0", cycle_executions=executed(0))
    assert mapped(subscription(billing_info=fee), plan_).paid_through == START
    both = paid("100.0", START + 4 * HOUR, cycle_executions=executed(1))
    assert mapped(subscription(billing_info=both), plan_).paid_through == YEAR_LATER + 4 * HOUR


class TestFirstCycleFailed:
    """The fee was paid, the first cycle was not: PayPal counts it all the same."""

    @pytest.mark.parametrize("fee", ["1.00", "100.00"])
    def test_a_failed_first_payment_after_a_set_up_fee_gives_no_access(self, fee: str) -> None:
        failed = START + 4 * HOUR
        billing = paid(fee, cycle_executions=executed(1), failed_payments_count=1)
        billing["last_failed_payment"] = {"amount": {}, "time": stamp(failed)}
        found = mapped(subscription(billing_info=billing), with_fee(YEARLY, fee=fee), failed + 60)
        assert (found.status, found.paid_through) == (Status.PENDING, None)
        ended = mapped(subscription("CANCELLED", billing_info=billing), with_fee(YEARLY, fee=fee), failed)
        assert ended.paid_through == START

    @pytest.mark.parametrize("fee", ["1.00", "100.00"])
    def test_the_grace_after_free_days_begins_when_the_first_payment_fails(self, fee: str) -> None:
        of = with_fee(cycle(None, "WEEK", trial=True), cycle("100.00", "YEAR", sequence=2), fee=fee)
        failed = START + 7 * DAY
        billing = paid(fee, cycle_executions=executed(1, 1), failed_payments_count=1)
        billing["last_failed_payment"] = {"amount": {}, "time": stamp(failed)}
        found = mapped(subscription(billing_info=billing), of, failed + 60)
        assert (found.status, found.unpaid_since, found.paid_through) == (Status.PAST_DUE, failed, failed)

    def test_a_payment_that_fails_within_the_free_day_is_past_due(self) -> None:
        failed = START + 20 * HOUR
        billing = paid("1.0", cycle_executions=executed(1, 1), failed_payments_count=1)
        billing["last_failed_payment"] = {"amount": {}, "time": stamp(failed)}
        assert mapped(subscription(billing_info=billing), FREE_DAY, failed + 60).status is Status.PAST_DUE

    def test_a_later_failed_payment_leaves_the_earlier_paid_period(self) -> None:
        failed = moment("2027-02-28T10:00:00Z")
        billing = paid("5.0", START + 4 * HOUR, cycle_executions=executed(2), failed_payments_count=1)
        billing["last_failed_payment"] = {"amount": {}, "time": stamp(failed)}
        found = mapped(subscription(billing_info=billing), with_fee(cycle("5.00")), failed + 60)
        assert (found.status, found.period_start) == (Status.PAST_DUE, START + 4 * HOUR)


class TestTrials:
    """Several cycles."""

    def test_a_paid_trial_is_paid_for_its_own_length(self) -> None:
        of = with_fee(cycle("2.00", "MONTH", trial=True), cycle("100.00", "YEAR", sequence=2))
        billing = paid("2.0", START + 4 * HOUR, cycle_executions=executed(1, 0))
        found = mapped(subscription(billing_info=billing), of)
        assert found.paid_through == moment("2027-02-28T18:32:00Z")

    def test_a_free_trial_before_a_paid_trial_counts_first(self) -> None:
        of = with_fee(
            cycle(None, "WEEK", trial=True),
            cycle("2.00", "MONTH", sequence=2, trial=True),
            cycle("100.00", "YEAR", sequence=3),
        )
        billing = paid("1.0", cycle_executions=executed(1, 0, 0))
        assert mapped(subscription(billing_info=billing), of).paid_through == START + 7 * DAY

    def test_a_free_trial_after_a_paid_trial_is_kept(self) -> None:
        of = plan(
            cycle("2.00", "WEEK", trial=True),
            cycle(None, "WEEK", sequence=2, trial=True),
            cycle("100.00", "YEAR", sequence=3),
        )
        second = START + 8 * DAY
        billing = paid("2.0", START, cycle_executions=executed(1, 1, 0))
        found = mapped(subscription(billing_info=billing), of, second)
        assert found.paid_through == START + 14 * DAY
        first = paid("2.0", START, cycle_executions=executed(1, 0, 0))
        assert mapped(subscription(billing_info=first), of, START + DAY).paid_through == START + 7 * DAY

    def test_the_last_of_a_fixed_number_of_payments_pays_for_its_period(self) -> None:
        billing = paid("5.0", START, cycle_executions=executed(3))
        found = mapped(subscription("EXPIRED", billing_info=billing), with_fee(cycle("5.00", total_cycles=3)))
        assert found.paid_through == moment("2027-02-28T14:32:00Z")


class TestWithoutFee:
    """PayPal may count late."""

    def test_a_payment_of_the_full_price_pays_for_a_period_before_paypal_counts_it(self) -> None:
        billing = paid("100.0", cycle_executions=executed(0), next_billing_time=stamp(START))
        found = mapped(subscription("CANCELLED", billing_info=billing), plan(YEARLY))
        assert found.paid_through == YEAR_LATER + 60

    def test_tax_shipping_and_quantity_are_part_of_the_full_price(self) -> None:
        of = plan(YEARLY, taxes={"percentage": "20", "inclusive": False})
        data: dict[str, Any] = {"quantity": "2", "shipping_amount": {"currency_code": "USD", "value": "3.0"}}
        whole = paid("243.0", cycle_executions=executed(0))
        assert mapped(subscription(billing_info=whole, **data), of).paid_through == YEAR_LATER + 60
        less = paid("242.0", cycle_executions=executed(0))
        assert mapped(subscription(billing_info=less, **data), of).paid_through == START

    def test_a_payment_below_the_price_is_a_fee_that_the_plan_no_longer_shows(self) -> None:
        billing = paid("1.0", cycle_executions=executed(0), next_billing_time=stamp(START + HOUR))
        assert mapped(subscription("SUSPENDED", billing_info=billing), plan(YEARLY)).paid_through == START

    def test_a_change_to_a_dearer_plan_keeps_the_paid_time(self) -> None:
        """PayPal counts the new plan's cycles from nothing, and bills it when the old one's time is over."""
        due = moment("2027-02-28T10:00:00Z")
        billing = paid("3.0", START, cycle_executions=executed(0), next_billing_time=stamp(due))
        found = mapped(subscription(billing_info=billing), plan(cycle("5.00")), START + 9 * DAY)
        assert found.paid_through == due


def test_a_change_to_a_plan_with_a_set_up_fee_keeps_the_paid_time() -> None:
    """PayPal takes no fee for a change, and counts the new plan's cycles from nothing."""
    due = moment("2027-02-28T10:00:00Z")
    billing = paid("3.0", START, cycle_executions=executed(0), next_billing_time=stamp(due))
    found = mapped(subscription(billing_info=billing), with_fee(YEARLY), START + 9 * DAY)
    assert found.paid_through == due


@pytest.mark.parametrize("status", ["ACTIVE", "SUSPENDED", "CANCELLED"])
def test_a_change_of_plan_is_known_by_the_last_payment(status: str) -> None:
    """The new plan cannot tell what the payment bought, but the ledger knows it from before."""
    later = START + 31 * DAY
    before = paid("5.0", later, cycle_executions=executed(2))
    known = mapped(subscription(billing_info=before), plan(cycle("5.00")), later)
    after = paid("5.0", later, cycle_executions=executed(0))
    found = mapped(subscription(status, billing_info=after), plan(YEARLY), later)
    assert (known.counts_anew, found.counts_anew) == (False, True)
    assert found.period_start == known.period_start == later


def test_a_subscription_without_a_payment_has_not_changed_plans() -> None:
    billing = {**info(last=None), "cycle_executions": executed(0)}
    assert not mapped(subscription(billing_info=billing), plan(YEARLY)).counts_anew


def test_a_cycle_that_paypal_counts_late_is_paid_despite_a_set_up_fee() -> None:
    billing = paid("100.0", START + 4 * HOUR, cycle_executions=executed(0))
    found = mapped(subscription("CANCELLED", billing_info=billing), with_fee(YEARLY))
    assert found.paid_through == YEAR_LATER + 4 * HOUR


def test_a_set_up_fee_found_in_the_list_of_payments_is_recognised() -> None:
    hidden = subscription("CANCELLED", billing_info={})
    fee = dict(with_payment(hidden, Payment("TX1", 100, 0, "usd", START)))
    assert mapped(fee, with_fee(YEARLY)).paid_through == START
    year = dict(with_payment(hidden, Payment("TX2", 10_000, 0, "usd", START)))
    assert mapped(year, with_fee(YEARLY)).paid_through == YEAR_LATER


class TestCharges:
    """The charges from the next payment on."""

    def test_a_subscription_at_its_plain_price_has_no_special_terms(self) -> None:
        assert mapped(subscription(), plan(cycle("5.00"))).terms == PLAIN
        inclusive = plan(cycle("5.00"), taxes={"percentage": "20", "inclusive": True})
        assert mapped(subscription(), inclusive).terms == PLAIN
        unsaid = plan(cycle("5.00"), taxes={"percentage": "20"})
        assert mapped(subscription(), unsaid).terms == PLAIN
        assert mapped(subscription(quantity="3"), plan(cycle("5.00"))).terms == PLAIN

    def test_tax_and_shipping_are_added_to_the_charge(self) -> None:
        data = subscription(
            quantity="3",
            shipping_amount={"currency_code": "USD", "value": "2.50"},
            billing_info=info(cycle_executions=executed(1)),
        )
        taxed = plan(cycle("5.05"), taxes={"percentage": "19.99", "inclusive": False})
        assert mapped(data, taxed).terms.steps == (Step(1515 + 303 + 250),)

    def test_a_tax_on_forints_is_rounded_to_whole_forints(self) -> None:
        price = {"fixed_price": {"currency_code": "HUF", "value": "999"}}
        taxed = plan(cycle(pricing_scheme=price), taxes={"percentage": "27", "inclusive": False})
        assert mapped(subscription(billing_info={}), taxed).terms.steps == (Step(126_900),)

    @pytest.mark.parametrize(("done", "left"), [(0, (2, 3)), (1, (1, 3)), (2, (3,)), (5, ())])
    def test_the_charges_of_paid_trials_come_before_the_regular_price(
        self, done: int, left: tuple[int, ...]
    ) -> None:
        executions = executed(min(done, 2), max(done - 2, 0), 0)
        data = subscription(billing_info=paid("3.3", cycle_executions=executions))
        steps = mapped(data, recorded.DOCUMENTED_PLAN).terms.steps
        amounts = (330, 660)[2 - len(left) :]
        assert steps == (*map(Step, amounts, left), Step(1100, 12))

    def test_an_outstanding_balance_is_charged_with_the_next_payment(self) -> None:
        owed = info(outstanding_balance={"currency_code": "USD", "value": "5.0"})
        assert mapped(subscription(billing_info=owed), plan()).terms.steps == (Step(1000, 1), Step(500))
        never = plan(payment_preferences={"auto_bill_outstanding": False})
        assert mapped(subscription(billing_info=owed), never).terms == PLAIN

    def test_the_charge_of_a_tiered_price_is_left_to_paypal(self) -> None:
        tiers = {"pricing_model": "TIERED", "tiers": [{"amount": {"currency_code": "EUR", "value": "2.00"}}]}
        found = mapped(subscription(), plan(cycle(None, pricing_scheme=tiers)))
        assert (found.terms, found.total) == (PLAIN, None)


class TestSoManyPayments:
    """A plan whose regular cycle has an end too."""

    def test_a_plan_with_a_fixed_number_of_payments_ends_after_the_last(self) -> None:
        of = plan(cycle("5.00", total_cycles=3))
        steps = [mapped(subscription(billing_info=info(cycle_executions=executed(n))), of) for n in (1, 2, 3)]
        assert [one.terms.steps for one in steps] == [(Step(500, 2),), (Step(500, 1),), ()]
        assert [one.ends_at for one in steps] == [None, None, moment("2027-02-28T14:32:00Z")]
        assert not steps[-1].renews
        assert decide_charges(steps[-1]) == ()

    def test_a_failed_last_payment_is_past_due_and_has_its_grace(self) -> None:
        of = plan(cycle("5.00", total_cycles=1))
        failed = info(failed=START + 2 * DAY, failed_payments_count=1)
        found = mapped(subscription(billing_info=failed), of)
        assert (found.status, found.ends_at) == (Status.PAST_DUE, None)

    def test_a_plan_without_a_number_of_payments_has_no_end(self) -> None:
        endless = cycle("5.00")
        del endless["total_cycles"]
        assert mapped(subscription(), plan(endless)).ends_at is None


class TestOwnTerms:
    """A subscription's own variant of its plan."""

    def test_a_complete_plan_override_needs_no_plan(self) -> None:
        assert is_whole(recorded.DOCUMENTED_PLAN)
        assert not is_whole({"billing_cycles": recorded.DOCUMENTED_PLAN["billing_cycles"]})
        assert not is_whole({"billing_cycles": [{"sequence": 3}], "payment_preferences": {}})

    def test_a_plan_override_replaces_only_what_it_names(self) -> None:
        price = {"fixed_price": {"currency_code": "USD", "value": "7.00"}}
        own = {
            "billing_cycles": [{"sequence": 3, "pricing_scheme": price}],
            "taxes": {"percentage": "20"},
            "payment_preferences": {"auto_bill_outstanding": False},
        }
        tariff = tariff_of(with_own(recorded.DOCUMENTED_PLAN, own))
        assert tariff.charge(tariff.regular) == 840
        assert tariff.charge(tariff.cycles[0]) == 360
        assert (tariff.fee, tariff.taxed(tariff.fee)) == (1000, 1200)


class TestRecorded:
    """Answers that PayPal has really given."""

    DOCUMENTED_START = moment("2019-04-10T07:00:00Z")

    def test_the_documented_subscription_with_a_set_up_fee_is_paid_for_no_period(self) -> None:
        now = moment("2019-04-09T12:00:00Z")
        found = mapped(recorded.DOCUMENTED, recorded.DOCUMENTED_PLAN, now)
        assert (found.status, found.trial_end) == (Status.TRIALING, moment("2019-04-10T10:00:00Z"))
        assert found.paid_through == self.DOCUMENTED_START

    def test_the_documented_subscription_is_paid_for_no_period_if_its_plan_shows_no_fee(self) -> None:
        bare = {**recorded.DOCUMENTED_PLAN, "payment_preferences": {}}
        found = mapped(recorded.DOCUMENTED, bare, moment("2019-04-10T12:00:00Z"))
        assert found.paid_through == self.DOCUMENTED_START

    def test_a_paid_set_up_fee_gives_access_until_the_start(self) -> None:
        found = mapped(recorded.FEE_PAID, recorded.DOCUMENTED_PLAN, moment("2021-12-26T20:00:00Z"))
        start = moment("2021-12-27T15:57:47Z")
        assert (found.status, found.period_end, found.paid_through) == (Status.TRIALING, start, start)

    def test_a_subscription_cancelled_after_its_set_up_fee_keeps_nothing(self) -> None:
        found = mapped(recorded.CANCELLED_AFTER_FEE, recorded.DOCUMENTED_PLAN)
        assert found.paid_through == moment("2021-02-18T21:42:05Z")

    def test_a_recorded_free_day_is_a_trial_of_one_day(self) -> None:
        of = plan(cycle(None, "DAY", trial=True), cycle("9.99", sequence=2))
        found = mapped(recorded.FREE_DAY, of, moment("2024-03-04T09:24:00Z"))
        assert (found.status, found.paid_through) == (Status.TRIALING, moment("2024-03-05T09:20:35Z"))

    def test_a_recorded_paid_month_is_active_for_a_month(self) -> None:
        found = mapped(recorded.MONTH_PAID, plan(cycle("1.00", total_cycles=998)))
        assert (found.status, found.paid_through) == (Status.ACTIVE, moment("2019-08-14T10:00:00Z"))
