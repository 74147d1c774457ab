"""Discord, Stripe and PayPal on one machine, over real sockets. They know nothing of the bot."""
