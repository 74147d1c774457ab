"""Local stand-ins for Discord, Stripe and PayPal, used over real sockets. They know nothing of the bot."""
