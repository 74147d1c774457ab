"""Invoices and their statuses: draft, open, paid, void and uncollectible.

Source: docs.stripe.com/invoicing/overview.
"""

from __future__ import annotations

import copy

from standins.stripe import reckoning
from standins.stripe.catalog import amount_of
from standins.stripe.errors import StripeRefusal
from standins.stripe.payments import cancel_intent, charge_intent, open_intent
from standins.stripe.state import DAY, Obj, World, blank, listing, new_id, token


def draft_invoice(world: World, subscription: Obj, reason: str, lines: list[Obj]) -> Obj:
    """Draft an invoice of these lines. Credit from prorations may reduce the amount due to 0."""
    customer = world.get("customer", subscription["customer"])
    invoice_id = new_id("in")
    for line in lines:
        line["invoice"] = invoice_id
    invoice = world.add(_blank_invoice(world, invoice_id, subscription, customer))
    invoice.update(_sums(world, subscription, reason, lines, invoice_id))
    reckoning.use_up(world, subscription, invoice)
    if reason == "subscription_cycle":
        invoice["automatically_finalizes_at"] = world.now() + world.settings.draft_seconds
    world.emit("invoice.created", invoice)
    subscription["latest_invoice"] = invoice_id
    return invoice


def _sums(world: World, subscription: Obj, reason: str, lines: list[Obj], invoice_id: str) -> Obj:
    return {
        **reckoning.reckon(world, subscription, lines),
        "billing_reason": reason,
        "discounts": list(subscription["discounts"]),
        "lines": listing(lines, f"/v1/invoices/{invoice_id}/lines"),
        "period_start": subscription["items"]["data"][0]["current_period_start"],
        "period_end": world.now(),
    }


def preview(world: World, given: Obj) -> Obj:
    """Return the next invoice without storing it (docs.stripe.com/api/invoices/create_preview)."""
    subscription = world.get("subscription", given.get("subscription", ""), "subscription")
    if (
        subscription["status"] not in ("active", "trialing", "past_due")
        or subscription["cancel_at_period_end"]
    ):
        raise StripeRefusal(404, "No upcoming invoices for customer", code="invoice_upcoming_none")
    customer = world.get("customer", subscription["customer"])
    due = min(item["current_period_end"] for item in subscription["items"]["data"])
    items = [item for item in subscription["items"]["data"] if item["current_period_end"] == due]
    lines = [*copy.deepcopy(world.hidden.get(("pending", subscription["id"]), []))]
    before, world.moment = world.moment, due  # compute it as of the time when it is due
    try:
        lines += [line_for(world, subscription, item) for item in items]
        invoice_id = f"upcoming_{new_id('in')}"
        for line in lines:
            line["invoice"] = invoice_id
        invoice = _blank_invoice(world, invoice_id, subscription, customer)
        invoice.update(_sums(world, subscription, "upcoming", lines, invoice_id))
    finally:
        world.moment = before
    both = invoice["total"] + customer["balance"]
    invoice.update(amount_due=max(both, 0), amount_remaining=max(both, 0))
    invoice.update(starting_balance=customer["balance"], ending_balance=both - max(both, 0))
    return invoice


def _blank_invoice(world: World, invoice_id: str, subscription: Obj, customer: Obj) -> Obj:
    return {
        **blank(
            "account_name account_tax_ids application automatically_finalizes_at custom_fields "
            "customer_account"
        ),
        **blank(
            "default_payment_method default_source description due_date effective_at ending_balance footer"
        ),
        **blank("from_invoice hosted_invoice_url invoice_pdf last_finalization_error latest_revision"),
        **blank(
            "next_payment_attempt number on_behalf_of receipt_number rendering shipping_cost shipping_details"
        ),
        **blank("statement_descriptor status_details test_clock webhooks_delivered_at"),
        "id": invoice_id,
        "object": "invoice",
        "account_country": world.settings.country,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": blank("disabled_reason liability provider status") | {"enabled": False},
        "collection_method": subscription["collection_method"],
        "created": world.now(),
        "currency": subscription["currency"],
        "customer": customer["id"],
        **{f"customer_{key}": customer.get(key) for key in ("address", "email", "name", "phone", "shipping")},
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": world.livemode,
        "metadata": {},
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "payment_settings": blank("default_mandate payment_method_options payment_method_types"),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "draft",
        "status_transitions": blank("finalized_at marked_uncollectible_at paid_at voided_at"),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }


def line_for(world: World, subscription: Obj, item: Obj, amount: int | None = None) -> Obj:
    """Return a line for the item's current period.

    `amount`, in minor units, replaces the price, such as 0 for a trial.
    """
    price = world.by_id[item["price"]]
    product = world.by_id[price["product"]]
    quantity = item["quantity"]
    full = amount_of(world, price, quantity, subscription["currency"]) if amount is None else amount
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": full,
        "currency": subscription["currency"],
        "description": f"{quantity} × {product['name']}" if full else f"Trial period for {product['name']}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": world.livemode,
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": product["id"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription["id"],
        "subtotal": full,
        "taxes": [],
    }


def finalize(world: World, invoice: Obj) -> Obj:
    if invoice["status"] != "draft":
        raise StripeRefusal(
            400, "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        )
    customer = world.get("customer", invoice["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    _use_balance(customer, invoice)
    invoice.update(
        status="open",
        number=number,
        automatically_finalizes_at=None,
        effective_at=world.now(),
        hosted_invoice_url=f"{world.url}/i/{invoice['id']}/{token(32)}",
    )
    invoice["status_transitions"]["finalized_at"] = world.now()
    invoice["invoice_pdf"] = invoice["hosted_invoice_url"] + "/pdf"
    world.emit("invoice.finalized", invoice)
    if invoice["amount_due"]:
        open_intent(world, invoice)
    else:
        mark_paid(world, invoice, 0)
    return invoice


def _use_balance(customer: Obj, invoice: Obj) -> None:
    """Spend the customer's credit (a negative balance) on the invoice.

    A negative total adds to the credit.
    """
    sum_of_both = invoice["total"] + customer["balance"]
    due = max(sum_of_both, 0)
    invoice.update(starting_balance=customer["balance"], ending_balance=sum_of_both - due)
    invoice.update(amount_due=due, amount_remaining=due)
    customer["balance"] = sum_of_both - due


def intent_of(world: World, invoice: Obj) -> Obj | None:
    payments = world.all("invoice_payment", invoice=invoice["id"])
    return world.by_id[payments[0]["payment"]["payment_intent"]] if payments else None


def awaits_customer(world: World, invoice: Obj) -> bool:
    """Return True if the customer must still confirm the payment with their bank."""
    intent = intent_of(world, invoice)
    return intent is not None and intent["status"] == "requires_action"


def collect(world: World, invoice: Obj, method: Obj | None) -> bool:
    """Try once to collect an open invoice; return True if it was paid.

    Returns False if there is no payment method or the charge fails.
    """
    intent = intent_of(world, invoice)
    if intent is None:
        return bool(invoice["status"] == "paid")
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    if method is not None and charge_intent(world, intent, method):
        mark_paid(world, invoice, invoice["amount_due"])
        return True
    return False


def mark_paid(world: World, invoice: Obj, amount: int) -> None:
    with world.changing(invoice, "invoice.updated"):
        invoice.update(
            status="paid", amount_paid=amount, amount_remaining=0, attempted=True, auto_advance=False
        )
        invoice["next_payment_attempt"] = None
        invoice["status_transitions"]["paid_at"] = world.now()
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    _delinquent(world, invoice, False)


def _delinquent(world: World, invoice: Obj, owes: bool) -> None:
    customer = world.get("customer", invoice["customer"])
    if not customer.get("deleted"):
        with world.changing(customer, "customer.updated"):
            customer["delinquent"] = owes


def note_failure(world: World, invoice: Obj, first_failed_at: int) -> int | None:
    """Record a failed attempt, and return the time of the next one in unix seconds.

    Returns None if no retries are left.
    """
    days = world.settings.retry_days
    tried = invoice["attempt_count"] - 1
    following = first_failed_at + days[tried] * DAY if 0 <= tried < len(days) else None
    with world.changing(invoice, "invoice.updated"):
        invoice["next_payment_attempt"] = following
        invoice["auto_advance"] = following is not None
    if awaits_customer(world, invoice):
        world.emit("invoice.payment_action_required", invoice)
    world.emit("invoice.payment_failed", invoice)
    _delinquent(world, invoice, True)
    return following


def void(world: World, invoice: Obj) -> Obj:
    if invoice["status"] not in ("open", "uncollectible", "draft"):
        raise StripeRefusal(400, f"You can only void an open invoice. This one is {invoice['status']}.")
    with world.changing(invoice, "invoice.updated"):
        invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
        invoice["status_transitions"]["voided_at"] = world.now()
    intent = intent_of(world, invoice)
    if intent:
        cancel_intent(world, intent, "void_invoice")
    world.emit("invoice.voided", invoice)
    return invoice


def mark_uncollectible(world: World, invoice: Obj, reason: str = "user_forgiven") -> Obj:
    if invoice["status"] != "open":
        raise StripeRefusal(400, "You can only mark an open invoice as uncollectible.")
    with world.changing(invoice, "invoice.updated"):
        invoice.update(status="uncollectible", auto_advance=False, next_payment_attempt=None)
        invoice["status_details"] = {"uncollectible": {"reason": reason}}
        invoice["status_transitions"]["marked_uncollectible_at"] = world.now()
    world.emit("invoice.marked_uncollectible", invoice)
    return invoice


def subscription_id(invoice: Obj) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])
