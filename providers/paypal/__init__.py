"""PayPal behind the Provider port: subscriptions, plans and webhooks."""
