"""Builds the parameters of a Checkout Session (docs.stripe.com/api/checkout/sessions/create, 2026-11)."""

from __future__ import annotations

from typing import Any

from billing.ports import CheckoutOrder
from billing.rules.names import plain_name
from providers.base import describe_member, describe_server, return_address


def checkout_params(order: CheckoutOrder) -> dict[str, Any]:
    """Return the Checkout Session's parameters for an order, without the customer."""
    checkout = order.checkout
    metadata = {
        "discord_user_id": str(checkout.member_id),
        "discord_guild_id": str(checkout.guild_id),
        "plan": order.plan_name,
        "dues_checkout": checkout.id,
    }
    wording, plan = order.names.wording, plain_name(order.plan_name, 100)
    member, server = describe_member(order), describe_server(order)
    about: dict[str, Any] = {
        "metadata": metadata,
        "description": wording.description.format(plan=plan, member=member, server=server),
    }
    if order.starts_at is not None:
        about["trial_end"] = order.starts_at
    elif order.trial_days > 0:
        about["trial_period_days"] = order.trial_days
    return {
        "mode": "subscription",
        "client_reference_id": checkout.id,
        "line_items": [{"price": order.price.id, "quantity": 1}],
        "subscription_data": about,
        "metadata": metadata,
        "custom_text": {"submit": {"message": wording.submit.format(member=member, server=server)}},
        "allow_promotion_codes": True,
        # Without this, the Dashboard decides whether buyers may pay in a currency other than the one shown
        # here.
        "adaptive_pricing": {"enabled": False},
        "success_url": return_address(order, "paid"),
        "cancel_url": return_address(order, "cancelled"),
    }
