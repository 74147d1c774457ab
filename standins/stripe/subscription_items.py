"""Subscription items: validates their prices and creates new ones."""

from __future__ import annotations

from standins.stripe.errors import invalid, required
from standins.stripe.state import Obj, World, merge_metadata, new_id


def check_prices(world: World, items: list[Obj], param: str = "items") -> list[Obj]:
    """Return the items' prices, which must all be recurring, active and of one currency.

    Raises BadParameter or StripeRefusal otherwise.
    """
    prices = []
    for n, item in enumerate(items):
        if "price" not in item:
            raise required(f"{param}[{n}][price]")
        price = world.get("price", item["price"], f"{param}[{n}][price]")
        if price["recurring"] is None:
            raise invalid(
                "The price specified is set to `type=one_time` but this field only accepts prices with "
                "`type=recurring`.",
                f"{param}[{n}][price]",
            )
        refuse_inactive(world, price, f"{param}[{n}][price]")
        prices.append(price)
    if len({price["currency"] for price in prices}) > 1:
        raise invalid("All prices on a subscription must have the same currency.", param)
    return prices


def refuse_inactive(world: World, price: Obj, param: str) -> None:
    if not price["active"]:
        raise invalid(
            "The price specified is inactive. This field only accepts active prices.",
            param,
            "price_inactive",
        )
    product = world.by_id[price["product"]]
    if not product["active"]:
        raise invalid(
            f"Price `{price['id']}` is not available to be purchased because its product is not active.",
            param,
        )


def new_item(world: World, subscription_id: str, given: Obj) -> Obj:
    item: Obj = {
        "id": new_id("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": world.now(),
        "current_period_start": world.now(),
        "current_period_end": world.now(),
        "discounts": [],
        "metadata": {},
        "price": given["price"],
        "quantity": given.get("quantity", 1),
        "subscription": subscription_id,
        "tax_rates": given.get("tax_rates") or [],
    }
    merge_metadata(item, given.get("metadata"))
    return item
