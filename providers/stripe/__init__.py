"""Stripe: subscriptions, Checkout, the billing portal and webhooks behind the Provider port."""
