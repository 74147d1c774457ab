"""Stripe's API for refunds. Refunds of a charge never exceed the amount paid."""

from __future__ import annotations

from standins.stripe.errors import BadParameter, StripeRefusal, invalid, required
from standins.stripe.routes import Route, list_of, post, retrieve
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id


def create_refund(world: World, given: Obj) -> Obj:
    charge = _charge_of(world, given)
    amount = given.get("amount", charge["amount"] - charge["amount_refunded"])
    _refuse(charge, amount)
    refund = world.add(
        {
            **blank("balance_transaction customer_account failure_balance_transaction receipt_number"),
            **blank("source_transfer_reversal transfer_reversal"),
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": world.now(),
            "currency": charge["currency"],
            "customer": charge["customer"],
            "destination_details": {
                "card": {
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": given.get("reason"),
            "status": "succeeded",
        }
    )
    refund["balance_transaction"] = new_id("txn")
    merge_metadata(refund, given.get("metadata"))
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge, {k: v for k, v in before.items() if charge[k] != v})
    return refund


def _charge_of(world: World, given: Obj) -> Obj:
    if "charge" in given:
        return world.get("charge", given["charge"], "charge")
    if "payment_intent" not in given:
        raise required("charge")
    intent = world.get("payment_intent", given["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        raise StripeRefusal(
            400,
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return world.get("charge", intent["latest_charge"])


def _refuse(charge: Obj, amount: int) -> None:
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"]:
        raise StripeRefusal(
            400, f"Charge {charge['id']} was not paid and cannot be refunded.", param="charge"
        )
    if charge["disputed"]:
        raise StripeRefusal(
            400,
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if left == 0:
        raise StripeRefusal(
            400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if amount > left:
        raise BadParameter(
            400,
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}), in minor units.",
            param="amount",
        )


def update_refund(world: World, given: Obj, refund_id: str) -> Obj:
    refund = world.get("refund", refund_id)
    with world.changing(refund, "refund.updated"):
        merge_metadata(refund, given.get("metadata"))
    return refund


ROUTES: list[Route] = [
    post("/v1/refunds", "RefundCreateParams", create_refund, "amount charge payment_intent reason metadata"),
    retrieve("refund", "/v1/refunds/{id}", "RefundRetrieveParams"),
    post("/v1/refunds/{id}", "RefundUpdateParams", update_refund, "metadata"),
    list_of("refund", "/v1/refunds", "RefundListParams", "charge payment_intent"),
]
