"""Stripe's API for products and prices."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from standins.stripe.errors import StripeRefusal, invalid, required
from standins.stripe.routes import PAGING, Route, delete, get, page, post, retrieve
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id


def create_product(world: World, given: Obj) -> Obj:
    if not given["name"]:
        raise invalid("You passed an empty string for 'name'.", "name", "parameter_invalid_empty")
    product = world.add(
        {
            **blank("default_price description package_dimensions shippable statement_descriptor tax_code"),
            **blank("tax_details unit_label url"),
            "id": given.get("id") or new_id("prod", 14),
            "object": "product",
            "active": given.get("active", True),
            "created": world.now(),
            "images": given.get("images") or [],
            "livemode": world.livemode,
            "marketing_features": given.get("marketing_features") or [],
            "metadata": {},
            "name": given["name"],
            "type": "service",
            "updated": world.now(),
        }
    )
    product["description"] = given.get("description")
    merge_metadata(product, given.get("metadata"))
    world.emit("product.created", product)
    if "default_price_data" in given:
        price = create_price(world, {**given["default_price_data"], "product": product["id"]})
        product["default_price"] = price["id"]
    return product


def update_product(world: World, given: Obj, product_id: str) -> Obj:
    product = world.get("product", product_id)
    if given.get("default_price"):
        world.get("price", given["default_price"], "default_price")
    with world.changing(product, "product.updated"):
        merge_metadata(product, given.pop("metadata", None))
        product.update(
            {key: None if value == "" else value for key, value in given.items() if key != "expand"}
        )
        product["updated"] = world.now()
    return product


def delete_product(world: World, given: Obj, product_id: str) -> Obj:
    product = world.get("product", product_id)
    if world.all("price", product=product_id):
        raise StripeRefusal(
            400, "This product cannot be deleted because it has one or more user-created prices.", param="id"
        )
    world.drop(product)
    world.emit("product.deleted", product)
    return {"id": product_id, "object": "product", "deleted": True}


def list_products(world: World, given: Obj) -> Obj:
    rows = world.all("product", **{key: given[key] for key in ("active",) if key in given})
    if "ids" in given:
        rows = [row for row in rows if row["id"] in given["ids"]]
    return page(rows, given, "/v1/products")


def create_price(world: World, given: Obj) -> Obj:
    if "product" not in given and "product_data" not in given:
        raise required("product")
    if "product_data" in given:
        given["product"] = create_product(world, given["product_data"])["id"]
    world.get("product", given["product"], "product")
    amount, exact = _amounts(given)
    recurring = given.get("recurring")
    price = world.add(
        {
            **blank("custom_unit_amount tiers_mode transform_quantity"),
            "id": new_id("price"),
            "object": "price",
            "active": given.get("active", True),
            "billing_scheme": "per_unit",
            "created": world.now(),
            "currency": _currency(given["currency"]),
            "livemode": world.livemode,
            "lookup_key": given.get("lookup_key"),
            "metadata": {},
            "nickname": given.get("nickname"),
            "product": given["product"],
            "recurring": _recurring(recurring) if recurring else None,
            "tax_behavior": given.get("tax_behavior", "unspecified"),
            "type": "recurring" if recurring else "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": exact,
        }
    )
    merge_metadata(price, given.get("metadata"))
    world.hidden["currencies", price["id"]] = given.get("currency_options") or {}
    world.emit("price.created", price)
    return price


def currency_options(world: World, price: Obj) -> Obj:
    """Return the price's amount in each of its currencies.

    Stripe shows this field only when it is expanded.
    """
    own = {price["currency"]: {"unit_amount": price["unit_amount"]}}
    return {
        currency: {
            "custom_unit_amount": None,
            "tax_behavior": price["tax_behavior"],
            "unit_amount": one["unit_amount"],
            "unit_amount_decimal": str(one["unit_amount"]),
        }
        for currency, one in {**own, **world.hidden.get(("currencies", price["id"]), {})}.items()
    }


def amount_of(world: World, price: Obj, quantity: int, currency: str) -> int:
    """Return the amount for a quantity in `currency`, in minor units.

    Fractions are rounded half up per line.
    """
    if price["currency"] != currency:
        unit = Decimal(currency_options(world, price)[currency]["unit_amount"])
    else:
        unit = Decimal(price["unit_amount_decimal"])
    return int((unit * quantity).quantize(Decimal(1), ROUND_HALF_UP))


def _amounts(given: Obj) -> tuple[int | None, str]:
    if "unit_amount_decimal" in given:
        exact = given["unit_amount_decimal"]
        return (int(exact) if exact == exact.to_integral_value() else None), str(exact)
    if "unit_amount" not in given:
        raise required("unit_amount")
    if given["unit_amount"] < 0:
        raise invalid(
            "This value must be greater than or equal to 0.", "unit_amount", "parameter_invalid_integer"
        )
    return given["unit_amount"], str(Decimal(given["unit_amount"]))


def _currency(code: str) -> str:
    if len(code) != 3 or not code.isalpha():
        raise invalid(f"Invalid currency: {code}.", "currency")
    return code.lower()


LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}  # three years, docs.stripe.com/api/prices/create


def _recurring(given: Obj) -> Obj:
    count = given.get("interval_count", 1)
    if not 1 <= count <= LONGEST[given["interval"]]:
        raise invalid(
            f"Invalid interval_count: at most {LONGEST[given['interval']]} for {given['interval']}.",
            "recurring[interval_count]",
        )
    return {
        "interval": given["interval"],
        "interval_count": count,
        "meter": None,
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }


def update_price(world: World, given: Obj, price_id: str) -> Obj:
    price = world.get("price", price_id)
    with world.changing(price, "price.updated"):
        merge_metadata(price, given.pop("metadata", None))
        price.update({key: value for key, value in given.items() if key != "expand"})
    return price


def list_prices(world: World, given: Obj) -> Obj:
    wanted: dict[str, Any] = {k: given[k] for k in ("active", "product", "currency", "type") if k in given}
    rows = world.all("price", **wanted)
    if "lookup_keys" in given:
        rows = [row for row in rows if row["lookup_key"] in given["lookup_keys"]]
    for key, value in given.get("recurring", {}).items():
        rows = [row for row in rows if row["recurring"] and row["recurring"][key] == value]
    return page(rows, given, "/v1/prices")


PRODUCT = "active description images marketing_features metadata name"
PRICE = (
    "active currency currency_options lookup_key metadata nickname product tax_behavior unit_amount "
    "unit_amount_decimal "
)
RECURRING = "recurring(interval interval_count trial_period_days)"

ROUTES: list[Route] = [
    post(
        "/v1/products",
        "ProductCreateParams",
        create_product,
        f"{PRODUCT} id default_price_data(currency metadata unit_amount unit_amount_decimal {RECURRING})",
    ),
    retrieve("product", "/v1/products/{id}", "ProductRetrieveParams"),
    post("/v1/products/{id}", "ProductUpdateParams", update_product, PRODUCT + " default_price"),
    delete("/v1/products/{id}", "ProductDeleteParams", delete_product),
    get("/v1/products", "ProductListParams", list_products, PAGING + "active ids created"),
    post(
        "/v1/prices", "PriceCreateParams", create_price, f"{PRICE} {RECURRING} product_data(id metadata name)"
    ),
    retrieve("price", "/v1/prices/{id}", "PriceRetrieveParams"),
    post("/v1/prices/{id}", "PriceUpdateParams", update_price, "active lookup_key metadata nickname"),
    get(
        "/v1/prices",
        "PriceListParams",
        list_prices,
        PAGING + "active product currency type lookup_keys recurring created",
    ),
]
