"""A subscription's whole life, by API and by clock."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.times import parse, stamp
from tests.standins.paypal.helpers import DAY, Client, kinds, link, path_of

START = parse("2027-03-05T14:30:00Z")
SUB = "BILLING.SUBSCRIPTION."


@pytest.fixture
def clock() -> MovableClock:
    """On an afternoon in March, so that dates can be written down."""
    found = MovableClock()
    found.advance(START - found.now())
    return found


def to(clock: MovableClock, moment: str) -> None:
    clock.advance(parse(moment) - clock.now())


async def test_approving_a_subscription_takes_the_first_payment(
    client: Client, fake: PayPalServer, gold: Any
) -> None:
    made = await client.pending(gold)
    assert made["status"] == "APPROVAL_PENDING"
    assert "billing_info" not in made
    back = fake.approve(link(made, "approve"), "mia@example.com", "Mia", "Sol")
    told = parse_qs(urlsplit(back).query)
    assert back.startswith("http://127.0.0.1:1/paypal/return?")
    assert told["way"] == ["1"]
    assert told["subscription_id"] == [made["id"]]
    assert told["ba_token"] == [link(made, "approve").partition("ba_token=")[2]]
    assert told["token"]
    shown = await client.show(made)
    info = shown["billing_info"]
    assert (shown["status"], shown["custom_id"]) == ("ACTIVE", "opaque")
    assert shown["subscriber"]["email_address"] == "mia@example.com"
    assert info["last_payment"]["amount"] == {"currency_code": "USD", "value": "5.0"}
    assert info["next_billing_time"] == "2027-04-05T10:00:00Z"
    assert info["cycle_executions"][0]["cycles_completed"] == 1
    assert shown["plan"]["id"] == gold["id"]
    assert kinds(fake) == [f"{SUB}CREATED", f"{SUB}ACTIVATED", "PAYMENT.SALE.COMPLETED"]
    sale = fake.events[-1]["resource"]
    assert (sale["billing_agreement_id"], sale["custom"]) == (made["id"], "opaque")
    assert sale["amount"]["total"] == "5.00"


async def test_periods_passed_at_once_are_played_one_after_another(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold)
    to(clock, "2027-06-20T00:00:00Z")
    await fake.settle()
    times = [one["time"] for one in await client.transactions(made)]
    assert [one[:10] for one in times] == ["2027-03-05", "2027-04-05", "2027-05-05", "2027-06-05"]
    assert times[1:] == [f"2027-0{n}-05T10:00:00Z" for n in (4, 5, 6)]
    sold = [one for one in fake.events if one["event_type"] == "PAYMENT.SALE.COMPLETED"]
    assert [one["create_time"] for one in sold[1:]] == [one.replace("Z", ".000Z") for one in times[1:]]
    assert (await client.show(made))["billing_info"]["next_billing_time"] == "2027-07-05T10:00:00Z"


async def test_a_trial_turns_into_the_regular_cycle(
    client: Client, fake: PayPalServer, clock: MovableClock
) -> None:
    plan = fake.add_plan(fake.add_product("Gold"), "8.50", trials=(("0", "WEEK", 2), ("1.00", "MONTH", 1)))
    made = await client.active(plan)
    assert "last_payment" not in made["billing_info"]
    assert await client.transactions(made) == []
    to(clock, "2027-05-01T00:00:00Z")
    await fake.settle()
    paid = [
        (one["time"][:10], one["amount_with_breakdown"]["gross_amount"]["value"])
        for one in await client.transactions(made)
    ]
    assert paid == [("2027-03-19", "1.00"), ("2027-04-19", "8.50")]
    cycles = (await client.show(made))["billing_info"]["cycle_executions"]
    assert [one["cycles_completed"] for one in cycles] == [2, 1, 1]
    assert [one["tenure_type"] for one in cycles] == ["TRIAL", "TRIAL", "REGULAR"]


async def test_a_subscription_starts_at_its_start_time(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold, start_time="2027-04-01T22:15:00Z")
    assert made["status"] == "ACTIVE"
    assert made["billing_info"]["next_billing_time"] == "2027-04-01T22:15:00Z"
    assert await client.transactions(made) == []
    to(clock, "2027-04-01T22:15:01Z")
    await fake.settle()
    assert [one["time"] for one in await client.transactions(made)] == ["2027-04-01T22:15:00Z"]
    assert (await client.show(made))["billing_info"]["next_billing_time"] == "2027-05-01T10:00:00Z"


async def test_a_plan_with_a_fixed_number_of_payments_ends_after_the_last(
    client: Client, fake: PayPalServer, clock: MovableClock
) -> None:
    plan = fake.add_plan(fake.add_product("Gold"), "5.00", total_cycles=3)
    made = await client.active(plan)
    assert made["billing_info"]["final_payment_time"] == "2027-05-05T10:00:00Z"
    to(clock, "2027-05-06T00:00:00Z")
    await fake.settle()
    shown = await client.show(made)
    assert shown["status"] == "EXPIRED"
    assert "next_billing_time" not in shown["billing_info"]
    assert kinds(fake)[-2:] == ["PAYMENT.SALE.COMPLETED", f"{SUB}EXPIRED"]
    assert len(await client.transactions(made)) == 3


async def test_the_final_payment_time_counts_the_trial(client: Client, fake: PayPalServer) -> None:
    trials = (("0", "WEEK", 2),)
    plan = fake.add_plan(fake.add_product("Gold"), "5.00", total_cycles=3, trials=trials)
    made = await client.active(plan)
    assert made["billing_info"]["final_payment_time"] == "2027-05-19T10:00:00Z"


async def test_a_cancellation_is_immediate_and_final(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold)
    status, body = await client.call("POST", f"{path_of(made)}/cancel", {"reason": "Enough"})
    assert (status, body) == (204, None)
    shown = await client.show(made)
    assert (shown["status"], shown["status_change_note"]) == ("CANCELLED", "Enough")
    assert fake.dashboard.next_charge(made["id"]) is None
    assert "next_billing_time" not in shown["billing_info"]
    for action in ("cancel", "suspend", "activate"):
        refusal = await client.refused("POST", f"{path_of(made)}/{action}", {"reason": "Again"})
        assert refusal == (422, "SUBSCRIPTION_STATUS_INVALID")
    clock.advance(90 * DAY)
    await fake.settle()
    assert len(await client.transactions(made)) == 1
    assert kinds(fake)[-1] == f"{SUB}CANCELLED"


async def test_a_suspended_subscription_can_be_activated_again(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold)
    await client.good("POST", f"{path_of(made)}/suspend", {"reason": "Holiday"})
    to(clock, "2027-05-20T00:00:00Z")
    await fake.settle()
    assert len(await client.transactions(made)) == 1
    assert (await client.show(made))["status"] == "SUSPENDED"
    await client.good("POST", f"{path_of(made)}/activate", {"reason": "Back"})
    shown = await client.show(made)
    assert (shown["status"], shown["billing_info"]["next_billing_time"]) == ("ACTIVE", "2027-06-05T10:00:00Z")
    to(clock, "2027-06-06T00:00:00Z")
    await fake.settle()
    assert len(await client.transactions(made)) == 2
    assert kinds(fake)[-3:] == [f"{SUB}SUSPENDED", f"{SUB}ACTIVATED", "PAYMENT.SALE.COMPLETED"]
    fake.world.settings.reactivated_event = f"{SUB}RE-ACTIVATED"
    fake.dashboard.suspend(made["id"])
    fake.dashboard.activate(made["id"])
    assert kinds(fake)[-1] == f"{SUB}RE-ACTIVATED"


async def test_a_failed_payment_is_tried_again(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold)
    fake.dashboard.fail_next_payment()
    to(clock, "2027-04-06T00:00:00Z")
    await fake.settle()
    shown = await client.show(made)
    failed = shown["billing_info"]["last_failed_payment"]
    assert shown["status"] == "ACTIVE"
    assert (failed["time"], failed["next_payment_retry_time"]) == (
        "2027-04-05T10:00:00Z",
        "2027-04-10T10:00:00Z",
    )
    assert fake.events[-1]["event_type"] == f"{SUB}PAYMENT.FAILED"
    assert fake.events[-1]["resource"]["billing_info"]["last_failed_payment"] == failed
    plainly = await client.good("GET", path_of(made))
    assert "last_failed_payment" not in plainly["billing_info"]
    to(clock, "2027-04-11T00:00:00Z")
    await fake.settle()
    shown = await client.show(made)
    assert "last_failed_payment" not in shown["billing_info"]
    assert shown["billing_info"]["last_payment"]["time"] == "2027-04-10T10:00:00Z"
    assert shown["billing_info"]["next_billing_time"] == "2027-05-05T10:00:00Z"
    assert [one["status"] for one in await client.transactions(made)] == [
        "COMPLETED",
        "DECLINED",
        "COMPLETED",
    ]


async def test_repeated_failed_payments_suspend_a_subscription(
    client: Client, fake: PayPalServer, clock: MovableClock
) -> None:
    plan = fake.add_plan(fake.add_product("Gold"), "5.00", threshold=2)
    made = await client.active(plan)
    fake.dashboard.fund("ada@example.com", good=False)
    to(clock, "2027-04-16T00:00:00Z")
    await fake.settle()
    info = (await client.show(made))["billing_info"]
    assert info["failed_payments_count"] == 1
    assert info["outstanding_balance"]["value"] == "5.0"
    assert kinds(fake).count(f"{SUB}PAYMENT.FAILED") == 3
    to(clock, "2027-05-16T00:00:00Z")
    await fake.settle()
    shown = await client.show(made)
    assert shown["status"] == "SUSPENDED"
    assert shown["billing_info"]["outstanding_balance"]["value"] == "10.0"
    refusal = await client.refused("POST", f"{path_of(made)}/activate", {"reason": "Please"})
    assert refusal == (422, "SUBSCRIPTION_CANNOT_BE_ACTIVATED")
    fake.dashboard.fund("ada@example.com", good=True)
    due = {"currency_code": "USD", "value": "10.00"}
    given = {"note": "Now", "capture_type": "OUTSTANDING_BALANCE", "amount": due}
    taken = await client.good("POST", f"{path_of(made)}/capture", given)
    assert taken["status"] == "COMPLETED"
    await client.good("POST", f"{path_of(made)}/activate")
    shown = await client.show(made)
    assert (shown["status"], shown["billing_info"]["failed_payments_count"]) == ("ACTIVE", 0)


async def test_an_outstanding_balance_is_billed_with_the_next_period(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold)
    fake.dashboard.fail_next_payment(3)
    to(clock, "2027-05-06T00:00:00Z")
    await fake.settle()
    info = (await client.show(made))["billing_info"]
    assert info["last_payment"]["amount"]["value"] == "10.0"
    assert (info["failed_payments_count"], info["outstanding_balance"]["value"]) == (0, "0.0")


async def test_a_set_up_fee_comes_first_and_the_cycle_hours_later(
    client: Client, fake: PayPalServer, clock: MovableClock
) -> None:
    plan = fake.add_plan(fake.add_product("Gold"), "5.00", setup_fee="2.00")
    made = await client.active(plan)
    info = made["billing_info"]
    assert info["last_payment"]["amount"]["value"] == "2.0"
    assert [one["cycles_completed"] for one in info["cycle_executions"]] == [0]
    clock.advance(5 * 3600)
    await fake.settle()
    paid = [one["amount_with_breakdown"]["gross_amount"]["value"] for one in await client.transactions(made)]
    assert paid == ["2.00", "5.00"]
    executions = (await client.show(made))["billing_info"]["cycle_executions"]
    assert [one["cycles_completed"] for one in executions] == [1]
    fake.dashboard.fail_next_payment()
    assert (await client.active(plan))["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("inclusive", "currency", "amounts"),
    [(False, "USD", ["24.00", "12.00"]), (True, "USD", ["20.00", "10.00"]), (False, "HUF", ["24", "12"])],
)
async def test_an_exclusive_tax_is_added_to_the_payment(
    client: Client,
    fake: PayPalServer,
    clock: MovableClock,
    *,
    inclusive: bool,
    currency: str,
    amounts: list[str],
) -> None:
    taxes = {"percentage": "20", "inclusive": inclusive}
    plan = fake.add_plan(fake.add_product("Gold"), "10", currency=currency, setup_fee="20", taxes=taxes)
    made = await client.active(plan)
    clock.advance(5 * 3600)
    await fake.settle()
    paid = [one["amount_with_breakdown"]["gross_amount"]["value"] for one in await client.transactions(made)]
    assert paid == amounts


async def test_the_next_billing_time_is_stale_at_first_if_asked_for(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    fake.world.settings.stale_billing_seconds = 600
    made = await client.active(gold)
    assert made["billing_info"]["next_billing_time"] == made["start_time"]
    activated = next(one for one in fake.events if one["event_type"] == f"{SUB}ACTIVATED")
    assert activated["resource"]["billing_info"]["next_billing_time"] == made["start_time"]
    clock.advance(601)
    assert (await client.show(made))["billing_info"]["next_billing_time"] == "2027-04-05T10:00:00Z"


async def test_a_subscription_with_continue_waits_for_the_merchant(
    client: Client, fake: PayPalServer, gold: Any
) -> None:
    context = {
        "user_action": "CONTINUE",
        "return_url": "https://a.example/r",
        "cancel_url": "https://a.example/c",
    }
    made = await client.pending(gold, application_context=context)
    fake.approve(link(made, "approve"))
    assert (await client.show(made))["status"] == "APPROVED"
    await client.good("POST", f"{path_of(made)}/activate")
    assert (await client.show(made))["status"] == "ACTIVE"
    assert len(await client.transactions(made)) == 1


@pytest.mark.parametrize(
    ("interval", "count", "next_at"),
    [
        ("DAY", 10, "2027-03-15T10:00:00Z"),
        ("WEEK", 2, "2027-03-19T10:00:00Z"),
        ("MONTH", 3, "2027-06-05T10:00:00Z"),
        ("YEAR", 1, "2028-03-05T10:00:00Z"),
    ],
)
async def test_every_billing_interval_renews_by_the_calendar(
    client: Client, fake: PayPalServer, interval: str, count: int, next_at: str
) -> None:
    plan = fake.add_plan(fake.add_product("Gold"), "900", interval, "JPY", count=count)
    made = await client.active(plan)
    assert made["billing_info"]["next_billing_time"] == next_at
    assert made["billing_info"]["last_payment"]["amount"] == {"currency_code": "JPY", "value": "900"}


async def test_a_revision_waits_for_the_buyers_approval(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    silver = fake.add_plan(gold["product_id"], "3.00", trials=(("0", "MONTH", 1),))
    made = await client.active(gold)
    revised = await client.good("POST", f"{path_of(made)}/revise", {"plan_id": silver["id"]})
    assert (await client.show(made))["plan_id"] == gold["id"]
    fake.approve(link(revised, "approve"))
    assert (await client.show(made))["plan_id"] == silver["id"]
    assert kinds(fake)[-1] == f"{SUB}UPDATED"
    to(clock, "2027-04-06T00:00:00Z")
    await fake.settle()
    assert (await client.transactions(made))[-1]["amount_with_breakdown"]["gross_amount"]["value"] == "3.00"


async def test_a_subscription_can_be_patched(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold)
    price = {"currency_code": "USD", "value": "6.00"}
    place = "/plan/billing_cycles/@sequence==1/pricing_scheme/fixed_price"
    patches = [
        {"op": "replace", "path": "/custom_id", "value": "other"},
        {"op": "replace", "path": place, "value": price},
        {"op": "replace", "path": "/plan/payment_preferences/payment_failure_threshold", "value": 4},
    ]
    assert await client.call("PATCH", path_of(made), patches) == (204, None)
    shown = await client.show(made)
    assert (shown["custom_id"], shown["plan_overridden"]) == ("other", True)
    assert shown["plan"]["billing_cycles"][0]["pricing_scheme"]["fixed_price"] == price
    to(clock, "2027-04-06T00:00:00Z")
    await fake.settle()
    assert (await client.show(made))["billing_info"]["last_payment"]["amount"]["value"] == "6.0"
    assert gold["billing_cycles"][0]["pricing_scheme"]["fixed_price"]["value"] == "5.00"


async def test_transactions_are_listed_within_their_time_span(
    client: Client, fake: PayPalServer, gold: Any, clock: MovableClock
) -> None:
    made = await client.active(gold)
    to(clock, "2027-06-01T00:00:00Z")
    await fake.settle()
    span = "start_time=2027-04-01T00:00:00Z&end_time=2027-04-30T00:00:00Z"
    found = await client.good("GET", f"{path_of(made)}/transactions?{span}")
    assert [one["time"] for one in found["transactions"]] == ["2027-04-05T10:00:00Z"]
    assert found["total_items"] == 1
    empty = f"start_time={stamp(START + 5)}&end_time={stamp(START + 6)}"
    assert (await client.good("GET", f"{path_of(made)}/transactions?{empty}"))["transactions"] == []
