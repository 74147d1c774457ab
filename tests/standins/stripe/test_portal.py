"""Portal configurations and sessions through the API."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from standins.stripe import StripeServer
from tests.standins.stripe.helpers import subscribe

Client = stripe.StripeClient


async def test_a_portal_configuration_is_created_and_changed(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    portal = client.v1.billing_portal.configurations
    made = await portal.create_async(
        {
            "business_profile": {"headline": "Hello"},
            "default_return_url": "https://example.com",
            "features": {
                "subscription_cancel": {"enabled": True},
                "subscription_update": {
                    "enabled": True,
                    "default_allowed_updates": ["price"],
                    "products": [{"product": gold["product"], "prices": [gold["id"]]}],
                },
            },
            "metadata": {"owner": "tests"},
        }
    )
    assert made.is_default is False
    assert made.features.subscription_cancel.mode == "at_period_end"
    assert made.features.payment_method_update.enabled is False
    shown = await portal.retrieve_async(made.id, {"expand": ["features.subscription_update.products"]})
    assert shown.features.subscription_update.products is not None
    assert shown.features.subscription_update.products[0].prices == [gold["id"]]
    changed = await portal.update_async(
        made.id,
        {
            "features": {"subscription_update": {"enabled": False}, "invoice_history": {"enabled": True}},
            "business_profile": {"headline": ""},
        },
    )
    assert changed.features.invoice_history.enabled is True
    assert changed.features.subscription_cancel.enabled is True
    assert changed.business_profile.headline is None
    off = await portal.update_async(made.id, {"active": False})
    assert off.active is False
    assert [one.id for one in (await portal.list_async({"active": False})).data] == [made.id]
    customer = await client.v1.customers.create_async({})
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.billing_portal.sessions.create_async(
            {"customer": customer.id, "configuration": made.id}
        )


@pytest.mark.parametrize(
    ("features", "param"),
    [
        ({"subscription_update": {"enabled": True}}, "[default_allowed_updates]"),
        ({"subscription_update": {"enabled": True, "default_allowed_updates": ["price"]}}, "[products]"),
        ({"customer_update": {"enabled": True}}, "[allowed_updates]"),
        ({"customer_update": {"enabled": True, "allowed_updates": ["shoe"]}}, "[allowed_updates][0]"),
        ({"subscription_cancel": {"mode": "immediately"}}, "[enabled]"),
        ({"subscription_cancel": {"enabled": True, "proration_behavior": "always_invoice"}}, "behavior]"),
        ({"subscription_cancel": {"enabled": True, "proration_behavior": "create_prorations"}}, "behavior]"),
        ({"subscription_cancel": {"enabled": True, "cancellation_reason": {"enabled": True}}}, "[options]"),
        ({"teleport": {"enabled": True}}, "features[teleport]"),
    ],
)
async def test_invalid_portal_features_are_refused(client: Client, features: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.billing_portal.configurations.create_async({"features": features})
    assert str(caught.value.param).endswith(param)


async def test_invalid_products_to_switch_to_are_refused(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    twin = fake.add_price(gold["product"], 700)
    other = fake.add_price(fake.add_product("Silver"), 300)
    many = [fake.add_price(fake.add_product(f"Plan {n}"), 100) for n in range(11)]
    mistakes = [
        [{"product": gold["product"], "prices": [gold["id"], twin["id"]]}],
        [{"product": gold["product"], "prices": [other["id"]]}],
        [{"product": "prod_none", "prices": [gold["id"]]}],
        [{"product": gold["product"], "prices": []}],
        [{"product": one["product"], "prices": [one["id"]]} for one in many],
    ]
    for products in mistakes:
        update: Any = {"enabled": True, "default_allowed_updates": ["price"], "products": products}
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.billing_portal.configurations.create_async(
                {"features": {"subscription_update": update}}
            )


async def test_a_portal_session_needs_a_configuration_and_a_customer(
    client: Client, fake: StripeServer, gold: Any
) -> None:
    subscription = await subscribe(client, fake, gold)
    customer = str(subscription.customer)
    with pytest.raises(stripe.InvalidRequestError, match="default configuration"):
        await client.v1.billing_portal.sessions.create_async({"customer": customer})
    default = fake.dashboard.save_portal_settings()
    session = await client.v1.billing_portal.sessions.create_async({"customer": customer})
    assert (session.configuration, session.flow) == (default["id"], None)
    assert len(session.url.rsplit("/", 1)[1]) > 50
    update: Any = {"type": "subscription_update", "subscription_update": {"subscription": subscription.id}}
    with pytest.raises(stripe.InvalidRequestError, match="disabled"):
        await client.v1.billing_portal.sessions.create_async({"customer": customer, "flow_data": update})
    other = await subscribe(client, fake, gold)
    cancel: Any = {"type": "subscription_cancel", "subscription_cancel": {"subscription": other.id}}
    with pytest.raises(stripe.InvalidRequestError, match="does not belong"):
        await client.v1.billing_portal.sessions.create_async({"customer": customer, "flow_data": cancel})
    fake.dashboard.delete_customer(customer)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.billing_portal.sessions.create_async({"customer": customer})
    assert (caught.value.param, caught.value.code) == ("customer", "resource_missing")
