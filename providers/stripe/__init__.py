"""Stripe behind the Provider port: subscriptions, Checkout, the billing portal and webhooks."""
