"""Looks up customers that a request may still change."""

from __future__ import annotations

from standins.stripe.errors import missing
from standins.stripe.state import Obj, World


def living(world: World, customer_id: str, param: str = "id") -> Obj:
    """Return the customer, who must not have been deleted.

    Raises StripeRefusal for a deleted customer, as for an unknown id.
    """
    customer = world.get("customer", customer_id, param)
    if customer.get("deleted"):
        raise missing("customer", customer_id, param)
    return customer
