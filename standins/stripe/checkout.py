"""Stripe's API for checkout sessions of subscriptions.

Customers pay on the hosted page (see buyers.py).
"""

from __future__ import annotations

from standins.stripe.billing import after_payment
from standins.stripe.customer_lookup import living
from standins.stripe.customers import create_customer
from standins.stripe.discounts import code_typed
from standins.stripe.errors import DECLINES, StripeRefusal, invalid, required, unsupported
from standins.stripe.invoices import intent_of, mark_paid
from standins.stripe.payment_methods import attach_to
from standins.stripe.payments import on_page, refusal_of, settle_intent
from standins.stripe.routes import PAGING, Route, get, page, post, retrieve
from standins.stripe.state import DAY, Obj, World, blank, listing, merge_metadata, token
from standins.stripe.subscription_items import check_prices
from standins.stripe.subscriptions import begin, new_subscription, trial_end_of

HALF_HOUR = 1800
LONGEST_TEXT, LONGEST_DESCRIPTION = 1200, 500


def create_session(world: World, given: Obj) -> Obj:
    _refuse(world, given)
    items = given["line_items"]
    prices = check_prices(world, items, "line_items")
    data = given.get("subscription_data", {})
    trial = trial_end_of(world, {k: data[k] for k in ("trial_end", "trial_period_days") if k in data}, prices)
    total = sum(
        (p["unit_amount"] or 0) * item.get("quantity", 1) for p, item in zip(prices, items, strict=True)
    )
    now_due = 0 if trial else total
    session_id = f"cs_{'live' if world.livemode else 'test'}_a1{token(56)}"
    customer = given.get("customer")
    session = world.add(
        {
            **_nothing_chosen(),
            "id": session_id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": given.get("adaptive_pricing", {}).get("enabled", True)},
            "allow_promotion_codes": given.get("allow_promotion_codes"),
            "amount_subtotal": now_due,
            "amount_total": now_due,
            "cancel_url": given.get("cancel_url"),
            "client_reference_id": given.get("client_reference_id"),
            "created": world.now(),
            "currency": prices[0]["currency"],
            "customer": customer,
            "customer_creation": None if customer else "always",
            "customer_details": _details(world, customer, given.get("customer_email")),
            "customer_email": given.get("customer_email"),
            "expires_at": given.get("expires_at", world.now() + DAY),
            "livemode": world.livemode,
            "locale": given.get("locale"),
            "mode": "subscription",
            "payment_method_collection": given.get("payment_method_collection", "always"),
            "success_url": given.get("success_url"),
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "url": f"{world.url}/c/pay/{session_id}",
        }
    )
    for place, text in given.get("custom_text", {}).items():
        session["custom_text"][place] = {"message": text["message"]} if text else None
    merge_metadata(session, given.get("metadata"))
    world.hidden[session_id] = {"items": items, "subscription_data": data}
    return session


def _nothing_chosen() -> Obj:
    """Return the fields that a subscription's checkout session leaves at their defaults."""
    return {
        **blank("after_expiration billing_address_collection client_secret consent"),
        **blank("collected_information consent_collection currency_conversion customer_account invoice"),
        **blank("integration_identifier invoice_creation managed_payments origin_context payment_intent"),
        **blank("payment_link payment_method_configuration_details permissions recovered_from setup_intent"),
        **blank(
            "shipping_address_collection shipping_cost submit_type subscription wallet_options discounts"
        ),
        "automatic_tax": blank("liability provider status") | {"enabled": False},
        "custom_fields": [],
        "custom_text": blank("after_submit shipping_address submit terms_of_service_acceptance"),
        "metadata": {},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        },
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
    }


def _details(world: World, customer_id: str | None, email: str | None) -> Obj | None:
    customer = world.by_id[customer_id] if customer_id else {}
    if not customer_id and not email:
        return None
    return {
        **blank("address business_name individual_name phone tax_ids"),
        "email": customer.get("email") or email,
        "name": None,
        "tax_exempt": "none",
    }


def _refuse(world: World, given: Obj) -> None:
    if given.get("mode") != "subscription":
        raise required("mode") if "mode" not in given else unsupported("mode")
    if not given.get("line_items"):
        raise required("line_items")
    if "customer" in given and "customer_email" in given:
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer")
    if "customer" in given:
        living(world, given["customer"], "customer")
    if len(given.get("client_reference_id", "")) > 200:
        raise invalid("client_reference_id must be at most 200 characters.", "client_reference_id")
    _refuse_texts(given)
    days = given.get("subscription_data", {}).get("trial_period_days")
    if days is not None and days < 1:
        raise invalid("The minimum number of trial period days is 1.", "subscription_data[trial_period_days]")
    _refuse_times(world, given)


def _refuse_texts(given: Obj) -> None:
    """Refuse texts that are longer than the API allows.

    Source: the API reference ('Create a Checkout Session': custom_text and subscription_data.description).
    """
    for place, text in given.get("custom_text", {}).items():
        if text and len(text["message"]) > LONGEST_TEXT:
            where = f"custom_text[{place}][message]"
            raise invalid(f"Invalid string: it must be at most {LONGEST_TEXT} characters", where)
    if len(given.get("subscription_data", {}).get("description") or "") > LONGEST_DESCRIPTION:
        where = "subscription_data[description]"
        raise invalid(f"Invalid string: it must be at most {LONGEST_DESCRIPTION} characters", where)


def _refuse_times(world: World, given: Obj) -> None:
    expires_at = given.get("expires_at")
    if expires_at is not None and not HALF_HOUR <= expires_at - world.now() <= DAY:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.", "expires_at"
        )
    for name in ("success_url", "cancel_url"):
        url = given.get(name)
        if url is not None and not url.startswith(("http://", "https://")):
            raise invalid("Not a valid URL", name, "url_invalid")


def line_items(world: World, session: Obj) -> Obj:
    rows: list[Obj] = []
    for item in world.hidden[session["id"]]["items"]:
        price = world.by_id[item["price"]]
        amount = (price["unit_amount"] or 0) * item.get("quantity", 1)
        free = session["amount_total"] == 0
        rows.append(
            {
                "id": f"li_{session['id'][-14:]}{len(rows)}",
                "object": "item",
                "adjustable_quantity": None,
                "amount_discount": 0,
                "amount_subtotal": 0 if free else amount,
                "amount_tax": 0,
                "amount_total": 0 if free else amount,
                "currency": price["currency"],
                "description": world.by_id[price["product"]]["name"],
                "metadata": {},
                "price": price["id"],
                "quantity": item.get("quantity", 1),
            }
        )
    return listing(rows, f"/v1/checkout/sessions/{session['id']}/line_items")


def list_line_items(world: World, given: Obj, session_id: str) -> Obj:
    lines = line_items(world, world.get("checkout.session", session_id))
    return page(lines["data"][::-1], given, lines["url"])


def expire(world: World, given: Obj, session_id: str) -> Obj:
    session = world.get("checkout.session", session_id)
    if session["status"] != "open":
        raise StripeRefusal(
            400,
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f"status of {session['status']}.",
            param="session",
        )
    return run_out(world, session)


def run_out(world: World, session: Obj) -> Obj:
    session.update(status="expired", url=None)
    world.emit("checkout.session.expired", session)
    return session


def complete(world: World, session: Obj, method: Obj | None, name: str, email: str, code: str = "") -> Obj:
    """Complete the session with a payment, as the page's Pay button does.

    `code`: a promotion code, for sessions that allow one. Raises StripeRefusal 402 if the card fails; the
    session stays open for another card.
    """
    if session["status"] != "open":
        raise StripeRefusal(400, f"This page has been {session['status']}; ask for a new one.")
    if code and not session["allow_promotion_codes"]:
        raise StripeRefusal(402, "This page takes no codes.")
    found = [{"promotion_code": code_typed(world, code)["id"]}] if code else None
    refusal = refusal_of(world, method) if method and session["amount_total"] else None
    if refusal:
        raise _card_error(world, refusal)
    customer = _customer_for(world, session, name, email)
    if method:
        attach_to(world, method, customer)
        method["billing_details"].update(name=name, email=email)
    with on_page(world):
        subscription = _subscribe(world, session, customer, method, found)
    invoice = world.by_id[subscription["latest_invoice"]]
    session.update(
        status="complete",
        customer=customer["id"],
        subscription=subscription["id"],
        invoice=invoice["id"],
        amount_total=invoice["total"],
        payment_status=_payment_status(invoice),
        url=None,
    )
    session["customer_details"] = {
        **blank("address business_name individual_name phone"),
        "email": email,
        "name": name,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    world.emit("checkout.session.completed", session)
    return session


def _payment_status(invoice: Obj) -> str:
    if invoice["amount_paid"]:
        return "paid"
    return "unpaid" if invoice["amount_due"] else "no_payment_required"


def settle_debit(world: World, subscription: Obj, *, paid: bool) -> None:
    """Finish a first payment by bank debit: `paid` says whether the bank paid or declined it."""
    invoice = world.by_id[subscription["latest_invoice"]]
    intent = intent_of(world, invoice)
    if intent is None or intent["status"] != "processing":
        raise StripeRefusal(400, "No payment of this subscription is on its way.")
    settle_intent(world, intent, paid=paid)
    if paid:
        mark_paid(world, invoice, invoice["amount_due"])
    after_payment(world, subscription, invoice, paid)
    for session in world.all("checkout.session", subscription=subscription["id"]):
        session["payment_status"] = _payment_status(invoice)
        world.emit(f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", session)


def _card_error(world: World, refusal: tuple[str, str | None]) -> StripeRefusal:
    world.settings.decline_next = max(world.settings.decline_next - 1, 0)
    return StripeRefusal(
        402, DECLINES[refusal[0]], kind="card_error", code=refusal[0], decline_code=refusal[1]
    )


def _customer_for(world: World, session: Obj, name: str, email: str) -> Obj:
    if session["customer"]:
        return living(world, session["customer"])
    return create_customer(world, {"name": name, "email": email})


def _subscribe(world: World, session: Obj, customer: Obj, method: Obj | None, codes: list[Obj] | None) -> Obj:
    hidden = world.hidden[session["id"]]
    subscription = new_subscription(
        world, customer, {**hidden["subscription_data"], "items": hidden["items"]}
    )
    subscription["default_payment_method"] = method["id"] if method else None
    return begin(world, subscription, {} if codes is None else {"discounts": codes})


def list_sessions(world: World, given: Obj) -> Obj:
    fields = ("subscription", "customer", "payment_intent", "status")
    rows = world.all("checkout.session", **{key: given[key] for key in fields if key in given})
    if "customer_details" in given:
        email = given["customer_details"]["email"]
        rows = [row for row in rows if row["customer_details"] and row["customer_details"]["email"] == email]
    return page(rows, given, "/v1/checkout/sessions")


SESSION = (
    "adaptive_pricing(enabled) allow_promotion_codes cancel_url client_reference_id "
    "custom_text(after_submit(message) submit(message)) customer customer_email expires_at "
    "line_items(price quantity) locale metadata mode payment_method_collection success_url "
    "subscription_data(billing_mode(type) description metadata trial_end trial_period_days trial_settings)"
)

ROUTES: list[Route] = [
    post("/v1/checkout/sessions", "checkout.SessionCreateParams", create_session, SESSION),
    retrieve("checkout.session", "/v1/checkout/sessions/{id}", "checkout.SessionRetrieveParams"),
    post("/v1/checkout/sessions/{id}/expire", "checkout.SessionExpireParams", expire),
    get(
        "/v1/checkout/sessions/{id}/line_items",
        "checkout.SessionListLineItemsParams",
        list_line_items,
        PAGING,
    ),
    get(
        "/v1/checkout/sessions",
        "checkout.SessionListParams",
        list_sessions,
        PAGING + "subscription customer status created payment_intent customer_details",
    ),
]
