"""Local stand-ins for Discord, Stripe and PayPal that are used over real sockets. They know
nothing of the bot."""
