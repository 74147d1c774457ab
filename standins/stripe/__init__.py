"""A local Stripe that the real `stripe` package talks to over real sockets; its state is in memory.

    clock = MovableClock()
    async with StripeServer(clock, api_key="sk_test_local") as fake:
        client = stripe.StripeClient("sk_test_local", base_addresses={"api": fake.url})
        gold = fake.add_price(fake.add_product("Gold"), 500)          # 5.00 USD a month
        hook = fake.add_endpoint("http://127.0.0.1:8080/webhooks/stripe")   # hook["secret"]: whsec_…
        session = await client.v1.checkout.sessions.create_async({
            "mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 1}]})
        paid = fake.pay_checkout(session.url)                         # or open session.url in a browser
        fake.dashboard.fail_next_payment()
        clock.advance(40 * 86400)                                     # renewals, retries and ends
        await fake.settle()                                           # are played and delivered
        fake.faults.add("status", "/v1/refunds", status=500)          # the API misbehaves
        fake.delivery_faults.double = True                            # deliveries misbehave
        fake.events, fake.deliveries, fake.exchanges, fake.subscribe()

These helpers refuse with StripeRefusal. `conformance.Conformance()`, passed as `watch=`, checks every
exchange against the stripe package's own types. docs/decisions/0002-stripe-stand-in.md lists the parts of
Stripe that are implemented.
"""

from __future__ import annotations

from standins.delivery import Delivery
from standins.stripe.api import Exchange
from standins.stripe.errors import StripeRefusal
from standins.stripe.server import StripeServer
from standins.stripe.state import API_VERSION, Settings

__all__ = ["API_VERSION", "Delivery", "Exchange", "Settings", "StripeRefusal", "StripeServer"]
