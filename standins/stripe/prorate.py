"""Stripe's prorations: credit for unused time and charges for the remaining time, to the second.

Source: docs.stripe.com/billing/subscriptions/prorations (read 2026-11).
"""

from __future__ import annotations

from standins.stripe.catalog import amount_of
from standins.stripe.invoices import line_for
from standins.stripe.state import Obj, World, new_id


def share(amount: int, item: Obj, moment: int) -> int:
    """Return the share of `amount` (minor units) that is due for the rest of the item's period."""
    start, end = item["current_period_start"], item["current_period_end"]
    remains: float = max(end - moment, 0) / (end - start)
    return round(amount * remains)


def credit_unused(world: World, subscription: Obj) -> None:
    for item in subscription["items"]["data"]:
        add_line(world, subscription, item, -1)


def add_line(world: World, subscription: Obj, item: Obj, sign: int) -> None:
    """Add a proration line to the next invoice, as a credit if `sign` is negative.

    A trial has nothing to prorate.
    """
    if subscription["status"] == "trialing":
        return
    price = world.by_id[item["price"]]
    amount = sign * share(
        amount_of(world, price, item["quantity"], subscription["currency"]), item, world.now()
    )
    line = line_for(world, subscription, item, amount)
    product = world.by_id[price["product"]]["name"]
    line["discountable"] = False  # its amount already includes the discount
    line["description"] = f"{'Unused time on' if sign < 0 else 'Remaining time on'} {product}"
    line["period"] = {"start": world.now(), "end": item["current_period_end"]}
    line["parent"]["subscription_item_details"].update(invoice_item=new_id("ii"), proration=True)
    world.hidden.setdefault(("pending", subscription["id"]), []).append(line)
