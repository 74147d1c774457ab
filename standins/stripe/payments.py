"""Stripe's payment intents, charges, and the invoice payments that link them to invoices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from standins.stripe.cards import AUTHENTICATE
from standins.stripe.dates import month_of, year_of
from standins.stripe.errors import DECLINES
from standins.stripe.routes import PAGING, Route, get, list_of, page, retrieve
from standins.stripe.state import Obj, World, blank, new_id, token


def open_intent(world: World, invoice: Obj) -> Obj:
    """Create the payment intent of a finalized invoice, and the invoice payment that links the two."""
    intent = _new_intent(world, invoice)
    world.emit("payment_intent.created", intent)
    world.add(
        {
            "id": new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": world.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": world.livemode,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    return intent


def _new_intent(world: World, invoice: Obj) -> Obj:
    intent_id = new_id("pi")
    return world.add(
        {
            **blank(
                "application application_fee_amount automatic_payment_methods canceled_at cancellation_reason"
            ),
            **blank(
                "customer_account excluded_payment_method_types last_payment_error latest_charge next_action"
            ),
            **blank(
                "managed_payments on_behalf_of payment_method payment_method_configuration_details processing"
            ),
            **blank("receipt_email review source statement_descriptor statement_descriptor_suffix shipping"),
            **blank("transfer_data transfer_group"),
            "id": intent_id,
            "object": "payment_intent",
            "amount": invoice["amount_due"],
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "capture_method": "automatic",
            "client_secret": f"{intent_id}_secret_{token(25)}",
            "confirmation_method": "automatic",
            "created": world.now(),
            "currency": invoice["currency"],
            "customer": invoice["customer"],
            "description": "Subscription update"
            if invoice["billing_reason"] == "subscription_update"
            else "Subscription creation",
            "livemode": world.livemode,
            "metadata": {},
            "payment_method_options": {
                "card": blank("installments mandate_options network")
                | {"request_three_d_secure": "automatic"}
            },
            "payment_method_types": ["card"],
            "setup_future_usage": "off_session",
            "status": "requires_payment_method",
        }
    )


def refusal_of(world: World, method: Obj) -> tuple[str, str | None] | None:
    """Return (code, decline_code) if a charge of this card would be refused now; None otherwise."""
    now = (year_of(world.now()), month_of(world.now()))
    if (method["card"]["exp_year"], method["card"]["exp_month"]) < now:
        return "expired_card", None
    if world.settings.decline_next > 0:
        return "card_declined", "generic_decline"
    card = world.hidden[method["id"]]
    if card.charge_code == AUTHENTICATE:
        return None
    return (card.charge_code, card.decline_code) if card.charge_code else None


@contextmanager
def on_page(world: World) -> Iterator[None]:
    """Treat the customer as present on a hosted page while the context lasts.

    Payments that their bank wants confirmed then succeed.
    """
    world.hidden["on page"] = True
    try:
        yield
    finally:
        world.hidden.pop("on page")


def charge_intent(world: World, intent: Obj, method: Obj) -> bool:
    """Try to charge the card; return True if the money arrived. The intent contains the details."""
    if world.hidden[method["id"]].charge_code == AUTHENTICATE and not world.hidden.get("on page"):
        intent.update(status="requires_action", payment_method=method["id"])
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
        world.emit("payment_intent.requires_action", intent)
        return False
    intent["next_action"] = None
    refusal = refusal_of(world, method)
    world.settings.decline_next = max(world.settings.decline_next - 1, 0)
    charge = _new_charge(world, intent, method, refusal)
    intent["latest_charge"] = charge["id"]
    if refusal:
        _fail(world, intent, charge, method, refusal)
        return False
    intent["payment_method"] = method["id"]
    if world.settings.delay_next > 0:
        world.settings.delay_next -= 1
        _wait(world, intent, charge)
        return False
    _succeed(world, intent, charge)
    return True


def _succeed(world: World, intent: Obj, charge: Obj) -> None:
    intent.update(status="succeeded", amount_received=intent["amount"], last_payment_error=None)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    _settle(world, intent)


def _wait(world: World, intent: Obj, charge: Obj) -> None:
    """Leave a charge pending, as a bank debit that takes days.

    Source: docs.stripe.com/payments/sepa-debit, 2026-11.
    """
    world.hidden["pending", charge["id"]] = {key: charge[key] for key in _PENDING}
    charge.update(_PENDING)
    intent["status"] = "processing"
    world.emit("charge.pending", charge)
    world.emit("payment_intent.processing", intent)


_PENDING: Obj = {"status": "pending", "paid": False, "balance_transaction": None, "receipt_url": None}


def settle_intent(world: World, intent: Obj, *, paid: bool) -> None:
    """Finish a pending bank debit: `paid` says whether the bank paid or declined it."""
    charge = world.by_id[intent["latest_charge"]]
    method = world.by_id[intent["payment_method"]]
    if paid:
        charge.update(world.hidden.pop(("pending", charge["id"])))
        _succeed(world, intent, charge)
        return
    failed = ("card_declined", "insufficient_funds")
    charge.update(status="failed", captured=False, amount_captured=0, failure_code=failed[0])
    charge.update(failure_message=DECLINES[failed[0]], outcome=_outcome(failed))
    _fail(world, intent, charge, method, failed)


def _fail(world: World, intent: Obj, charge: Obj, method: Obj, refusal: tuple[str, str | None]) -> None:
    code, decline_code = refusal
    intent["status"] = "requires_payment_method"
    intent["last_payment_error"] = {
        "charge": charge["id"],
        "code": code,
        "decline_code": decline_code or code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": DECLINES[code],
        "payment_method": world.by_id[method["id"]],
        "type": "card_error",
    }
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)


def _settle(world: World, intent: Obj) -> None:
    for payment in world.all("invoice_payment"):
        if payment["payment"]["payment_intent"] == intent["id"]:
            payment.update(status="paid", amount_paid=intent["amount"])
            payment["status_transitions"]["paid_at"] = world.now()
            world.emit("invoice_payment.paid", payment)


def cancel_intent(world: World, intent: Obj, reason: str) -> None:
    if intent["status"] in ("succeeded", "canceled"):
        return
    intent.update(status="canceled", canceled_at=world.now(), cancellation_reason=reason)
    world.emit("payment_intent.canceled", intent)
    for payment in world.all("invoice_payment"):
        if payment["payment"]["payment_intent"] == intent["id"]:
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = world.now()


def _new_charge(world: World, intent: Obj, method: Obj, refusal: tuple[str, str | None] | None) -> Obj:
    good = refusal is None
    code = refusal[0] if refusal else None
    charge_id = new_id("ch")
    return world.add(
        {
            **blank(
                "application application_fee application_fee_amount failure_balance_transaction on_behalf_of"
            ),
            **blank(
                "receipt_email receipt_number review shipping source source_transfer statement_descriptor"
            ),
            **blank("statement_descriptor_suffix transfer_data transfer_group"),
            "id": charge_id,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if good else 0,
            "amount_refunded": 0,
            "balance_transaction": new_id("txn") if good else None,
            "billing_details": dict(method["billing_details"]),
            "calculated_statement_descriptor": world.settings.business_name.upper()[:22],
            "captured": good,
            "created": world.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": code,
            "failure_message": DECLINES[code] if code else None,
            "fraud_details": {},
            "livemode": world.livemode,
            "metadata": {},
            "outcome": _outcome(refusal),
            "paid": good,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"card": _charged_card(method, intent["amount"]), "type": "card"},
            "receipt_url": f"{world.url}/receipts/{charge_id}" if good else None,
            "refunded": False,
            "status": "succeeded" if good else "failed",
        }
    )


def _outcome(refusal: tuple[str, str | None] | None) -> Obj:
    return {
        "advice_code": "try_again_later" if refusal else None,
        "network_advice_code": None,
        "network_decline_code": "01" if refusal else None,
        "network_status": "declined_by_network" if refusal else "approved_by_network",
        "reason": (refusal[1] or refusal[0]) if refusal else None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "The bank refused the payment." if refusal else "Payment complete.",
        "type": "issuer_declined" if refusal else "authorized",
    }


def _charged_card(method: Obj, amount: int) -> Obj:
    card = method["card"]
    return {
        **{key: card[key] for key in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")},
        **{key: card[key] for key in ("funding", "last4", "regulated_status", "wallet")},
        **blank(
            "authorization_code installments mandate network_transaction_id three_d_secure "
            "transaction_link_id"
        ),
        "amount_authorized": amount,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
    }


def list_invoice_payments(world: World, given: Obj) -> Obj:
    rows = world.all("invoice_payment", **{k: given[k] for k in ("invoice", "status") if k in given})
    intent = given.get("payment", {}).get("payment_intent")
    if intent:
        world.get("payment_intent", intent, "payment[payment_intent]")
        rows = [row for row in rows if row["payment"]["payment_intent"] == intent]
    return page(rows, given, "/v1/invoice_payments")


ROUTES: list[Route] = [
    retrieve("invoice_payment", "/v1/invoice_payments/{id}", "InvoicePaymentRetrieveParams"),
    get(
        "/v1/invoice_payments",
        "InvoicePaymentListParams",
        list_invoice_payments,
        PAGING + "invoice status created payment(type payment_intent)",
    ),
    retrieve("payment_intent", "/v1/payment_intents/{id}", "PaymentIntentRetrieveParams"),
    list_of("payment_intent", "/v1/payment_intents", "PaymentIntentListParams", "customer"),
    retrieve("charge", "/v1/charges/{id}", "ChargeRetrieveParams"),
    list_of("charge", "/v1/charges", "ChargeListParams", "customer payment_intent"),
]
