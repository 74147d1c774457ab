"""Cancels subscriptions, at once or at a later time."""

from __future__ import annotations

from standins.stripe import invoices
from standins.stripe.errors import StripeRefusal, invalid, missing
from standins.stripe.prorate import credit_unused
from standins.stripe.state import Obj, World

OVER = ("canceled", "incomplete_expired")


def cancel_now(
    world: World,
    subscription: Obj,
    reason: str | None = "cancellation_requested",
    *,
    invoice_now: bool = False,
    prorate: bool = False,
) -> Obj:
    """Cancel the subscription at once. Its open invoices stay open but are no longer collected."""
    if prorate:
        credit_unused(world, subscription)
    if invoice_now:
        _final_invoice(world, subscription)
    subscription.update(status="canceled", ended_at=world.now(), pause_collection=None)
    subscription["canceled_at"] = subscription["canceled_at"] or world.now()
    details = subscription["cancellation_details"]
    details["reason"] = reason or details["reason"]
    for invoice in world.all("invoice"):
        if invoices.subscription_id(invoice) == subscription["id"] and invoice["status"] in ("draft", "open"):
            invoice.update(auto_advance=False, next_payment_attempt=None, automatically_finalizes_at=None)
    _end_schedule(world, subscription)
    world.emit("customer.subscription.deleted", subscription)
    return subscription


def _final_invoice(world: World, subscription: Obj) -> None:
    lines = world.hidden.pop(("pending", subscription["id"]), [])
    if lines:
        invoice = invoices.draft_invoice(world, subscription, "subscription_update", lines)
        invoices.finalize(world, invoice)


def _end_schedule(world: World, subscription: Obj) -> None:
    if subscription["schedule"]:
        schedule = world.by_id[subscription["schedule"]]
        schedule.update(status="canceled", canceled_at=world.now(), current_phase=None)
        world.emit("subscription_schedule.canceled", schedule)


def cancel(world: World, given: Obj, subscription_id: str) -> Obj:
    """Handle DELETE on a subscription; like Stripe, answer 404 if it has already ended."""
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] in OVER:
        raise missing("subscription", subscription_id)
    note_details(subscription, given.get("cancellation_details"))
    subscription["canceled_at"] = None
    return cancel_now(
        world,
        subscription,
        invoice_now=given.get("invoice_now", False),
        prorate=given.get("prorate", False),
    )


def note_details(subscription: Obj, given: Obj | None) -> None:
    for key, value in (given or {}).items():
        subscription["cancellation_details"][key] = value or None


def plan_end(world: World, subscription: Obj, given: Obj) -> None:
    """Apply cancel_at and cancel_at_period_end from an update request.

    cancel_at_period_end fills cancel_at too; min_period_end and max_period_end become times at once and do
    not move with later periods (docs.stripe.com/changelog/basil/2025-07-30/cancel-at-enums). An explicit
    cancel_at leaves cancel_at_period_end alone.
    """
    if "cancel_at" in given and given.get("cancel_at_period_end"):
        raise invalid("Only one of cancel_at and cancel_at_period_end can be specified.", "cancel_at")
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    if "cancel_at_period_end" in given:
        if given["cancel_at_period_end"]:
            _end_at(world, subscription, min(ends), at_period_end=True)
        elif subscription["cancel_at_period_end"]:
            _end_at(world, subscription, None)
    if "cancel_at" in given:
        wanted = given["cancel_at"]
        if isinstance(wanted, str) and wanted and subscription["billing_mode"]["type"] != "flexible":
            raise invalid(f"{wanted} needs billing_mode flexible.", "cancel_at")
        times = {"": None, "min_period_end": min(ends), "max_period_end": max(ends)}
        at = wanted if isinstance(wanted, int) else times.get(wanted)
        if at is not None and at <= world.now():
            raise invalid("cancel_at must be in the future.", "cancel_at")
        _end_at(world, subscription, at)


def _end_at(world: World, subscription: Obj, at: int | None, *, at_period_end: bool = False) -> None:
    subscription.update(cancel_at=at, cancel_at_period_end=at_period_end)
    subscription["canceled_at"] = None if at is None else world.now()
    subscription["cancellation_details"]["reason"] = None if at is None else "cancellation_requested"


def refuse_managed(subscription: Obj) -> None:
    """Refuse to cancel a subscription that a schedule manages, because the schedule decides its end."""
    if subscription["schedule"]:
        raise StripeRefusal(
            400,
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and "
            "updating any cancelation behavior directly is not allowed. Please update the schedule instead.",
        )
