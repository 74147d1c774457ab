"""Stripe's API for subscription schedules: creating one for a subscription, releasing and canceling."""

from __future__ import annotations

from standins.stripe.errors import StripeRefusal, required
from standins.stripe.routes import Route, list_of, post, retrieve
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id, plan_of


def create_schedule(world: World, given: Obj) -> Obj:
    if "from_subscription" not in given:
        raise required("from_subscription")
    subscription = world.get("subscription", given["from_subscription"], "from_subscription")
    if subscription["schedule"]:
        raise StripeRefusal(
            400,
            "You cannot migrate a subscription that is already attached to a schedule.",
            param="from_subscription",
        )
    item = subscription["items"]["data"][0]
    schedule = world.add(_schedule(world, subscription, item))
    merge_metadata(schedule, given.get("metadata"))
    world.emit("subscription_schedule.created", schedule)
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["schedule"] = schedule["id"]
    return schedule


def _schedule(world: World, subscription: Obj, item: Obj) -> Obj:
    start, end = item["current_period_start"], item["current_period_end"]
    return {
        **blank(
            "application canceled_at completed_at customer_account released_at released_subscription "
            "test_clock"
        ),
        "id": new_id("sub_sched"),
        "object": "subscription_schedule",
        "billing_mode": dict(subscription["billing_mode"]),
        "created": world.now(),
        "current_phase": {"start_date": start, "end_date": end},
        "customer": subscription["customer"],
        "default_settings": {
            **blank(
                "application_fee_percent billing_thresholds default_payment_method description on_behalf_of"
            ),
            "automatic_tax": blank("disabled_reason liability") | {"enabled": False},
            "billing_cycle_anchor": "automatic",
            "collection_method": "charge_automatically",
            "invoice_settings": blank("account_tax_ids custom_fields days_until_due description footer")
            | {"issuer": {"type": "self"}},
            "transfer_data": None,
        },
        "end_behavior": "release",
        "livemode": world.livemode,
        "metadata": {},
        "pause_schedules": [],
        "phases": [_phase(world, subscription, start, end)],
        "status": "active",
        "subscription": subscription["id"],
    }


def _phase(world: World, subscription: Obj, start: int, end: int) -> Obj:
    return {
        **blank("application_fee_percent billing_cycle_anchor billing_thresholds collection_method"),
        **blank("default_payment_method description invoice_settings on_behalf_of transfer_data trial_end"),
        "add_invoice_items": [],
        "currency": subscription["currency"],
        "default_tax_rates": [],
        "discounts": [],
        "end_date": end,
        "items": [
            {
                "billing_thresholds": None,
                "discounts": [],
                "metadata": {},
                "plan": plan_of(world.by_id[item["price"]])["id"],
                "price": item["price"],
                "quantity": item["quantity"],
                "tax_rates": [],
            }
            for item in subscription["items"]["data"]
        ],
        "metadata": {},
        "proration_behavior": "create_prorations",
        "start_date": start,
    }


def release(world: World, given: Obj, schedule_id: str) -> Obj:
    """Release the schedule: its subscription continues without it."""
    schedule = world.get("subscription_schedule", schedule_id)
    if schedule["status"] not in ("active", "not_started"):
        raise StripeRefusal(
            400,
            f"You cannot release a subscription schedule that is currently in the `{schedule['status']}` "
            "status. It must be in `not_started` or `active` status.",
        )
    subscription = world.by_id[schedule["subscription"]]
    schedule.update(status="released", released_at=world.now(), released_subscription=subscription["id"])
    schedule.update(subscription=None, current_phase=None)
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["schedule"] = None
    world.emit("subscription_schedule.released", schedule)
    return schedule


def cancel_schedule(world: World, given: Obj, schedule_id: str) -> Obj:
    """Cancel the schedule and its subscription."""
    from standins.stripe.cancel import cancel_now  # noqa: PLC0415  an ending subscription ends its schedule too

    schedule = world.get("subscription_schedule", schedule_id)
    if schedule["status"] not in ("active", "not_started"):
        raise StripeRefusal(400, f"A schedule that is {schedule['status']} cannot be canceled.")
    cancel_now(world, world.by_id[schedule["subscription"]])
    return schedule


ROUTES: list[Route] = [
    post(
        "/v1/subscription_schedules",
        "SubscriptionScheduleCreateParams",
        create_schedule,
        "from_subscription metadata",
    ),
    retrieve(
        "subscription_schedule", "/v1/subscription_schedules/{id}", "SubscriptionScheduleRetrieveParams"
    ),
    post("/v1/subscription_schedules/{id}/release", "SubscriptionScheduleReleaseParams", release),
    post("/v1/subscription_schedules/{id}/cancel", "SubscriptionScheduleCancelParams", cancel_schedule),
    list_of(
        "subscription_schedule", "/v1/subscription_schedules", "SubscriptionScheduleListParams", "customer"
    ),
]
