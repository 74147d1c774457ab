"""Builds the request that creates a PayPal subscription (docs/api/subscriptions/v1, 2026-11)."""

from __future__ import annotations

from typing import Any

from billing.errors import ProviderRefused
from billing.model.translatable_text import Text
from billing.ports import CheckoutOrder
from providers.base import describe_member, describe_server, return_address
from providers.paypal.billing_plans import DAY
from providers.paypal.dates import stamp

# Seconds. A start that is any nearer may be in the past by the time PayPal reads it.
_SOONEST = 300


def checkout_body(order: CheckoutOrder, now: float) -> dict[str, Any]:
    """Return the body of the request that creates the subscription.

    If the order starts later, nothing is charged until then: the time is either already paid for, or a trial
    that the PayPal plan does not include. Raises ProviderRefused if the plan's own trial is longer than the
    order allows.
    """
    wanted: dict[str, Any] = {
        "plan_id": order.price.id,
        "custom_id": order.checkout.id,
        "application_context": {
            # PayPal shows this in place of the owner's name and accepts up to 127 characters.
            "brand_name": order.names.wording.brand.format(
                server=describe_server(order, 45), member=describe_member(order, 38)
            ),
            "user_action": "SUBSCRIBE_NOW",
            "shipping_preference": "NO_SHIPPING",
            "return_url": return_address(order, "paid"),
            "cancel_url": return_address(order, "cancelled"),
        },
    }
    start, more = order.starts_at, order.trial_days - order.price.trial_days
    if more < 0:
        raise ProviderRefused(
            Text("error.paypal.plan_has_trial"),
            detail=f"the plan's trial is {-more} days too long",
        )
    if start is None and more > 0:
        start = int(now) + more * DAY
    if start is not None and start >= now + _SOONEST:
        wanted["start_time"] = stamp(start)
    return wanted
