"""Stripe's coupons, promotion codes and the discounts that they create.

Source: docs.stripe.com/billing/subscriptions/coupons (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from standins.stripe.dates import after
from standins.stripe.errors import StripeRefusal, invalid, missing
from standins.stripe.routes import Route, delete, get, list_of, post
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id, token


def create_coupon(world: World, given: Obj) -> Obj:
    percent, amount = given.get("percent_off"), given.get("amount_off")
    if (percent is None) == (amount is None):
        raise invalid("You must pass either percent_off or amount_off, not both.", "percent_off")
    if amount is not None and "currency" not in given:
        raise invalid("You must pass currency when passing amount_off", "currency")
    if percent is not None and not 0 < percent <= 100:
        raise invalid("Invalid percent_off: must be above 0 and at most 100.", "percent_off")
    duration = given.get("duration", "once")
    if (duration == "repeating") != ("duration_in_months" in given):
        raise invalid("duration_in_months is for repeating coupons, which need it.", "duration_in_months")
    coupon: Obj = {
        "id": given.get("id") or token(8),
        "object": "coupon",
        "amount_off": amount,
        "created": world.now(),
        "currency": given["currency"].lower() if amount is not None else None,
        "duration": duration,
        "duration_in_months": given.get("duration_in_months"),
        "livemode": world.livemode,
        "max_redemptions": given.get("max_redemptions"),
        "metadata": {},
        "name": given.get("name"),
        "percent_off": percent,
        "redeem_by": given.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    merge_metadata(coupon, given.get("metadata"))
    products: list[str] | None = given.get("applies_to", {}).get("products")
    world.hidden["applies_to", coupon["id"]] = None if products is None else {"products": products}
    world.add(coupon)
    world.emit("coupon.created", coupon)
    return coupon


def applies_to(world: World, coupon: Obj) -> Obj | None:
    """Return the products to which the coupon is limited; None if it is not limited.

    Stripe shows this field only when it is expanded.
    """
    found: Obj | None = world.hidden.get(("applies_to", coupon["id"]))
    return found


def delete_coupon(world: World, given: Obj, coupon_id: str) -> Obj:
    """Delete a coupon. Discounts that it has already created continue."""
    coupon = world.get("coupon", coupon_id)
    world.tables["coupon"].pop(coupon_id)
    world.emit("coupon.deleted", coupon)
    return {"id": coupon_id, "object": "coupon", "deleted": True}


def retrieve_coupon(world: World, given: Obj, coupon_id: str) -> Obj:
    return world.get("coupon", coupon_id)


def create_code(world: World, given: Obj) -> Obj:
    coupon = world.get("coupon", given["promotion"].get("coupon", ""), "promotion[coupon]")
    code = world.add(
        {
            **blank("customer customer_account"),
            "id": new_id("promo"),
            "object": "promotion_code",
            "active": given.get("active", True),
            "code": given.get("code") or token(8).upper(),
            "created": world.now(),
            "expires_at": given.get("expires_at"),
            "livemode": world.livemode,
            "max_redemptions": given.get("max_redemptions"),
            "metadata": {},
            "promotion": {"coupon": coupon["id"], "type": "coupon"},
            "restrictions": {
                "first_time_transaction": False,
                "minimum_amount": None,
                "minimum_amount_currency": None,
            },
            "times_redeemed": 0,
        }
    )
    world.emit("promotion_code.created", code)
    return code


def code_typed(world: World, text: str) -> Obj:
    """Return the promotion code that a customer typed on a payment page."""
    found = [c for c in world.all("promotion_code", active=True) if c["code"].lower() == text.lower()]
    if not found:
        raise StripeRefusal(402, "This code is invalid.", code="resource_missing")
    return found[0]


def redeem(world: World, given: Obj, param: str, **on: str | None) -> str:
    """Redeem a coupon or code, and return the new discount's id.

    If the request names an existing discount, its id is returned. `on` names the customer, subscription or
    item that the new discount belongs to.
    """
    if given.get("discount"):
        return str(world.get("discount", given["discount"], f"{param}[discount]")["id"])
    code = world.get("promotion_code", given["promotion_code"]) if given.get("promotion_code") else None
    name = code["promotion"]["coupon"] if code else given.get("coupon", "")
    coupon = world.get("coupon", name, f"{param}[coupon]")
    for used in filter(None, (coupon, code)):
        used["times_redeemed"] += 1
    months = coupon["duration_in_months"]
    discount = world.add(
        {
            **blank("checkout_session customer customer_account invoice invoice_item subscription"),
            **blank("subscription_item"),
            "id": new_id("di"),
            "object": "discount",
            "end": after(world.now(), "month", months) if months else None,
            "promotion_code": code["id"] if code else None,
            "source": {"coupon": coupon["id"], "type": "coupon"},
            "start": world.now(),
            **on,
        }
    )
    world.emit("customer.discount.created", discount)
    return str(discount["id"])


def set_discounts(world: World, holder: Obj, wanted: Sequence[Obj] | str, **on: str | None) -> None:
    """Replace the discounts of a subscription or item; an empty string removes them all."""
    before = list(holder["discounts"])
    rows = [] if isinstance(wanted, str) else wanted
    holder["discounts"] = [redeem(world, one, f"discounts[{n}]", **on) for n, one in enumerate(rows)]
    for name in before:
        if name not in holder["discounts"]:
            _gone(world, name)


def give_customer(world: World, customer: Obj, coupon_id: str) -> Obj:
    """Give a customer a discount, as the dashboard does; the API lost this parameter in 2025-09-30.clover."""
    discount = world.by_id[redeem(world, {"coupon": coupon_id}, "coupon", customer=customer["id"])]
    customer["discount"] = discount["id"]
    return discount


def take_from_customer(world: World, given: Obj, customer_id: str) -> Obj:
    customer = world.get("customer", customer_id)
    return _taken(world, customer, customer["discount"])


def take_from_subscription(world: World, given: Obj, subscription_id: str) -> Obj:
    subscription = world.get("subscription", subscription_id)
    return _taken(world, subscription, next(iter(subscription["discounts"]), None))


def _taken(world: World, holder: Obj, name: str | None) -> Obj:
    if name is None:
        raise missing("discount", holder["id"])
    drop(world, [holder], name)
    return {**world.by_id[name], "deleted": True}


def drop(world: World, holders: Sequence[Obj], name: str) -> None:
    """Remove a discount from those of `holders` that have it, and emit customer.discount.deleted."""
    for holder in holders:
        if holder.get("discount") == name:
            holder["discount"] = None
        if name in (holder.get("discounts") or []):
            holder["discounts"] = [one for one in holder["discounts"] if one != name]
    _gone(world, name)


def _gone(world: World, name: str) -> None:
    world.emit("customer.discount.deleted", world.by_id[name])


def in_force(world: World, subscription: Obj, line: Obj, moment: int) -> Iterator[Obj]:
    """Yield the discounts of a line in the order in which they apply.

    The item's own come first, then the subscription's or, if the subscription has none, the customer's.
    """
    details = (line["parent"] or {}).get("subscription_item_details") or {}
    items = {item["id"]: item for item in subscription["items"]["data"]}
    item = items.get(details.get("subscription_item", ""), {})
    customer = world.by_id[subscription["customer"]]
    whose = [customer["discount"]] if customer.get("discount") else []
    for name in (*item.get("discounts", []), *(subscription["discounts"] or whose)):
        discount = world.by_id[name]
        if discount["end"] is None or discount["end"] > moment:
            yield discount


def coupon_of(world: World, discount: Obj) -> Obj:
    """Return the coupon that created the discount, even if it has been deleted since."""
    found: Obj = world.by_id[discount["source"]["coupon"]]
    return found


def reduces(world: World, discount: Obj, line: Obj) -> bool:
    limits = applies_to(world, coupon_of(world, discount))
    return limits is None or line["pricing"]["price_details"]["product"] in limits["products"]


COUPON = (
    "amount_off applies_to(products) currency duration duration_in_months id max_redemptions metadata name "
)

ROUTES: list[Route] = [
    post("/v1/coupons", "CouponCreateParams", create_coupon, COUPON + "percent_off redeem_by"),
    get("/v1/coupons/{id}", "CouponRetrieveParams", retrieve_coupon),
    delete("/v1/coupons/{id}", "CouponDeleteParams", delete_coupon),
    list_of("coupon", "/v1/coupons", "CouponListParams"),
    post(
        "/v1/promotion_codes",
        "PromotionCodeCreateParams",
        create_code,
        "active code expires_at max_redemptions promotion(type coupon)",
    ),
    list_of("promotion_code", "/v1/promotion_codes", "PromotionCodeListParams", "code active"),
    delete("/v1/customers/{id}/discount", "CustomerDeleteDiscountParams", take_from_customer),
    delete("/v1/subscriptions/{id}/discount", "SubscriptionDeleteDiscountParams", take_from_subscription),
]
