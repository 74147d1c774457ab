"""Stripe's API for invoices: reading, finalizing, voiding and paying them."""

from __future__ import annotations

from standins.stripe.billing import after_payment, method_for
from standins.stripe.errors import StripeRefusal, declined
from standins.stripe.invoices import (
    collect,
    finalize,
    intent_of,
    mark_uncollectible,
    preview,
    subscription_id,
    void,
)
from standins.stripe.routes import PAGING, Route, get, page, post, retrieve
from standins.stripe.state import Obj, World


def pay(world: World, given: Obj, invoice_id: str) -> Obj:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] == "paid":
        raise StripeRefusal(400, "Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "draft":
        finalize(world, invoice)
    if invoice["status"] in ("void", "uncollectible"):
        raise StripeRefusal(400, f"Invoice is {invoice['status']} and cannot be paid.")
    subscription = world.get("subscription", subscription_id(invoice))
    named = given.get("payment_method")
    method = (
        world.get("payment_method", named, "payment_method") if named else method_for(world, subscription)
    )
    if method is None:
        raise no_method()
    paid = collect(world, invoice, method)
    after_payment(world, subscription, invoice, paid)
    intent = intent_of(world, invoice)
    if not paid and intent:
        error = intent["last_payment_error"]
        raise declined(error["charge"], error["code"], error["decline_code"], intent)
    return invoice


def no_method() -> StripeRefusal:
    return StripeRefusal(
        400,
        "This customer has no attached payment source or default payment method. Please consider adding a "
        "default payment method.",
        code="resource_missing",
    )


def list_invoices(world: World, given: Obj) -> Obj:
    rows = world.all("invoice", **{k: given[k] for k in ("customer", "status") if k in given})
    if "subscription" in given:
        world.get("subscription", given["subscription"], "subscription")
        rows = [row for row in rows if subscription_id(row) == given["subscription"]]
    return page(rows, given, "/v1/invoices")


def list_lines(world: World, given: Obj, invoice_id: str) -> Obj:
    lines = world.get("invoice", invoice_id)["lines"]
    return page(lines["data"][::-1], given, lines["url"])


ROUTES: list[Route] = [
    post("/v1/invoices/create_preview", "InvoiceCreatePreviewParams", preview, "subscription"),
    retrieve("invoice", "/v1/invoices/{id}", "InvoiceRetrieveParams"),
    get(
        "/v1/invoices",
        "InvoiceListParams",
        list_invoices,
        PAGING + "customer status subscription created",
    ),
    get("/v1/invoices/{id}/lines", "InvoiceLineItemListParams", list_lines, PAGING),
    post("/v1/invoices/{id}/pay", "InvoicePayParams", pay, "payment_method off_session"),
    post(
        "/v1/invoices/{id}/finalize",
        "InvoiceFinalizeInvoiceParams",
        lambda world, given, invoice_id: finalize(world, world.get("invoice", invoice_id)),
    ),
    post(
        "/v1/invoices/{id}/void",
        "InvoiceVoidInvoiceParams",
        lambda world, given, invoice_id: void(world, world.get("invoice", invoice_id)),
    ),
    post(
        "/v1/invoices/{id}/mark_uncollectible",
        "InvoiceMarkUncollectibleParams",
        lambda world, given, invoice_id: mark_uncollectible(world, world.get("invoice", invoice_id)),
    ),
]
