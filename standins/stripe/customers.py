"""Stripe's API for customers. Deleting a customer cancels its subscriptions at once."""

from __future__ import annotations

from standins.stripe.customer_lookup import living
from standins.stripe.errors import invalid
from standins.stripe.payment_methods import attach_to, payment_method_for
from standins.stripe.routes import PAGING, Route, delete, get, page, post
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id, token

PLAIN = "address description email name phone preferred_locales shipping tax_exempt"
WRITABLE = PLAIN + " balance" + " metadata invoice_settings(default_payment_method footer)"


def create_customer(world: World, given: Obj) -> Obj:
    customer: Obj = {
        **blank("address business_name currency customer_account default_source description discount email"),
        **blank("individual_name name phone shipping test_clock"),
        "id": new_id("cus", 14),
        "object": "customer",
        "balance": 0,
        "created": world.now(),
        "delinquent": False,
        "invoice_prefix": token(8).upper(),
        "invoice_settings": blank("custom_fields default_payment_method footer rendering_options"),
        "livemode": world.livemode,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
    _apply(customer, given)
    world.add(customer)
    try:
        default = given.get("invoice_settings", {}).get("default_payment_method")
        for method in filter(None, (given.get("payment_method"), default)):
            attached = attach_to(world, payment_method_for(world, method), customer)
            customer["invoice_settings"]["default_payment_method"] = (
                attached["id"] if method == default else None
            )
    except Exception:
        world.drop(customer)
        raise
    world.emit("customer.created", customer)
    return customer


def _apply(customer: Obj, given: Obj) -> None:
    if "@" not in (given.get("email") or "@"):
        raise invalid(f"Invalid email address: {given['email']}", "email", "email_invalid")
    merge_metadata(customer, given.get("metadata"))
    for key in PLAIN.split():
        if key in given:
            customer[key] = None if given[key] == "" else given[key]
    customer["balance"] = given.get("balance", customer["balance"])
    if isinstance(customer["address"], dict):
        customer["address"] = {**blank("city country line1 line2 postal_code state"), **customer["address"]}


def update_customer(world: World, given: Obj, customer_id: str) -> Obj:
    customer = living(world, customer_id)
    with world.changing(customer, "customer.updated"):
        _apply(customer, given)
        settings = given.get("invoice_settings") or {}
        if settings.get("default_payment_method"):
            own_method(world, customer_id, settings["default_payment_method"])
        for key, value in settings.items():
            customer["invoice_settings"][key] = value or None
    return customer


def own_method(world: World, customer_id: str, method_id: str) -> Obj:
    """Return the payment method if it belongs to the customer. Raises BadParameter otherwise."""
    method = world.get("payment_method", method_id, "payment_method")
    if method["customer"] != customer_id:
        raise invalid(
            f"The customer does not have a payment method with the ID {method_id}. The payment method must "
            "be attached to the customer.",
            "invoice_settings[default_payment_method]",
            "resource_missing",
        )
    return method


def retrieve_customer(world: World, given: Obj, customer_id: str) -> Obj:
    return world.get("customer", customer_id)


def delete_customer(world: World, given: Obj, customer_id: str) -> Obj:
    from standins.stripe.cancel import OVER, cancel_now  # noqa: PLC0415 - the two resources know each other

    customer = living(world, customer_id)
    for subscription in world.all("subscription", customer=customer_id):
        if subscription["status"] not in OVER:
            cancel_now(world, subscription)
    for method in world.all("payment_method", customer=customer_id):
        method["customer"] = None
    world.emit("customer.deleted", customer)
    gone = {"id": customer_id, "object": "customer", "deleted": True}
    customer.clear()
    customer.update(gone)
    return customer


def list_customers(world: World, given: Obj) -> Obj:
    rows = [row for row in world.all("customer") if not row.get("deleted")]
    if "email" in given:
        rows = [row for row in rows if row["email"] == given["email"]]
    return page(rows, given, "/v1/customers")


def list_methods(world: World, given: Obj, customer_id: str) -> Obj:
    living(world, customer_id)
    return page(
        world.all("payment_method", customer=customer_id),
        given,
        f"/v1/customers/{customer_id}/payment_methods",
    )


ROUTES: list[Route] = [
    post("/v1/customers", "CustomerCreateParams", create_customer, WRITABLE + " payment_method"),
    get("/v1/customers/{id}", "CustomerRetrieveParams", retrieve_customer),
    post("/v1/customers/{id}", "CustomerUpdateParams", update_customer, WRITABLE),
    delete("/v1/customers/{id}", "CustomerDeleteParams", delete_customer),
    get("/v1/customers", "CustomerListParams", list_customers, PAGING + "created email"),
    get(
        "/v1/customers/{id}/payment_methods",
        "CustomerPaymentMethodListParams",
        list_methods,
        PAGING + "type",
    ),
]
