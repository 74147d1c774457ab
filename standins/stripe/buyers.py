"""Actions of people on Stripe's hosted pages, called by the pages and by tests."""

from __future__ import annotations

from standins.stripe import checkout, subscription_update
from standins.stripe.cancel import OVER, cancel_now, note_details
from standins.stripe.cards import read_card
from standins.stripe.customers import update_customer
from standins.stripe.dates import year_of
from standins.stripe.errors import StripeRefusal
from standins.stripe.payment_methods import attach_to, make_method
from standins.stripe.portal import LIVES
from standins.stripe.state import Obj, World
from standins.stripe.subscriptions import pause, resume

UPDATED = "customer.subscription.updated"


def typed_card(world: World, number: str, expiry: str) -> Obj:
    """Create the payment method for a card typed by a person; `expiry` is like 04/30.

    Raises StripeRefusal 402 if the number or expiry is invalid.
    """
    month, _, year = expiry.replace(" ", "").partition("/")
    if not month.isdigit() or not year.isdigit():
        raise StripeRefusal(402, "Your card's expiration date is incomplete.", kind="card_error")
    card = read_card(number, int(month), int(year), year_of(world.now()))
    return make_method(world, card)


def pay(
    world: World, session: Obj, *, number: str, expiry: str, name: str, email: str, code: str = ""
) -> Obj:
    """Pay as a person who presses the Pay button of a checkout page; return the session."""
    if not name.strip() or "@" not in email:
        raise StripeRefusal(402, "Please give a name and an e-mail address.", kind="card_error")
    skip_card = session["payment_method_collection"] == "if_required" and not session["amount_total"]
    method = None if skip_card and not number else typed_card(world, number, expiry)
    return checkout.complete(world, session, method, name.strip(), email.strip(), code.strip())


def open_portal(world: World, secret: str) -> Obj | None:
    """Return the session behind a portal link; None if the link is no longer valid.

    Each use keeps it alive for another hour.
    """
    session: Obj | None = world.hidden.get(secret)
    if session is None:
        return None
    until = world.hidden["until", session["id"]]
    customer = world.by_id[session["customer"]]
    if world.now() > until or customer.get("deleted"):
        return None
    world.hidden["until", session["id"]] = world.now() + LIVES
    return session


def feature(world: World, session: Obj, name: str) -> Obj:
    """Return a feature of the portal configuration. Raises StripeRefusal 400 if it is switched off."""
    configuration = world.by_id[session["configuration"]]
    found: Obj = configuration["features"][name]
    if not found["enabled"]:
        raise StripeRefusal(400, "This page does not offer that.")
    return found


def own(world: World, session: Obj, subscription_id: str) -> Obj:
    """Return a running subscription of the portal's customer.

    Raises StripeRefusal 404 if it belongs to somebody else or has ended.
    """
    subscription = world.tables.get("subscription", {}).get(subscription_id)
    if (
        subscription is None
        or subscription["customer"] != session["customer"]
        or subscription["status"] in OVER
    ):
        raise StripeRefusal(404, "There is no such subscription here.")
    return subscription


def portal_cancel(world: World, session: Obj, subscription_id: str, why: str | None = None) -> Obj:
    """Cancel at once or at the end of the period, as the portal configuration says.

    Under flexible billing only cancel_at is set; under classic billing cancel_at_period_end is set as well.
    """
    wanted = feature(world, session, "subscription_cancel")
    subscription = own(world, session, subscription_id)
    if subscription["schedule"]:
        raise StripeRefusal(
            400, "A planned change of this subscription must end before it can be canceled here."
        )
    if why:
        note_details(subscription, {"feedback": why})
    if wanted["mode"] == "immediately":
        return cancel_now(world, subscription, prorate=wanted["proration_behavior"] == "create_prorations")
    flexible = subscription["billing_mode"]["type"] == "flexible"
    given = {"cancel_at": "min_period_end"} if flexible else {"cancel_at_period_end": True}
    return subscription_update.update(world, given, subscription_id)


def portal_renew(world: World, session: Obj, subscription_id: str) -> Obj:
    """Undo a planned cancellation, as the portal's Renew button does."""
    feature(world, session, "subscription_cancel")
    own(world, session, subscription_id)
    return subscription_update.update(world, {"cancel_at": ""}, subscription_id)


def choices(world: World, session: Obj, subscription: Obj) -> list[Obj]:
    """Return the prices that the customer may switch to.

    These are the prices in the same currency that the configuration lists.
    """
    wanted = world.by_id[session["configuration"]]["features"]["subscription_update"]
    if not wanted["enabled"] or "price" not in wanted["default_allowed_updates"]:
        return []
    if len(subscription["items"]["data"]) > 1 or subscription["schedule"] or subscription["cancel_at"]:
        return []
    prices = [world.by_id[name] for entry in wanted["products"] for name in entry["prices"]]
    return [price for price in prices if price["active"] and price["currency"] == subscription["currency"]]


def portal_switch(world: World, session: Obj, subscription_id: str, price_id: str) -> Obj:
    wanted = feature(world, session, "subscription_update")
    subscription = own(world, session, subscription_id)
    if price_id not in {price["id"] for price in choices(world, session, subscription)}:
        raise StripeRefusal(400, "This plan is not offered here.")
    item = subscription["items"]["data"][0]["id"]
    given: Obj = {
        "items": [{"id": item, "price": price_id}],
        "proration_behavior": wanted["proration_behavior"],
    }
    if subscription["status"] == "trialing" and wanted["trial_update_behavior"] == "end_trial":
        given["trial_end"] = "now"
    return subscription_update.update(world, given, subscription_id)


def portal_card(world: World, session: Obj, *, number: str, expiry: str) -> Obj:
    """Save a new card as the default of the customer.

    It also becomes the card of each running subscription that has a card of its own.
    """
    feature(world, session, "payment_method_update")
    customer = world.by_id[session["customer"]]
    method = attach_to(world, typed_card(world, number, expiry), customer)
    with world.changing(customer, "customer.updated"):
        customer["invoice_settings"]["default_payment_method"] = method["id"]
    for subscription in world.all("subscription", customer=customer["id"]):
        if subscription["status"] not in OVER and subscription["default_payment_method"]:
            with world.changing(subscription, UPDATED):
                subscription["default_payment_method"] = method["id"]
    return method


def portal_details(world: World, session: Obj, given: Obj) -> Obj:
    """Change the customer's billing details; fields that the configuration does not allow are ignored."""
    allowed = feature(world, session, "customer_update")["allowed_updates"]
    taken = {key: value for key, value in given.items() if key in allowed}
    return update_customer(world, taken, session["customer"])


def portal_pause(world: World, session: Obj, subscription_id: str) -> Obj:
    feature(world, session, "subscription_pause")
    own(world, session, subscription_id)
    return pause(world, {}, subscription_id)


def portal_unpause(world: World, session: Obj, subscription_id: str) -> Obj:
    feature(world, session, "subscription_pause")
    own(world, session, subscription_id)
    return resume(world, {}, subscription_id)
