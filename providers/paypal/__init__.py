"""PayPal: subscriptions, plans and webhooks behind the Provider port."""
