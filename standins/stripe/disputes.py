"""Stripe's disputes: a customer's bank reverses a payment, and the owner may win it back."""

from __future__ import annotations

from standins.stripe.errors import StripeRefusal
from standins.stripe.routes import Route, list_of, post, retrieve
from standins.stripe.state import DAY, Obj, World, blank, merge_metadata, new_id

EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure "
    "cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip "
    "customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id "
    "product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation "
    "service_date service_documentation shipping_address shipping_carrier shipping_date "
    "shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)


def open_dispute(world: World, charge: Obj, reason: str = "fraudulent") -> Obj:
    """Open a dispute, as the customer's bank does; Stripe has no API for it."""
    if charge["disputed"] or not charge["paid"]:
        raise StripeRefusal(
            400, f"Charge {charge['id']} cannot be disputed: it was not paid, or is disputed already."
        )
    dispute = world.add(
        {
            "id": new_id("du"),
            "object": "dispute",
            "amount": charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "created": world.now(),
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": blank(EVIDENCE) | {"enhanced_evidence": {}},
            "evidence_details": {
                "due_by": world.now() + 9 * DAY,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": False,
            "livemode": world.livemode,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": charge["payment_method_details"]["card"]["brand"],
                    "case_type": "chargeback",
                    "network": charge["payment_method_details"]["card"]["brand"],
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": reason,
            "status": "needs_response",
        }
    )
    charge["disputed"] = True
    world.emit("charge.dispute.created", dispute)
    world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(world: World, dispute: Obj, outcome: str) -> Obj:
    """Close a dispute: `won` returns the money to the owner; with `lost` the customer keeps it."""
    if dispute["status"] in ("won", "lost"):
        raise StripeRefusal(400, "This dispute is already closed.")
    dispute["status"] = outcome
    world.emit("charge.dispute.closed", dispute)
    if outcome == "won":
        world.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def update_dispute(world: World, given: Obj, dispute_id: str) -> Obj:
    dispute = world.get("dispute", dispute_id)
    with world.changing(dispute, "charge.dispute.updated"):
        merge_metadata(dispute, given.get("metadata"))
    return dispute


ROUTES: list[Route] = [
    retrieve("dispute", "/v1/disputes/{id}", "DisputeRetrieveParams"),
    post("/v1/disputes/{id}", "DisputeUpdateParams", update_dispute, "metadata"),
    post(
        "/v1/disputes/{id}/close",
        "DisputeCloseParams",
        lambda world, given, dispute_id: close_dispute(world, world.get("dispute", dispute_id), "lost"),
    ),
    list_of("dispute", "/v1/disputes", "DisputeListParams", "charge payment_intent"),
]
