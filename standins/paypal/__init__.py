"""A local PayPal that any client talks to over real sockets; its state is in memory.

    clock = MovableClock()
    async with PayPalServer(clock, "client", "secret") as fake:     # fake.url: PAYPAL_API_URL
        gold = fake.add_plan(fake.add_product("Gold"), "5.00")      # 5.00 USD a month
        hook = fake.add_webhook("http://127.0.0.1:8080/webhooks/paypal")    # hook["id"]: PAYPAL_WEBHOOK_ID
        fake.ca_file                                                # PAYPAL_CA_FILE
        … POST /v1/billing/subscriptions; its "approve" link opens in a browser, or:
        back = fake.approve(link)                                   # where the buyer is sent
        fake.dashboard.fail_next_payment()
        clock.advance(40 * 86400)                                   # renewals, retries and ends
        await fake.settle()                                         # are played and delivered
        fake.world.settings.stale_billing_seconds = 600             # next_billing_time lies at first
        fake.faults.add("status", "/v1/billing", status=429)        # the API misbehaves
        fake.delivery_faults.double = True                          # deliveries misbehave
        await fake.forge("self-signed", hook, fake.events[-1])      # forgery.KINDS
        fake.events, fake.deliveries, fake.exchanges, fake.subscribe(), fake.trap.hits

These helpers refuse with PayPalRefusal. `conformance.Conformance`, passed as `watch=`, checks every
exchange against PayPal's OpenAPI documents. For parts that are left out, and for gaps in those documents, see
docs/decisions/0008-paypal-stand-in.md.
"""

from __future__ import annotations

from standins.delivery import Delivery
from standins.paypal.api import Exchange
from standins.paypal.errors import PayPalRefusal
from standins.paypal.server import PayPalServer
from standins.paypal.state import Buyer, Settings, Subscription

__all__ = ["Buyer", "Delivery", "Exchange", "PayPalRefusal", "PayPalServer", "Settings", "Subscription"]
