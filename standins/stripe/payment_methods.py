"""Stripe's API for payment methods, all of which are cards."""

from __future__ import annotations

from typing import Any

from standins.stripe.cards import TOKENS, Card, read_card, refused_at_attach
from standins.stripe.customer_lookup import living
from standins.stripe.dates import year_of
from standins.stripe.errors import StripeRefusal, invalid, required
from standins.stripe.routes import PAGING, Route, get, page, post, retrieve
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id


def make_method(world: World, card: Card, billing: Obj | None = None) -> Obj:
    """Create a payment method without a customer.

    `World.hidden` stores how its card behaves.
    """
    method = world.add(
        {
            "id": new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {
                **blank("email name phone tax_id"),
                "address": blank("city country line1 line2 postal_code state"),
            },
            "card": card_details(card),
            "created": world.now(),
            "customer": None,
            "customer_account": None,
            "livemode": world.livemode,
            "metadata": {},
            "type": "card",
        }
    )
    method["billing_details"].update(billing or {})
    world.hidden[method["id"]] = card
    return method


def card_details(card: Card) -> Obj:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": f"fp{hash_of(card.number)}",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def hash_of(number: str) -> str:
    """Return a card's fingerprint: equal for equal numbers, and of no use for finding the number."""
    return f"{(int(number) * 2654435761) % 2**56:014x}"


def payment_method_for(world: World, name: str, param: str = "payment_method") -> Obj:
    """Return an existing payment method, or create one from a test token such as pm_card_visa."""
    if name in TOKENS:
        return make_method(world, read_card(TOKENS[name], 12, year_of(world.now()) + 4, year_of(world.now())))
    return world.get("payment_method", name, param)


def attach_to(world: World, method: Obj, customer: Obj) -> Obj:
    """Attach a payment method to a customer.

    Raises StripeRefusal 402 if the card is declined, and 400 if the method belongs to somebody else.
    """
    if method["customer"] == customer["id"]:
        return method
    if method["customer"]:
        raise StripeRefusal(
            400,
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    card = world.hidden[method["id"]]
    if card.attach_code:
        raise refused_at_attach(card)
    method["customer"] = customer["id"]
    world.emit("payment_method.attached", method)
    return method


def create_method(world: World, given: Obj) -> Obj:
    if given.get("type", "card") != "card":
        raise invalid("The local Stripe takes cards only.", "type")
    card: dict[str, Any] = given.get("card") or {}
    if "token" in card:
        method = payment_method_for(world, card["token"], "card[token]")
    else:
        for name in ("number", "exp_month", "exp_year"):
            if name not in card:
                raise required(f"card[{name}]")
        read = read_card(card["number"], card["exp_month"], card["exp_year"], year_of(world.now()))
        method = make_method(world, read)
    _bill_to(method, given.get("billing_details"))
    merge_metadata(method, given.get("metadata"))
    return method


def _bill_to(method: Obj, billing: Any) -> None:
    for key, value in (billing or {}).items():
        if key == "address":
            method["billing_details"]["address"].update(value or {})
        else:
            method["billing_details"][key] = value or None


def update_method(world: World, given: Obj, method_id: str) -> Obj:
    method = world.get("payment_method", method_id)
    with world.changing(method, "payment_method.updated"):
        _bill_to(method, given.get("billing_details"))
        merge_metadata(method, given.get("metadata"))
        method["card"].update(given.get("card") or {})
    return method


def attach(world: World, given: Obj, method_id: str) -> Obj:
    if "customer" not in given:
        raise required("customer")
    customer = living(world, given["customer"], "customer")
    method = payment_method_for(world, method_id, "id")
    return attach_to(world, method, customer)


def detach(world: World, given: Obj, method_id: str) -> Obj:
    method = world.get("payment_method", method_id)
    if method["customer"] is None:
        raise StripeRefusal(400, "The payment method you provided is not attached to a customer.")
    owner = world.get("customer", method["customer"])
    with world.changing(method, "payment_method.detached"):
        method["customer"] = None
    if owner["invoice_settings"]["default_payment_method"] == method_id:
        owner["invoice_settings"]["default_payment_method"] = None
    for subscription in world.all("subscription", default_payment_method=method_id):
        subscription["default_payment_method"] = None
    return method


def list_methods(world: World, given: Obj) -> Obj:
    rows = [row for row in world.all("payment_method") if row["customer"]]
    if "customer" in given:
        rows = [row for row in rows if row["customer"] == given["customer"]]
    return page(rows, given, "/v1/payment_methods")


BILLING = "billing_details metadata "

ROUTES: list[Route] = [
    post(
        "/v1/payment_methods",
        "PaymentMethodCreateParams",
        create_method,
        BILLING + "type card(number exp_month exp_year cvc token)",
    ),
    retrieve("payment_method", "/v1/payment_methods/{id}", "PaymentMethodRetrieveParams"),
    post(
        "/v1/payment_methods/{id}",
        "PaymentMethodUpdateParams",
        update_method,
        BILLING + "card(exp_month exp_year)",
    ),
    post("/v1/payment_methods/{id}/attach", "PaymentMethodAttachParams", attach, "customer"),
    post("/v1/payment_methods/{id}/detach", "PaymentMethodDetachParams", detach),
    get("/v1/payment_methods", "PaymentMethodListParams", list_methods, PAGING + "customer type"),
]
