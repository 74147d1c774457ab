"""Finding a customer that a request may still change."""

from __future__ import annotations

from standins.stripe.errors import missing
from standins.stripe.state import Obj, World


def living(world: World, customer_id: str, param: str = "id") -> Obj:
    """The customer, unless it was deleted: then it is missing to every write."""
    customer = world.get("customer", customer_id, param)
    if customer.get("deleted"):
        raise missing("customer", customer_id, param)
    return customer
