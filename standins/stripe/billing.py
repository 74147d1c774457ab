"""The life of a Stripe subscription: its first payment, renewals, failed payments and its end."""

from __future__ import annotations

from standins.stripe import invoices
from standins.stripe.cancel import OVER, cancel_now
from standins.stripe.dates import period_from
from standins.stripe.state import DAY, Obj, World

UPDATED = "customer.subscription.updated"


def items_of(subscription: Obj) -> list[Obj]:
    data: list[Obj] = subscription["items"]["data"]
    return data


def period_end(subscription: Obj) -> int:
    """Return the earliest period end among the subscription's items, in unix seconds."""
    ends: list[int] = [item["current_period_end"] for item in items_of(subscription)]
    return min(ends)


def method_for(world: World, subscription: Obj) -> Obj | None:
    """Return the subscription's own payment method, or else the customer's default; None without both."""
    customer = world.get("customer", subscription["customer"])
    default = (customer.get("invoice_settings") or {}).get("default_payment_method")
    name = subscription["default_payment_method"] or default
    return world.by_id.get(name) if name else None


def set_periods(world: World, subscription: Obj, moment: int, items: list[Obj] | None = None) -> None:
    """Set the current period of `items` (default: all) to the one that contains `moment` (unix seconds)."""
    for item in items_of(subscription) if items is None else items:
        recurring = world.by_id[item["price"]]["recurring"]
        start, end = period_from(
            subscription["billing_cycle_anchor"], recurring["interval"], recurring["interval_count"], moment
        )
        item.update(current_period_start=start, current_period_end=end)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = period_end(subscription)


def bill(
    world: World,
    subscription: Obj,
    reason: str,
    *,
    free: bool = False,
    new_period: bool = True,
    items: list[Obj] | None = None,
) -> Obj:
    """Draft an invoice of the pending prorations.

    If `new_period` is true, it also has a line for each of `items` (default: all).
    """
    lines: list[Obj] = world.hidden.pop(("pending", subscription["id"]), [])
    if new_period:
        amount, begun = 0 if free else None, items_of(subscription) if items is None else items
        lines += [invoices.line_for(world, subscription, item, amount) for item in begun]
    return invoices.draft_invoice(world, subscription, reason, lines)


def settle(world: World, subscription: Obj, invoice: Obj) -> bool:
    """Finalize the invoice and try to collect it at once; return True if it is paid.

    An invoice that is sent to the customer is left open, with its due date set.
    """
    invoices.finalize(world, invoice)
    if invoice["collection_method"] == "send_invoice" and invoice["status"] == "open":
        invoice["due_date"] = world.now() + (subscription["days_until_due"] or 0) * DAY
        with world.changing(subscription, UPDATED):
            if subscription["status"] == "incomplete":
                subscription["status"] = "active"
        return False
    paid = invoice["status"] == "paid" or invoices.collect(world, invoice, method_for(world, subscription))
    after_payment(world, subscription, invoice, paid)
    return paid


def after_payment(world: World, subscription: Obj, invoice: Obj, paid: bool) -> None:
    if paid:
        _money_came(world, subscription, invoice)
    elif subscription["status"] not in OVER:
        _money_failed(world, subscription, invoice)


def _money_came(world: World, subscription: Obj, invoice: Obj) -> None:
    world.hidden.pop(("failed", invoice["id"]), None)
    if subscription["latest_invoice"] != invoice["id"]:
        return
    with world.changing(subscription, UPDATED):
        if subscription["status"] in ("incomplete", "past_due", "unpaid"):
            subscription["status"] = "active"


def _money_failed(world: World, subscription: Obj, invoice: Obj) -> None:
    if is_on_its_way(world, invoice):
        return
    if (
        invoice["billing_reason"] == "subscription_create"
    ):  # incomplete: nothing is retried, the customer must act
        _tell_unpaid(world, invoice)
        return
    first = world.hidden.setdefault(("failed", invoice["id"]), world.now())
    if invoices.note_failure(world, invoice, first) is not None:
        with world.changing(subscription, UPDATED):
            if subscription["status"] in ("active", "trialing"):
                subscription["status"] = "past_due"
    elif world.settings.after_retries == "cancel":
        cancel_now(world, subscription, "payment_failed")
    else:
        with world.changing(subscription, UPDATED):
            subscription["status"] = world.settings.after_retries


def is_on_its_way(world: World, invoice: Obj) -> bool:
    """Return True if a bank debit for the invoice is still processing.

    A subscription stays incomplete while its first payment is `processing`
    (docs.stripe.com/billing/subscriptions/overview, 'Subscription statuses', 2026-11).
    """
    intent = invoices.intent_of(world, invoice)
    return intent is not None and intent["status"] == "processing"


def _tell_unpaid(world: World, invoice: Obj) -> None:
    if invoices.awaits_customer(world, invoice):
        world.emit("invoice.payment_action_required", invoice)
    world.emit("invoice.payment_failed", invoice)


def renew(world: World, subscription: Obj) -> None:
    """Begin the next period at the end of a period or trial, and draft its invoice."""
    ends = period_end(subscription)
    trial_over = subscription["status"] == "trialing"
    if trial_over and _ends_without_card(world, subscription):
        return
    with world.changing(subscription, UPDATED):
        if trial_over:
            subscription["status"] = "active"
        over = [item for item in items_of(subscription) if item["current_period_end"] == ends]
        set_periods(world, subscription, ends, over)
        invoice = bill(world, subscription, "subscription_cycle", items=over)
    _as_paused(world, subscription, invoice)


def _as_paused(world: World, subscription: Obj, invoice: Obj) -> None:
    """Treat the draft as pause_collection says, or keep it a draft if the subscription is unpaid."""
    behavior = (subscription["pause_collection"] or {}).get("behavior")
    if behavior in ("void", "mark_uncollectible"):
        invoices.finalize(world, invoice)
        if behavior == "void" and invoice["status"] == "open":
            invoices.void(world, invoice)
        elif invoice["status"] == "open":
            invoices.mark_uncollectible(world, invoice, "subscription_paused")
    elif behavior == "keep_as_draft" or subscription["status"] == "unpaid":
        invoice.update(auto_advance=False, automatically_finalizes_at=None)


def _ends_without_card(world: World, subscription: Obj) -> bool:
    """Apply trial_settings.end_behavior if the customer has no payment method.

    Returns True if the subscription was canceled or paused, so that no new period begins.
    """
    if method_for(world, subscription) is not None:
        return False
    behavior: str = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "cancel":
        cancel_now(world, subscription, None)
    elif behavior == "pause":
        pause(world, subscription, "trial_end_without_payment_method")
    return behavior != "create_invoice"


def pause(world: World, subscription: Obj, why: str) -> None:
    """Pause the subscription (status `paused`): it gets no invoices until it is resumed."""
    with world.changing(subscription, UPDATED):
        subscription["status"] = "paused"
        subscription["status_details"] = {
            "paused": {
                "subscription": {"type": why},
                "transitioned_at": world.now(),
                "type": "subscription",
            }
        }
    world.emit("customer.subscription.paused", subscription)


def retry(world: World, invoice: Obj) -> None:
    """Make a scheduled attempt to collect a renewal's open invoice."""
    subscription = world.get("subscription", invoices.subscription_id(invoice))
    paid = invoices.collect(world, invoice, method_for(world, subscription))
    after_payment(world, subscription, invoice, paid)


def finalize_due(world: World, invoice: Obj) -> None:
    settle(world, world.get("subscription", invoices.subscription_id(invoice)), invoice)


def expire_incomplete(world: World, subscription: Obj) -> None:
    """Expire a subscription whose first payment did not succeed within 23 hours.

    Source: docs.stripe.com/billing/subscriptions/overview.
    """
    with world.changing(subscription, UPDATED):
        subscription.update(status="incomplete_expired", ended_at=world.now())
    invoice = world.by_id[subscription["latest_invoice"]]
    if invoice["status"] == "open":
        invoices.void(world, invoice)
