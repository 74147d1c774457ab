"""Dues on one machine: a local Discord and Stripe, the real bot between them, a tour and a page."""
